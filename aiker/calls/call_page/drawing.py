"""A turn's waterfall, and the strip of turns under the waveform, as HTML.

Made here and not in a template: a call may have 200 turns of ten bars. A bar is pale where other work was
waited for anyway, and full where nothing but it was waited for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aiker.calls.call_page.times import TurnTimes
from aiker.calls.call_page.waterfall import ANSWER, Axis, Span
from aiker.calls.templatetags.calls_extras import latency_name

# Who answers for a step that no engine does.
_OWNERS = {
    "config": gettext_lazy("setting"),
    "cache": gettext_lazy("made ahead"),
    "knowledge": gettext_lazy("knowledge"),
    "assistant": gettext_lazy("setting"),
    "media": gettext_lazy("telephony"),
}


def waterfall(
    spans: Sequence[Span], times: TurnTimes, barge_ins: Sequence[dict[str, Any]], *, audible: bool
) -> SafeString:
    """Return the bars of a turn; ``audible``: there is a recording, so that each can be played from."""
    began = times.after_zero(times.began_ms)
    axis, zero = Axis.of(spans, began), times.zero_ms
    plays = audible and zero is not None
    rows = [_scale(axis, spans, began), *(_waves() if plays else [])]
    rows += [_bar(span, axis, zero if plays else None) for span in spans]
    return format_html(
        '<div class="wf" role="group" aria-label="{}" data-knots="{}" data-zero="{}">{}{}</div>',
        _("Parts of the latency"),
        json.dumps(axis.knots),
        "" if zero is None else round(zero),
        # Numbered, so that the lines can run through all of them.
        format_html_join("", '<div class="wf-row" style="grid-row:{}">{}</div>', enumerate(rows, start=1)),
        _lines(axis, times, barge_ins, len(rows)),
    )


def _scale(axis: Axis, spans: Sequence[Span], began: float | None) -> SafeString:
    """Return the row above the bars: the caller's words, ticks of the wait from zero on, the answer."""
    ticks = format_html_join(
        "",
        '<span class="wf-tick" style="left:{}%">{}</span>',
        ((f"{axis.x(ms):.2f}", _short(ms)) for ms in axis.ticks()),
    )
    parts = []
    if began is not None and began < 0:
        parts.append((0.0, axis.x(0), _("caller %(s)s") % {"s": _short(-began)}))
    answer = next((span for span in spans if span.name == ANSWER), None)
    if answer and axis.knots[-1][0] > axis.waits_until:
        parts.append((axis.x(axis.waits_until), 100.0, _("heard %(s)s") % {"s": _short(answer.ms)}))
    sections = format_html_join(
        "",
        '<span class="wf-part" style="left:{}%;width:{}%" title="{}">{}</span>',
        ((f"{left:.2f}", f"{right - left:.2f}", text, text) for left, right, text in parts),
    )
    return format_html('<span class="wf-scale">{}{}</span>', sections, ticks)


def _waves() -> list[SafeString]:
    """Return two rows that the page's script fills with the recording, on the axis of the bars."""
    return [
        format_html(
            '<span class="wf-label">{}</span><span class="wf-track wf-wave"><svg data-wave="{}"'
            ' viewBox="0 0 100 2" preserveAspectRatio="none" aria-hidden="true"></svg></span>',
            label,
            side,
        )
        for label, side in ((_("Caller"), "caller"), (_("Assistant"), "assistant"))
    ]


def _bar(span: Span, axis: Axis, zero: float | None) -> SafeString:
    left, right = axis.x(span.start_ms), axis.x(span.end_ms)
    name = _("spoken answer") if span.name == ANSWER else latency_name(span.name)
    title = _title(span, name)
    full = _full_share(span)
    bar = format_html(
        '<{0} class="wf-bar share-{1}" style="left:{2}%;width:{3}%" title="{4}"{5}>'
        '<i style="width:{6}%"></i></{0}>',
        "span" if zero is None else "button",
        span.name,
        f"{left:.2f}",
        f"{right - left:.2f}",
        title,
        "" if zero is None else _plays(zero + span.start_ms, title),
        f"{full:.1f}",
    )
    owner = span.by or str(_OWNERS.get(span.owner, ""))
    return format_html(
        '<span class="wf-label"><b>{}</b> <small title="{}">{}</small></span><span class="wf-track">{}</span>'
        '<span class="wf-ms{}">{}</span>',
        name,
        owner,
        owner,
        bar,
        "" if span.added_ms or span.name == ANSWER else " wf-none",
        f"{span.ms:.0f} ms" if span.name == ANSWER else f"+{span.added_ms} ms",
    )


def _full_share(span: Span) -> float:
    """Return per cent of the bar that is full, from its end."""
    if span.name == ANSWER:
        return 100.0
    return min(100.0, 100 * span.added_ms / span.ms) if span.ms > 0 else 0.0


def _plays(at_ms: float, title: str) -> SafeString:
    return format_html(' type="button" data-seek="{}" aria-label="{}"', round(at_ms), title)


def _title(span: Span, name: str) -> str:
    text = _("%(name)s: %(start)s to %(end)s ms, %(ms)s ms long") % {
        "name": name,
        "start": f"{span.start_ms:.0f}",
        "end": f"{span.end_ms:.0f}",
        "ms": f"{span.ms:.0f}",
    }
    if span.name == ANSWER:
        return text
    overlapped = span.ms - span.added_ms
    if overlapped >= 1:
        text += "; " + _("%(ms)s ms of it kept nobody waiting") % {"ms": f"{overlapped:.0f}"}
    return text


def _lines(axis: Axis, times: TurnTimes, barge_ins: Sequence[dict[str, Any]], rows: int) -> SafeString:
    """Return what runs through all rows: zero, the end of the wait, the caller's sounds."""
    lines = [("zero", axis.x(0), _("end of the caller's speech"))]
    if axis.knots[-1][0] > axis.waits_until:
        lines.append(("heard", axis.x(axis.waits_until), _("the answer is heard")))
    for barge_in in barge_ins:
        if (at := times.after_zero(barge_in["at_ms"])) is not None:
            lines.append(("cut", axis.x(at), _("barge-in: %(at)s ms") % {"at": f"{at:.0f}"}))
    drawn = format_html_join(
        "", '<i class="wf-{}" style="left:{}%" title="{}"></i>', ((n, f"{x:.2f}", t) for n, x, t in lines)
    )
    return format_html('<div class="wf-over" style="grid-row:1/span {}">{}</div>', rows, drawn)


def _short(ms: float) -> str:
    if ms and ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.2f}".rstrip("0").rstrip(".") + " s" if ms else "0"
