"""Golden questions of a knowledge base: what callers ask, and which entries and facts are right.

::

    golden = read_golden("knowledge/data/onesuite-golden-questions.json")
    golden.questions[0].wordings()  # ["上海一共有几家门店，分别叫什么？"]
    says("你们在上海有浦江店和静安店", golden.questions[0].must_say[0])  # True

The format is in docs/knowledge.md. A fact is a list of spellings, any of which will do; in the file, a fact
with one spelling may be plain text. A file that cannot be read raises LoadError and names each wrong question
and field.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from knowledge.errors import LoadError
from knowledge.loaders import MAX_PROBLEMS, Text, advice, content_of, parse

Kind = Literal["plain", "colloquial", "filler", "homophone", "wrong_name", "unanswerable"]
Id = Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=200)]
Wording = Annotated[Text, Field(max_length=500)]
Fact = Annotated[
    list[Text],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1),
]


class Question(BaseModel):
    """One question a caller asks, and what is right to answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Id
    kind: Kind
    question: Wording
    variants: list[Wording] = Field(default_factory=list)
    expect: list[Id]  # any of them among the first three is right; none: the base has no answer
    must_say: list[Fact] = Field(default_factory=list)
    must_not_say: list[Fact] = Field(default_factory=list)

    def wordings(self) -> list[str]:
        return [self.question, *self.variants]


class FollowUp(BaseModel):
    """A question that means nothing without the caller's question before it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Id
    before: Wording
    question: Wording
    expect: list[Id] = Field(min_length=1)


class Gate(BaseModel):
    """What a version must reach with these questions: shares (0..1) found, and unanswerable refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    found: float = Field(ge=0, le=1)
    refused: float = Field(ge=0, le=1)


class GoldenFile(BaseModel):
    """Questions to measure a knowledge base with; ``base`` is its slug."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sample: bool = False
    notice: str = ""
    base: Id
    gate: Gate | None = None
    questions: list[Question] = Field(min_length=1)
    follow_ups: list[FollowUp] = Field(default_factory=list)


def read_golden(path: str | Path) -> GoldenFile:
    """Return the golden questions of a JSON file; raise LoadError."""
    path = Path(path)
    value = parse(content_of(path), path.name)
    try:
        golden = GoldenFile.model_validate(value)
    except ValidationError as exc:
        raise misfit(path, [describe(problem, value) for problem in exc.errors(include_url=False)]) from exc
    if problems := [*repeated_ids(golden), *contradictions(golden)]:
        raise misfit(path, problems)
    return golden


def misfit(path: Path, problems: list[str]) -> LoadError:
    lines = [_("{file} is not a file of golden questions:").format(file=path.name), *problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        lines.append(_("... and {count} more.").format(count=len(problems) - MAX_PROBLEMS))
    return LoadError("\n".join(lines))


def describe(problem: Any, value: Any) -> str:
    """Return one line: the question, the field, what is wrong with it and what to do."""
    where = list(problem["loc"])
    place = _("The file")
    if len(where) > 1 and where[0] in ("questions", "follow_ups"):
        item = value[where[0]][where[1]]
        place = named(where[0], where[1] + 1, item.get("id") if isinstance(item, dict) else None)
        where = where[2:]
    field = ".".join(str(part + 1) if isinstance(part, int) else part for part in where)
    return f"  {place}, {field}: {advice(problem)}" if field else f"  {place}: {advice(problem)}"


def named(group: str, number: int, name: Any) -> str:
    place = (
        _("Question {number} ({name})") if group == "questions" else _("Follow-up question {number} ({name})")
    )
    return place.format(number=number, name=name or _("without id"))


def repeated_ids(golden: GoldenFile) -> list[str]:
    """Return a line for each id met before; questions and follow-ups share the ids."""
    seen: set[str] = set()
    lines = []
    groups: dict[str, Sequence[Question | FollowUp]] = {
        "questions": golden.questions,
        "follow_ups": golden.follow_ups,
    }
    for group, items in groups.items():
        for number, item in enumerate(items, start=1):
            if item.id in seen:
                text = _("an earlier one has the same id. Give one of them another.")
                lines.append(f"  {named(group, number, item.id)}, id: {text}")
            seen.add(item.id)
    return lines


def contradictions(golden: GoldenFile) -> list[str]:
    """Return a line for each question whose kind says otherwise than its expected entries or facts."""
    lines = []
    for number, question in enumerate(golden.questions, start=1):
        place = named("questions", number, question.id)
        if question.kind != "unanswerable" and not question.expect:
            text = _("is empty. Name the entries that answer it, or make its kind unanswerable.")
            lines.append(f"  {place}, expect: {text}")
        elif question.kind == "unanswerable" and (question.expect or question.must_say):
            field = "expect" if question.expect else "must_say"
            text = _("must be empty for an unanswerable question.")
            lines.append(f"  {place}, {field}: {text}")
    return lines


def says(text: str, fact: list[str]) -> bool:
    """Tell whether the text holds one of the fact's spellings, whatever its case, width and spaces.

    A number is only found whole: 80 is not in 180, 1800 or 80.5; 五折 is not in 九五折, though 四点 is in
    周六四点.
    """
    return any(pattern(spelling).search(folded(text)) for spelling in fact)


def folded(text: str) -> str:
    """Return the text in one case and width, without spaces and the commas of thousands."""
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", text).casefold())
    return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)


CHINESE_DIGITS = "零〇一二两三四五六七八九十百千万"


def pattern(spelling: str) -> re.Pattern[str]:
    """Return what finds a spelling where no longer number holds it."""
    spelling = folded(spelling)
    before = after = ""
    if spelling[0].isdigit():
        before = r"(?<!\d)(?<!\d\.)"
    elif spelling[0] in CHINESE_DIGITS:
        # After a weekday stands another number: 周六四点.
        before = f"(?:(?<![{CHINESE_DIGITS}])|(?<=[周期拜][一二三四五六]))"
    if spelling[-1].isdigit():
        after = r"(?!\d|\.\d|[百千万])"
    elif spelling[-1] in CHINESE_DIGITS:
        after = f"(?![{CHINESE_DIGITS}])"
    return re.compile(f"{before}{re.escape(spelling)}{after}")
