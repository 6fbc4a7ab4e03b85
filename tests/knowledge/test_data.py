"""The sample data is fit for a call, and its schema is the one the loader checks."""

from __future__ import annotations

import json
import re

from knowledge.loaders import BusinessData, read
from knowledge.management.commands.load_knowledge import SAMPLE
from tests.knowledge.conftest import questions

DATA = read(SAMPLE)


def test_schema_file_is_the_schema_the_loader_checks() -> None:
    schema = json.loads(SAMPLE.with_name("schema.json").read_text(encoding="utf-8"))
    schema.pop("$schema")
    assert schema == BusinessData.model_json_schema()


def test_it_is_marked_as_sample_and_large_enough() -> None:
    assert DATA.sample
    assert "虚构" in DATA.notice
    assert len(DATA.entries) >= 60


def test_answers_are_short_and_speakable() -> None:
    wrong = [
        e.id for e in DATA.entries if not 12 <= len(e.answer) <= 60 or re.search(r"[*#`\[\]|]", e.answer)
    ]
    assert wrong == []


def test_every_question_has_two_to_four_other_wordings() -> None:
    answered = [e for e in DATA.entries if e.kind != "declined"]
    assert [e.id for e in answered if not 2 <= len(e.alternative_questions) <= 4] == []


def test_no_wording_belongs_to_two_entries() -> None:
    wordings = [w for e in DATA.entries for w in (e.question, *e.alternative_questions)]
    assert len(wordings) == len(set(wordings))


def test_phone_numbers_cannot_be_real() -> None:
    numbers = {n for e in DATA.entries for n in re.findall(r"\d{3,4}-\d{3,4}-\d{4}", e.answer)}
    assert len(numbers) == 6
    # No Chinese local number starts with 1, no 400 number continues with 000.
    assert [n for n in numbers if not re.search(r"^400-000-|-1234-", n)] == []


def test_measured_questions_are_not_in_the_data() -> None:
    wordings = {w for e in DATA.entries for w in (e.question, *e.alternative_questions, e.title)}
    assert [q["question"] for q in questions() if q["question"] in wordings] == []
    assert {q["expect"] for q in questions()} <= {None, *(e.id for e in DATA.entries)}
