"""The golden questions are held out and fit to measure with; their loader names what is wrong."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from django.utils import translation

from knowledge.errors import LoadError
from knowledge.golden_file import FollowUp, Kind, Question, folded, read_golden, says
from knowledge.loaders import read
from knowledge.management.commands.load_knowledge import SAMPLE
from tests.knowledge.conftest import questions

ENTRIES = {entry.id: entry for entry in read(SAMPLE).entries}
GOLDEN = read_golden(SAMPLE.with_name("onesuite-golden-questions.json"))
ANSWERABLE = [question for question in GOLDEN.questions if question.expect]

QUESTION: dict[str, Any] = {
    "id": "a",
    "kind": "plain",
    "question": "日卡多少钱",
    "expect": ["price-day-pass"],
    "must_say": ["80", ["5折", "五折"]],
}


def bare(wording: str) -> str:
    """Return a wording without what speech does not have."""
    return re.sub(r"\W", "", folded(wording))


def pairs(wording: str) -> set[str]:
    text = bare(wording)
    return {text[i : i + 2] for i in range(len(text) - 1)}


def answers(question: Question) -> str:
    return "\n".join(ENTRIES[key].answer for key in question.expect)


def test_it_is_marked_as_sample() -> None:
    assert GOLDEN.sample
    assert "虚构" in GOLDEN.notice
    assert GOLDEN.base == "onesuite"


def test_every_kind_and_every_entry_is_asked() -> None:
    kinds = Counter(question.kind for question in GOLDEN.questions)
    assert len(ANSWERABLE) >= 140
    wanted = {
        "plain": 30,
        "colloquial": 35,
        "filler": 25,
        "homophone": 30,
        "wrong_name": 20,
        "unanswerable": 34,
    }
    assert set(kinds) == set(get_args(Kind)) == set(wanted)
    assert {kind: count for kind, count in kinds.items() if count < wanted[kind]} == {}
    answered = {key for key, entry in ENTRIES.items() if entry.kind != "declined"}
    assert answered - {key for question in ANSWERABLE for key in question.expect} == set()
    assert sum(bool(question.variants) for question in GOLDEN.questions) >= len(GOLDEN.questions) // 3
    assert [question.id for question in GOLDEN.questions if len(question.variants) > 2] == []
    assert len(GOLDEN.follow_ups) >= 40


def test_every_expected_entry_exists() -> None:
    asked: list[Question | FollowUp] = [*GOLDEN.questions, *GOLDEN.follow_ups]
    assert [(item.id, key) for item in asked for key in item.expect if key not in ENTRIES] == []


def test_the_base_says_what_must_be_said_and_nothing_that_must_not() -> None:
    unsaid = [
        (question.id, fact)
        for question in ANSWERABLE
        for fact in question.must_say
        if not says(answers(question), fact)
    ]
    forbidden = [
        (question.id, fact)
        for question in ANSWERABLE
        for fact in question.must_not_say
        if says(answers(question), fact)
    ]
    assert (unsaid, forbidden) == ([], [])
    assert [question.id for question in ANSWERABLE if not question.must_say] == []


def test_nothing_that_must_be_said_must_not_be_said() -> None:
    wrong = [
        (question.id, spelling)
        for question in ANSWERABLE
        for fact in question.must_say
        for spelling in fact
        for banned in question.must_not_say
        if says(spelling, banned)
    ]
    assert wrong == []


def test_it_is_held_out() -> None:
    in_base = [w for e in ENTRIES.values() for w in (e.question, *e.alternative_questions, e.title)]
    developed_on = [question["question"] for question in questions()]
    known = {bare(wording) for wording in in_base + developed_on}
    asked = [w for question in GOLDEN.questions for w in question.wordings()]
    assert len({bare(wording) for wording in asked}) == len(asked)
    asked += [item.question for item in GOLDEN.follow_ups]
    assert [wording for wording in asked if bare(wording) in known] == []


def test_no_question_is_nearly_one_that_was_developed_on() -> None:
    developed_on = [pairs(question["question"]) for question in questions()]
    near = [
        wording
        for question in GOLDEN.questions
        for wording in question.wordings()
        if any(len(pairs(wording) & other) > 0.4 * len(pairs(wording) | other) for other in developed_on)
    ]
    assert near == []


def test_a_follow_up_is_short_and_each_pair_is_asked_once() -> None:
    assert [item.id for item in GOLDEN.follow_ups if len(bare(item.question)) > 8] == []
    asked = [(item.before, item.question) for item in GOLDEN.follow_ups]
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize(
    ("text", "spelling", "found"),
    [
        ("日卡80元一天", "80", True),
        ("固定工位1800元", "80", False),
        ("专线180元", "80", False),
        ("80.5元", "80", False),
        ("一共80。5位访客", "80", True),
        ("8万元", "8", False),
        ("每月24,000元", "24000", True),
        ("打九五折", "五折", False),
        ("打五折", "五折", True),
        ("开到周六四点", "四点", True),
        ("晚上十四点", "四点", False),
        ("一千二百元", "一千二", False),
        ("税率６％", "6%", True),
        ("微信搜onesuite 服务", "OneSuite服务", True),
    ],
)
def test_a_number_is_only_found_whole(text: str, spelling: str, found: bool) -> None:
    assert says(text, [spelling]) is found


@pytest.fixture
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


def write(folder: Path, value: Any) -> Path:
    path = folder / "golden.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_a_fact_is_a_list_of_spellings(tmp_path: Path) -> None:
    golden = read_golden(write(tmp_path, {"base": "x", "questions": [QUESTION]}))
    assert golden.questions[0].must_say == [["80"], ["5折", "五折"]]


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": ""}, "Question 2 (b), question: is empty."),
        ({"answer": "x"}, "Question 2 (b), answer: is not a field of the schema."),
        ({"kind": "rude"}, "Question 2 (b), kind: must be one of 'plain'"),
        ({"must_say": ["80", []]}, "Question 2 (b), must_say.2: is empty."),
        ({"must_say": [["80", 5]]}, "Question 2 (b), must_say.1.2: must be text in quotation marks."),
        ({"id": "a"}, "Question 2 (a), id: an earlier one has the same id."),
        ({"expect": []}, "Question 2 (b), expect: is empty. Name the entries that answer it"),
        ({"kind": "unanswerable"}, "Question 2 (b), expect: must be empty for an unanswerable question."),
    ],
)
def test_a_wrong_field_is_named_with_its_question(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = write(tmp_path, {"base": "x", "questions": [QUESTION, {**QUESTION, "id": "b", **change}]})
    with pytest.raises(LoadError) as caught:
        read_golden(path)
    assert (caught.value.stage, caught.value.code) == ("load", "bad_file")
    assert message in str(caught.value)


@pytest.mark.usefixtures("english")
def test_a_wrong_follow_up_and_a_file_of_another_kind_are_named(tmp_path: Path) -> None:
    pair = {"id": "f", "question": "大的呢", "expect": ["meeting-large"]}
    with pytest.raises(LoadError, match=r"Follow-up question 1 \(f\), before: is missing\. Add it\."):
        read_golden(write(tmp_path, {"base": "x", "questions": [QUESTION], "follow_ups": [pair]}))
    with pytest.raises(LoadError, match=r"is not a file of golden questions:\n.*must be an object"):
        read_golden(write(tmp_path, []))
