"""What the page of a call shows, from its rows; nothing here asks an engine.

::

    context = page_of(call)                 # for templates/admin/calls/call_record.html
    export_of(call)                         # the same as JSON
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.dispatch import Signal
from django.utils.safestring import SafeString

from aiker.calls.api import CallSerializer
from aiker.calls.call_page import drawing
from aiker.calls.call_page.given import was_asked
from aiker.calls.call_page.times import TurnTimes, times_of
from aiker.calls.call_page.waterfall import spans_of
from aiker.calls.models import Call, Turn
from knowledge.models import IndexVersion

_STRIP_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)

target_asked = Signal()
"""``assistant``: its slug, or empty. Who knows what voice to voice is to stay under answers in ms."""


@dataclass(frozen=True, slots=True)
class Row:
    """A turn as the page shows it."""

    turn: Turn
    times: TurnTimes
    waterfall: SafeString
    version: IndexVersion | None
    asked_model: bool
    strip: tuple[dict[str, Any], ...]

    @property
    def plays_from(self) -> int:
        return max(0, round(self.times.began_ms))


def turns_of(call: Call) -> tuple[list[Turn], dict[int, TurnTimes]]:
    """Return the turns of a call and where they lie on its clock."""
    turns = list(Turn.objects.filter(call=call))
    # The page's own query leaves the events out: the list of calls has no use for them.
    events = Call.objects.values_list("events", flat=True).get(pk=call.pk)
    return turns, times_of(turns, events)


def page_of(call: Call) -> dict[str, Any]:
    turns, times = turns_of(call)
    audible = is_audible(call)
    versions = versions_of(turns)
    target_ms = _target_ms(call)
    latencies = [turn.voice_to_voice_ms for turn in turns if turn.voice_to_voice_ms is not None]
    return {
        "call_rows": [
            _row(turn, times[turn.number], versions, call, target_ms, audible=audible) for turn in turns
        ],
        "call_audible": audible,
        "call_median_ms": round(median(latencies)) if latencies else None,
        "call_target_ms": target_ms,
        "call_late": sum(_is_late(ms, target_ms) for ms in latencies),
        "call_failed": sum(bool(turn.error) for turn in turns),
        "call_interrupted": sum(turn.interrupted for turn in turns),
        "call_ticks": strip_ticks(call.duration_ms),
    }


def _target_ms(call: Call) -> float | None:
    """Return what a turn of the call is to stay under; None where nobody knows, and no turn is late."""
    assistant = call.assistant.slug if call.assistant else ""
    answers: list[tuple[Any, Any]] = target_asked.send(sender=Call, assistant=assistant)
    return next((ms for _receiver, ms in answers if ms is not None), None)


def _is_late(ms: int, target_ms: float | None) -> bool:
    return target_ms is not None and ms > target_ms


def is_audible(call: Call) -> bool:
    """Whether the recording is there: retention, or a hand on the disk, may have removed it."""
    return bool(call.recording) and call.recording.storage.exists(str(call.recording.name))


def versions_of(turns: Sequence[Turn]) -> dict[str, IndexVersion]:
    """Return the index versions that were asked and still have a row, by the name that turns keep."""
    names = {turn.retrieval.get("version", "") for turn in turns} - {""}
    return {v.collection_name: v for v in IndexVersion.objects.filter(collection_name__in=names)}


def strip_ticks(duration_ms: int) -> list[dict[str, Any]]:
    """Return round moments of the call for the scale under its waveform."""
    if not duration_ms:
        return []
    step = next((s for s in _STRIP_TICKS_S if duration_ms / 1000 / s <= 12), 1200)
    return [
        {"ms": second * 1000, "percent": f"{100_000 * second / duration_ms:.2f}"}
        for second in range(0, int(duration_ms / 1000) + 1, step)
    ]


def _row(
    turn: Turn,
    times: TurnTimes,
    versions: dict[str, IndexVersion],
    call: Call,
    target_ms: float | None,
    *,
    audible: bool,
) -> Row:
    spans = spans_of(turn, times)
    drawn = drawing.waterfall(spans, times, turn.barge_ins, audible=audible) if spans else SafeString("")
    version = versions.get(turn.retrieval.get("version", ""))
    return Row(turn, times, drawn, version, was_asked(turn), _strip(turn, times, call.duration_ms, target_ms))


def _strip(
    turn: Turn, times: TurnTimes, duration_ms: int, target_ms: float | None
) -> tuple[dict[str, Any], ...]:
    """Return where a turn lies in the whole call: the caller's words, the wait, the answer."""
    if not duration_ms or times.zero_ms is None:
        return ()
    parts = [("caller", times.began_ms, times.zero_ms)]
    if (waited := turn.voice_to_voice_ms) is not None:
        heard = times.zero_ms + waited
        parts += [
            ("late" if _is_late(waited, target_ms) else "wait", times.zero_ms, heard),
            ("answer", heard, times.end_ms or heard),
        ]
    return tuple(
        {
            "name": name,
            "left": f"{100 * start / duration_ms:.3f}",
            "width": f"{max(0.0, 100 * (end - start) / duration_ms):.3f}",
        }
        for name, start, end in parts
    )


def export_of(call: Call) -> dict[str, Any]:
    """Return the call with its turns, their spans and its events, as JSON can hold it."""
    turns, times = turns_of(call)
    call.events = Call.objects.values_list("events", flat=True).get(pk=call.pk)
    shown: dict[str, Any] = dict(CallSerializer(call).data)
    for turn, row in zip(turns, shown["turns"], strict=True):
        at = times[turn.number]
        row["clock"] = {"began_ms": at.began_ms, "speech_end_ms": at.zero_ms, "answer_end_ms": at.end_ms}
        row["spans"] = [span._asdict() for span in spans_of(turn, at)]
    return shown | {"recorded": is_audible(call), "events": call.events}
