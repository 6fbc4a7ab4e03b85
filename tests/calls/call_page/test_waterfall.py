"""Spans of a turn: where each began and ended, what it added, and where that is drawn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from aiker.calls.call_page.times import TurnTimes, times_of
from aiker.calls.call_page.waterfall import Axis, Span, spans_of
from aiker.calls.latency import Timeline

TIMES = TurnTimes(began_ms=8_000, zero_ms=10_000, paused_ms=10_120, end_ms=16_000)


def turn(timeline: Timeline | None = None, **fields: Any) -> Any:
    """A turn as it is stored, its moments and contributions being those of ``timeline``."""
    stored: dict[str, Any] = {
        "number": 3,
        "at_ms": 8_000,
        "interrupted": False,
        "barge_ins": [],
        "moments": timeline.as_dict() | {"end_of_turn": {"speculative_runs": 1}} if timeline else {},
        "contributions": [c._asdict() for c in timeline.contributions()] if timeline else [],
        "retrieval": {},
        "engines": {"stt": "whisper", "llm": "qwen", "tts": "kokoro"},
        "tools": [],
    }
    return SimpleNamespace(**stored | fields)


def usual() -> Timeline:
    """The answer is begun at the pause: recognition, search and the first token overlap the wait."""
    return Timeline(
        speech_end=10_000,
        committed=10_700,
        transcript=10_420,
        passages=10_450,
        first_token=10_650,
        first_clause=10_900,
        first_audio=11_150,
        audible=11_200,
    )


def by_name(spans: list[Span]) -> dict[str, Span]:
    return {span.name: span for span in spans}


def test_spans_begin_with_what_they_waited_for_and_overlap() -> None:
    spans = by_name(spans_of(turn(usual(), retrieval={"version": "base-7", "total_ms": 25.0}), TIMES))
    assert {name: (span.start_ms, span.end_ms, span.added_ms) for name, span in spans.items()} == {
        "endpoint_wait": (0, 700, 700),
        "stt": (120, 420, 0),
        "retrieval": (425, 450, 0),
        "llm_first_token": (450, 650, 0),
        "first_clause": (650, 900, 200),
        "tts_first_audio": (900, 1150, 250),
        "playout": (1150, 1200, 50),
        "answer": (1200, 6000, 0),
    }


def test_what_was_added_sums_to_voice_to_voice() -> None:
    timeline = usual()
    assert sum(span.added_ms for span in spans_of(turn(timeline), TIMES)) == timeline.voice_to_voice == 1200


def test_each_span_names_who_answers_for_it() -> None:
    spans = by_name(spans_of(turn(usual(), retrieval={"version": "base-7", "total_ms": 25.0}), TIMES))
    assert {name: (span.owner, span.by) for name, span in spans.items()} == {
        "endpoint_wait": ("config", ""),
        "stt": ("stt", "whisper"),
        "retrieval": ("knowledge", "base-7"),
        "llm_first_token": ("llm", "qwen"),
        "first_clause": ("llm", "qwen"),
        "tts_first_audio": ("tts", "kokoro"),
        "playout": ("media", ""),
        "answer": ("media", ""),
    }


def test_an_answer_that_was_not_begun_ahead_waits_for_the_end_of_the_turn() -> None:
    timeline = Timeline(speech_end=0, committed=700, transcript=400, first_token=900)
    moments = timeline.as_dict() | {"end_of_turn": {"speculative_runs": 0}}
    assert by_name(spans_of(turn(timeline, moments=moments), TIMES))["llm_first_token"].start_ms == 700


def test_a_tool_takes_the_time_that_it_says() -> None:
    timeline = Timeline(
        speech_end=0, committed=300, transcript=250, tool=1300, first_audio=1310, audible=1330
    )
    spans = by_name(spans_of(turn(timeline, tools=[{"name": "query", "ms": 900}]), TIMES))
    assert (spans["tool"].start_ms, spans["tool"].end_ms, spans["tool"].by) == (400, 1300, "query")
    assert spans["tts_first_audio"].start_ms == 1300


def test_audio_made_ahead_is_no_engines() -> None:
    timeline = Timeline(
        speech_end=0, committed=300, transcript=250, passages=280, first_audio=290, audible=310
    )
    spans = by_name(spans_of(turn(timeline, retrieval={"audio": "cache", "total_ms": 20.0}), TIMES))
    assert (spans["tts_first_audio"].owner, spans["tts_first_audio"].by) == ("cache", "")


def test_a_filler_is_a_span_of_its_own_and_the_answer_waits_for_it() -> None:
    timeline = usual()
    timeline.filler, timeline.filler_end, timeline.audible = 10_800, 11_500, 11_520
    spans = by_name(spans_of(turn(timeline), TIMES))
    assert (spans["filler"].start_ms, spans["filler"].end_ms) == (800, 1500)
    assert spans["playout"].start_ms == 1500


def test_without_moments_the_contributions_stand_one_after_another() -> None:
    shares = [{"name": "endpoint_wait", "ms": 600}, {"name": "stt", "ms": 250}, {"name": "playout", "ms": 0}]
    spans = spans_of(turn(contributions=shares), TIMES)
    assert [(span.name, span.start_ms, span.end_ms) for span in spans] == [
        ("endpoint_wait", 0, 600),
        ("stt", 600, 850),
    ]


def test_a_turn_that_failed_has_the_spans_that_it_got_to() -> None:
    timeline = Timeline(speech_end=0, committed=700, transcript=400)
    # The trace has an end of the answer: that of the apology.
    assert [span.name for span in spans_of(turn(timeline), TIMES)] == ["endpoint_wait", "stt"]


class TestAxis:
    def test_the_caller_the_wait_and_the_answer_have_each_a_part(self) -> None:
        axis = Axis.of(spans_of(turn(usual()), TIMES), began_ms=-2000)
        assert [axis.x(ms) for ms in (-2000, -1000, 0, 600, 1200, 3600, 6000)] == [0, 7, 14, 46, 78, 89, 100]

    def test_what_lies_outside_is_put_on_the_edge(self) -> None:
        axis = Axis.of(spans_of(turn(usual()), TIMES), began_ms=-2000)
        assert (axis.x(-9000), axis.x(99_000)) == (0, 100)

    def test_without_the_clock_of_the_call_the_wait_has_it_all(self) -> None:
        axis = Axis.of(spans_of(turn(usual()), TurnTimes(8_000)), began_ms=None)
        assert (axis.x(0), axis.x(600), axis.x(1200)) == (0, 50, 100)

    @pytest.mark.parametrize(
        ("waits", "ticks"),
        [
            (400, [0, 100, 200, 300]),
            (1200, [0, 250, 500, 750, 1000]),
            (45_000, [0, 10_000, 20_000, 30_000, 40_000]),
        ],
    )
    def test_ticks_are_round_and_few(self, waits: float, ticks: list[float]) -> None:
        assert Axis.of([Span("stt", 0, waits, 0, "stt", "")], None).ticks() == ticks


class TestTimes:
    def test_zero_is_stored_or_told_by_the_trace(self) -> None:
        events = [
            {"event": "speech_paused", "at_ms": 9_000, "turn": 3},
            {"event": "turn_committed", "at_ms": 9_300, "turn": 3},
            {"event": "turn_reopened", "at_ms": 9_600, "turn": 3},
            {"event": "speech_paused", "at_ms": 10_120, "turn": 3},
            {"event": "turn_committed", "at_ms": 10_700, "turn": 3},
            {"event": "reply_text", "at_ms": 10_800, "turn": None},
            {"event": "reply_finished", "at_ms": 16_000, "turn": 3},
        ]
        assert times_of([turn(usual())], events)[3] == TIMES
        stored = turn(usual(), moments=usual().as_dict() | {"speech_end_at": 10_000})
        assert times_of([stored], [])[3] == TurnTimes(8_000, 10_000)

    def test_an_interrupted_answer_ends_where_the_voice_stopped(self) -> None:
        cut = turn(usual(), interrupted=True, barge_ins=[{"at_ms": 12_000, "stop_ms": 130}])
        assert times_of([cut], [{"event": "interrupted", "at_ms": 12_900, "turn": 3}])[3].end_ms == 12_130

    def test_without_trace_the_place_is_not_known(self) -> None:
        times = times_of([turn(usual())], [])[3]
        assert (times.began_ms, times.zero_ms, times.after_zero(12_000)) == (8_000, None, None)
