"""What of a call's record belongs to which question, and which figures come of it."""

from __future__ import annotations

from aiker.calls.caller import CallReport, TurnReport
from bench.compare import Turn, metrics, turn_of
from bench.peers.pipecat_process import Said

QUESTION = {"say": "共享工位一天多少钱？", "fact": "80"}


class ScriptedAgent:
    name, url = "aiker", ""

    def said(self, carrier_call_id: str) -> list[Said]:
        raise NotImplementedError(carrier_call_id)


def two_turns() -> CallReport:
    first = TurnReport("", spoke_from_ms=5000, spoke_until_ms=7000, heard_from_ms=8500)
    return CallReport("CA1", [first, TurnReport("", spoke_from_ms=15_000, spoke_until_ms=17_000)])


SAID = [
    Said("assistant", "您好。", 100),
    Said("caller", "共享工位一天", 4900),
    Said("caller", "多少钱", 6500),
    Said("assistant", "80元一天。", 8200),
    Said("caller", "谢谢", 14_900),
]


def test_what_is_said_belongs_to_the_question_before_it() -> None:
    turn = turn_of(ScriptedAgent(), 1, two_turns(), 0, SAID, QUESTION)
    assert (turn.understood, turn.answer, turn.fact, turn.ms) == (
        "共享工位一天多少钱",
        "80元一天。",
        True,
        1500,
    )


def test_an_unanswered_question_has_no_latency_and_no_fact() -> None:
    turn = turn_of(ScriptedAgent(), 1, two_turns(), 1, SAID, QUESTION)
    assert (turn.understood, turn.answer, turn.fact, turn.ms) == ("谢谢", "", False, None)


def test_a_question_that_was_never_asked_counts_as_unanswered() -> None:
    assert turn_of(ScriptedAgent(), 1, two_turns(), 2, SAID, QUESTION).ms is None


def turn(agent: str, ms: int | None) -> Turn:
    return Turn(agent, 1, "", "", "", ms is not None, ms, None)


def test_the_ratios_are_of_answered_turns_and_the_others_are_counted() -> None:
    turns = [turn("aiker", 1000), turn("aiker", 2000), turn("aiker", 3000)]
    turns += [turn("pipecat", 4000), turn("pipecat", None), turn("pipecat", 8000), turn("pipecat", 6000)]
    values = {metric.name: metric.value for metric in metrics(turns)}
    assert values["median: aiker / pipecat"] == 2000 / 6000
    assert values["p90: aiker / pipecat"] == 3000 / 8000
    assert values["pipecat: unanswered"] == 1
    assert values["pipecat: fact in the answer"] == 3


def test_an_agent_that_never_answers_has_no_latency_and_costs_no_figure_of_the_other() -> None:
    values = {metric.name: metric.value for metric in metrics([turn("aiker", 1000), turn("pipecat", None)])}
    assert values["aiker: voice to voice, median"] == 1000
    assert values["pipecat: unanswered"] == 1
    assert not any("/" in name or name.startswith("pipecat: voice") for name in values)
