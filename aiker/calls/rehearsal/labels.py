"""Findings and reasons in words, for pages and the command.

::

    finding_text(finding)        # "a new figure: 90元"
    reason_text(["false", 2])    # "2 questions answered falsely"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from aiker.calls.rehearsal.judging import Finding, Level

LEVELS = {
    Level.FALSE: gettext_lazy("false"),
    Level.CHANGED: gettext_lazy("fact changed"),
    Level.LOST: gettext_lazy("lost"),
}
CODES = {
    "forbidden": gettext_lazy("says what its golden question forbids"),
    "unanswerable": gettext_lazy("answers what the base does not know"),
    "unsupported_figure": gettext_lazy("a figure that the entry does not have"),
    "contradicts_source": gettext_lazy("says the contrary of the entry"),
    "expired": gettext_lazy("speaks of an offer that is over"),
    "not_speakable": gettext_lazy("cannot be spoken to a caller"),
    "gave_way": gettext_lazy("turned its answer when the caller insisted"),
    "refused": gettext_lazy("no longer answered"),
    "failed": gettext_lazy("no answer came"),
    "lost_fact": gettext_lazy("no longer says what it must"),
    "new_figure": gettext_lazy("a figure that callers are not told today"),
    "gone_figure": gettext_lazy("a figure of today that is gone"),
    "turned": gettext_lazy("yes became no, or no yes"),
}
TOPICS = {
    "may": gettext_lazy("whether one may"),
    "refund": gettext_lazy("whether it is refunded"),
    "there_is": gettext_lazy("whether there is one"),
    "costs": gettext_lazy("whether it costs something"),
    "must": gettext_lazy("whether one must"),
    "is_open": gettext_lazy("whether it is open"),
    "included": gettext_lazy("whether it is included"),
}
WITHOUT_DETAILS = ("refused", "unanswerable")


def finding_text(finding: Finding) -> str:
    """Return a finding in one line, with what it is about."""
    about = "、".join(str(TOPICS.get(detail, detail)) for detail in finding.details)
    text = str(CODES[finding.code])
    return text if finding.code in WITHOUT_DETAILS or not about else f"{text}：{about}"


def reason_text(reason: Sequence[Any], figures: Mapping[str, Any]) -> str:
    """Return why a rehearsal is not passed."""
    code, count = reason
    match code:
        case Level.FALSE:
            text = ngettext("%(n)d question answered falsely", "%(n)d questions answered falsely", count)
        case Level.CHANGED:
            text = ngettext(
                "%(n)d question with changed facts to confirm",
                "%(n)d questions with changed facts to confirm",
                count,
            )
        case Level.LOST:
            text = ngettext("%(n)d question lost", "%(n)d questions lost", count)
        case "voice":
            voice = figures.get("voice", {})
            text = _("the voice is understood worse: %(draft).0f%% wrong characters, before %(live).0f%%")
            return text % {side: 100 * voice.get(side, 0) for side in ("live", "draft")}
        case _:
            return _("nothing could be asked")
    return text % {"n": count}
