"""What is asked on the page where a question is tried: read from the address, or from a turn of a call.

::

    form = read_form(request.GET)       # reads the database
    form.base, form.assistant, form.version, form.question

    ?who=anna&q=周六开门吗               # an assistant, on the live version
    ?who=base:onesuite&q=...&version=12 # a base without an assistant, on that version
    ?turn=345                           # as that turn was asked
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from aiker.calls.models import Assistant, Turn
from knowledge.models import IndexVersion, KnowledgeBase

MOST_PASSAGES = 10
BASE = "base:"
DEFAULT_K = 3


@dataclass(frozen=True, slots=True)
class TryForm:
    """``version`` is None where the base has no index; ``notice`` says what was not as it was asked for."""

    who: str = ""
    assistant: Assistant | None = None
    base: KnowledgeBase | None = None
    version: IndexVersion | None = None
    question: str = ""
    before: str = ""
    k: int = DEFAULT_K
    notice: str = ""

    @property
    def is_live(self) -> bool:
        return bool(self.base and self.version and self.base.active_version_id == self.version.pk)


def read_form(data: Mapping[str, str]) -> TryForm:
    """Return the form as it was sent; of what is missing, the first assistant and the live version."""
    if data.get("turn", "").isdigit():
        turn = Turn.objects.select_related("call__assistant").filter(pk=int(data["turn"])).first()
        if turn and turn.call.assistant:
            return of_turn(turn, turn.call.assistant)
        return complete({}, _("That turn is gone, or its assistant."))
    return complete(data)


def complete(data: Mapping[str, str], notice: str = "") -> TryForm:
    assistant, base = whom(data.get("who", ""))
    who = assistant.slug if assistant else f"{BASE}{base.slug}" if base else ""
    version, wanted = base.active_version if base else None, data.get("version", "")
    if base and wanted:
        found = ready_version(base, wanted)
        if found is None:
            notice = _("That version is gone; this is the live one.")
        version = found or version
    given = data.get("k", "")
    k = int(given) if given.isdigit() else assistant.passages if assistant else DEFAULT_K
    return TryForm(
        who,
        assistant,
        base,
        version,
        data.get("q", "").strip()[:500],
        data.get("before", "").strip()[:500],
        min(max(k, 1), MOST_PASSAGES),
        notice,
    )


def whom(who: str) -> tuple[Assistant | None, KnowledgeBase | None]:
    """Return the assistant and the base that are asked; the first ones there are where none is named."""
    bases = KnowledgeBase.objects.select_related("active_version__base")
    if who.startswith(BASE):
        return None, bases.filter(slug=who.removeprefix(BASE)).first()
    assistants = Assistant.objects.select_related("profile", "voice_profile__engine")
    if who:
        assistant = assistants.filter(slug=who).first()
    else:
        assistant = assistants.filter(is_active=True, knowledge_base__isnull=False).first()
    if assistant is None:
        return None, bases.first()
    return assistant, bases.filter(assistant=assistant).first()


def ready_version(base: KnowledgeBase, wanted: str) -> IndexVersion | None:
    """Return a version of the base that can be searched, by its number or the name of its collection."""
    ready = base.versions.filter(state=IndexVersion.State.READY).select_related("base")
    if wanted.isdigit():
        return ready.filter(pk=int(wanted)).first()
    return ready.filter(collection_name=wanted).first()


def of_turn(turn: Turn, assistant: Assistant) -> TryForm:
    """Return the form as a turn was asked: with the question before it, in its version."""
    earlier = Turn.objects.filter(call=turn.call_id, number__lt=turn.number).order_by("-number").first()
    before = (earlier.retrieval.get("query") or earlier.user_text) if earlier else ""
    data = {"who": assistant.slug, "q": turn.user_text, "before": before}
    return complete(data | {"version": turn.retrieval.get("version", "")})
