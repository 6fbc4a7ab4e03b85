"""Whether a call did what its scene must show. Pure: from what the caller heard and what Aiker stored.

::

    failures(scene["must"], Call(...))     # [] or ["turns: 3 (停车…), not 1", …]

Times are ms of the call, on the caller's clock. Each key of a scene's ``must`` has a judge of its own here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aiker.audio.g711 import Pcm
from aiker.calls.dictation import AGAIN, CONFIRMED, digits_in
from bench.line.caller import Said, first_sound_ms
from bench.line.network import stretches
from bench.line.playout import silent_after_ms

CLEARS_FOLLOW_MS = 1500
"""An interruption clears what plays within so long of the caller's last word."""
ANSWERED_WITHIN_MS = 8000
NEW_SOUND_MS = 1000
HEARD_WHOLE = 0.95
NO_SOUND: Pcm = np.zeros(0, np.int16)


@dataclass(slots=True)
class Call:
    """What came of a call.

    ``said`` is each thing that the caller said after the greeting, ``cut_in`` what was said over an answer;
    ``hold`` is when a hold began and ended, ``stopped_ms`` when frames stopped for good; ``rows`` and
    ``turns`` are the database's.
    """

    said: list[Said] = field(default_factory=list)
    cut_in: Said | None = None
    hold: tuple[float, float] | None = None
    stopped_ms: float | None = None
    heard: Pcm = field(default_factory=lambda: NO_SOUND)
    clears_ms: list[float] = field(default_factory=list)
    closed_ms: float | None = None
    second_frames: int = 0
    rows: Sequence[Mapping[str, Any]] = ()
    turns: Sequence[Mapping[str, Any]] = ()

    @property
    def understood(self) -> list[str]:
        """What was recognised, turn by turn, without turns of nothing."""
        return [turn["user_text"] for turn in self.turns if turn["user_text"]]

    def answered_after_ms(self, said: Said) -> float | None:
        start = first_sound_ms(self.heard, said.end_ms)
        return None if start is None else start - said.end_ms


Judge = Callable[[Any, Call], str]


def failures(must: Mapping[str, Any], call: Call) -> list[str]:
    """Return what a call did not show, in words."""
    refused = must.get("or_refused_with_reason") and call.closed_ms is not None
    if refused and any(row["end_detail"] for row in call.rows):
        return []
    judged = {key: JUDGES[key](wanted, call) for key, wanted in must.items() if key in JUDGES}
    return [f"{key}: {wrong}" for key, wrong in judged.items() if wrong]


# -- turns


def _turns(wanted: int, call: Call) -> str:
    return "" if len(call.understood) == wanted else f"{len(call.understood)} {call.understood}, not {wanted}"


def _false_interruptions(wanted: int, call: Call) -> str:
    cut = call.cut_in
    own = (cut.start_ms, cut.end_ms + CLEARS_FOLLOW_MS) if cut else (0.0, -1.0)
    false = [round(at) for at in call.clears_ms if not own[0] <= at <= own[1]]
    return "" if len(false) <= wanted else f"cleared at {false}"


def _heard_contains(wanted: str, call: Call) -> str:
    heard = [*call.understood, *(turn["heard_as"] for turn in call.turns)]
    return "" if any(wanted in text for text in heard) else f"{wanted} not in {heard}"


def _answer_heard_whole(wanted: bool, call: Call) -> str:
    whole = any(
        turn["assistant_text"]
        and not turn["interrupted"]
        and len(turn["heard_text"]) >= HEARD_WHOLE * len(turn["assistant_text"])
        for turn in call.turns
    )
    return "" if whole is wanted else f"{[turn['heard_text'] for turn in call.turns]}"


def _next_at_most_characters(wanted: int, call: Call) -> str:
    behind = call.turns[-1]["heard_text"] if len(call.turns) > 1 else ""
    return "" if len(behind) <= wanted else f"{call.turns[-1]['user_text']} -> {behind}"


# -- time


def _answered_within_ms(wanted: int, call: Call) -> str:
    after = call.answered_after_ms(call.said[-1])
    return "" if after is not None and after <= wanted else f"first sound after {after} ms"


def _silent_within_ms(wanted: int, call: Call) -> str:
    if call.cut_in is None:
        return "nothing was playing to cut into"
    until = call.cut_in.start_ms + CLEARS_FOLLOW_MS
    cut = call.heard[: round(max([at for at in call.clears_ms if at <= until], default=until) * 8) + 8]
    went_on = silent_after_ms(cut, call.cut_in.start_ms)
    cleared = any(call.cut_in.start_ms <= at <= until for at in call.clears_ms)
    return "" if cleared and went_on <= wanted else f"went on for {went_on:.0f} ms, cleared: {cleared}"


def _sound_or_hangup_within_ms(wanted: int, call: Call) -> str:
    stopped = call.stopped_ms or 0.0
    after = first_sound_ms(call.heard, stopped + NEW_SOUND_MS)
    if (call.closed_ms and call.closed_ms - stopped <= wanted) or (after and after - stopped <= wanted):
        return ""
    return f"no sound and no end within {wanted} ms"


def _longest_silence_ms(wanted: int, call: Call) -> str:
    return _answered_within_ms(wanted, call)


def _figures_within_ms(figure: str, wanted: int, call: Call) -> str:
    """Compare each answer's latency as the server has it with what the caller measured."""
    if len(call.turns) != len(call.said):
        return f"{len(call.turns)} turns of {len(call.said)}: {call.understood}"
    off = []
    for turn, said in zip(call.turns, call.said, strict=True):
        heard, told = call.answered_after_ms(said), turn[figure]
        off.append(None if heard is None or told is None else round(told - heard + said.distance_ms))
    return "" if all(d is not None and abs(d) <= wanted for d in off) else f"off by {off} ms"


def _server_minus_caller_ms(wanted: int, call: Call) -> str:
    return _figures_within_ms("voice_to_voice_ms", wanted, call)


def _recorded_minus_caller_ms(wanted: int, call: Call) -> str:
    return _figures_within_ms("recorded_voice_to_voice_ms", wanted, call)


def _answered_in_pause(wanted: bool, call: Call) -> str:
    first, last = call.said[0].end_ms, call.said[-1].start_ms
    began = [round(start) for start, _end in stretches(call.heard) if first <= start <= last]
    return "" if bool(began) is wanted else f"spoke at {began}, between {first:.0f} and {last:.0f}"


def _answered_after_end(wanted: bool, call: Call) -> str:
    after = call.answered_after_ms(call.said[-1])
    answered = after is not None and after <= ANSWERED_WITHIN_MS
    return "" if answered is wanted else f"first sound after {after} ms"


def _said_into_hold(wanted: int, call: Call) -> str:
    assert call.hold
    first, last = call.hold
    began = [start for start, _end in stretches(call.heard) if first <= start <= last]
    return "" if len(began) <= wanted else f"{len(began)} times: {[t['heard_text'] for t in call.turns]}"


# -- numbers


def _digits_or_asked_again(wanted: str, call: Call) -> str:
    heard = [digits_in(text) for text in call.understood]
    again = any(AGAIN in turn["assistant_text"] for turn in call.turns)
    return "" if again or wanted in (*heard, "".join(heard)) else f"{call.understood}"


def _read_back(wanted: bool, call: Call) -> str:
    told = [
        digits_in(turn["user_text"]) in digits_in(turn["assistant_text"]) or AGAIN in turn["assistant_text"]
        for turn in call.turns
        if digits_in(turn["user_text"])
    ]
    again = any(AGAIN in turn["assistant_text"] for turn in call.turns)
    return "" if (bool(told) and all(told)) is wanted or again else f"{_exchange(call)}"


def _no_wrong_number_unconfirmed(wanted: bool, call: Call) -> str:
    taken = any(CONFIRMED in turn["assistant_text"] for turn in call.turns)  # the caller never said yes
    return f"{_exchange(call)}" if taken and wanted else ""


def _exchange(call: Call) -> list[tuple[str, str]]:
    return [(turn["user_text"], turn["assistant_text"]) for turn in call.turns]


# -- the connection


def _open(wanted: bool, call: Call) -> str:
    return "" if (call.closed_ms is None) is wanted else f"closed after {call.closed_ms} ms"


def _second_frames(wanted: int, call: Call) -> str:
    return "" if call.second_frames <= wanted else f"{call.second_frames} frames"


def _rows(wanted: int, call: Call) -> str:
    return "" if len(call.rows) == wanted else f"{len(call.rows)}"


JUDGES: dict[str, Judge] = {
    "turns": _turns,
    "false_interruptions": _false_interruptions,
    "heard_contains": _heard_contains,
    "answer_heard_whole": _answer_heard_whole,
    "next_at_most_characters": _next_at_most_characters,
    "answered_within_ms": _answered_within_ms,
    "silent_within_ms": _silent_within_ms,
    "sound_or_hangup_within_ms": _sound_or_hangup_within_ms,
    "longest_silence_ms": _longest_silence_ms,
    "server_minus_caller_ms": _server_minus_caller_ms,
    "recorded_minus_caller_ms": _recorded_minus_caller_ms,
    "answered_in_pause": _answered_in_pause,
    "answered_after_end": _answered_after_end,
    "said_into_hold": _said_into_hold,
    "digits_or_asked_again": _digits_or_asked_again,
    "read_back": _read_back,
    "no_wrong_number_unconfirmed": _no_wrong_number_unconfirmed,
    "open": _open,
    "second_frames": _second_frames,
    "rows": _rows,
}
