"""Contributions sum to voice-to-voice, and overlapped work is free."""

from hypothesis import given
from hypothesis import strategies as st

from aiker.calls.latency import Timeline

moment = st.none() | st.floats(-500, 20_000)


def test_each_step_owns_what_it_added() -> None:
    timeline = Timeline(
        1000, committed=1600, transcript=1750, passages=1760, first_token=2000, first_clause=2100,
        first_audio=2500, audible=2530,
    )  # fmt: skip
    assert timeline.voice_to_voice == 1530
    assert [(c.name, c.ms) for c in timeline.contributions()] == [
        ("endpoint_wait", 600),
        ("stt", 150),
        ("retrieval", 10),
        ("llm_first_token", 240),
        ("first_clause", 100),
        ("tts_first_audio", 400),
        ("playout", 30),
    ]


def test_speculation_that_was_ready_before_the_commit_costs_nothing() -> None:
    timeline = Timeline(
        0, committed=600, transcript=400, passages=410, first_token=500, first_clause=550, first_audio=580,
        audible=620,
    )  # fmt: skip
    assert {c.name: c.ms for c in timeline.contributions() if c.ms} == {"endpoint_wait": 600, "playout": 20}


@given(moment, moment, moment, moment, moment, moment, st.floats(20_000, 30_000))
def test_contributions_sum_to_voice_to_voice(
    committed: float | None,
    transcript: float | None,
    passages: float | None,
    first_token: float | None,
    first_clause: float | None,
    first_audio: float | None,
    audible: float,
) -> None:
    timeline = Timeline(
        12.3, committed, transcript, passages, first_token, first_clause, first_audio, audible
    )
    assert sum(c.ms for c in timeline.contributions()) == timeline.voice_to_voice
    assert all(c.ms >= 0 for c in timeline.contributions())


def test_the_wait_for_the_words_is_recognitions_and_the_rest_the_configurations() -> None:
    timeline = Timeline(0, committed=400, silence=250, transcript=380, first_token=500, audible=700)
    assert [(c.name, c.ms, c.owner) for c in timeline.contributions()] == [
        ("endpoint_wait", 270, "turn taking"),
        ("stt", 130, "stt"),
        ("llm_first_token", 100, "llm"),
        ("playout", 200, "media"),
    ]


def test_a_moment_is_reached_once() -> None:
    timeline = Timeline(0)
    timeline.reached("first_token", 300)
    timeline.reached("first_token", 500)
    assert timeline.first_token == 300
