"""Which questions a truth bench asks, and how its options are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import truth
from bench.truth import ASKED_AT, chosen, parsed, questions


def test_the_held_out_questions_are_asked_but_for_the_development_ones() -> None:
    assert [question.id for question in chosen(parsed(["--dev"]))] == list(questions("dev"))
    assert [question.id for question in chosen(parsed([]))] == list(questions("held_out"))


def test_a_limit_takes_some_of_all_kinds() -> None:
    some = chosen(parsed(["--limit", "100"]))
    assert len(some) == 100
    assert {question.kind for question in some} == {
        question.kind for question in questions("held_out").values()
    }


def test_by_voice_only_marked_questions_are_asked() -> None:
    assert all(question.spoken for question in chosen(parsed(["--spoken"])))


def test_every_question_has_a_time() -> None:
    asked = questions("dev")
    assert asked["dev-plain-01"].now == ASKED_AT
    assert asked["dev-now-01"].now != ASKED_AT


def test_modes_are_listed_by_name() -> None:
    assert parsed(["--modes", "auto,written"]).modes == ["auto", "written"]
    with pytest.raises(SystemExit):
        parsed(["--modes", "auto,loud"])


def test_the_last_answers_are_judged_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "ANSWERS", tmp_path)
    answer = {"id": "dev-plain-02", "said": "2016年成立的。", "way": "model", "stopped": [], "heard": ""}
    path = tmp_path / "truth-dev-auto.jsonl"
    path.write_text(json.dumps(answer | {"verdict": {"decision": "false"}}) + "\n", encoding="utf-8")
    found = {metric.name: metric.value for metric in truth.run(["--dev", "--grade-again"])}
    assert (found["false"], found["helpful"]) == (0.0, 100.0)
    assert json.loads(path.read_text(encoding="utf-8"))["verdict"]["decision"] == "right"
