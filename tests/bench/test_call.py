"""The figures of ``bench call``, from turns as ``manage.py call --json`` reports them."""

from __future__ import annotations

from typing import Any

from bench.call import QUESTIONS, TURNS_A_CALL, calls, metrics, outcomes, says


def turn(kind: str, ms: int | None, *, verbatim: bool = False, **contributions: int) -> dict[str, Any]:
    server = None if ms is None else ms + 20
    return {
        "kind": kind,
        "fact": ms is not None,
        "voice_to_voice_ms": ms,
        "server_voice_to_voice_ms": server,
        "longest_pause_ms": None if ms is None else 100,
        "verbatim": verbatim,
        "contributions": contributions,
    }


def test_what_is_spoken_as_written_is_reported_apart() -> None:
    misheard = turn("verbatim", 1600, stt=400)
    turns = [turn("fact", 1400, stt=200), misheard, turn("verbatim", 700, verbatim=True)]
    values = {metric.name: metric.value for metric in metrics([*turns, turn("refusal", None)])}
    assert values["voice to voice, median"] == 1500
    assert (values["spoken as written"], values["spoken as written, median"]) == (1, 700)
    assert values["answered"] == values["fact in the answer"] == 3
    assert values["server and audio differ, at most"] == 20
    assert values["of it stt, median"] == 200


def test_thirty_turns_are_asked_and_a_follow_up_never_begins_a_call() -> None:
    assert len(QUESTIONS) == 30
    assert all(QUESTIONS[start]["kind"] != "follow-up" for start in range(0, 30, TURNS_A_CALL))
    asked = [word for questions in calls() for word in says(questions) if word != "--say"]
    assert asked == [question["say"] for question in QUESTIONS]


def test_questions_that_a_call_did_not_get_to_count_as_unanswered() -> None:
    questions = [{"kind": "fact", "say": say, "fact": "80"} for say in ("第一", "第二", "第三")]
    turns = outcomes(questions, [turn("", 1400) | {"said": "第一", "heard": "80元"}])
    assert [(t["said"], t["kind"], t["fact"], t["voice_to_voice_ms"]) for t in turns] == [
        ("第一", "fact", True, 1400),
        ("第二", "fact", False, None),
        ("第三", "fact", False, None),
    ]
    assert [metric.value for metric in metrics(turns[1:])] == [0, 0]
