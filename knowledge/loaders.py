"""JSON files of business data to entries; other types are read by ``knowledge.readers``.

::

    data = read("knowledge/data/onesuite-business-data.json")
    data.entries[0].question

Two kinds of JSON are read: the documented schema (``data/schema.json``, recognised by its ``entries`` list),
checked strictly; and any other nested JSON, where each group of plain values becomes an entry titled with its
path. A file that cannot be read raises LoadError and names each wrong entry and field.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Self

from django.utils.translation import gettext as _
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from knowledge.cleaning import clean
from knowledge.errors import LoadError
from knowledge.nested import entries_of

MAX_BYTES = 20_000_000
MAX_ENTRIES = 50_000
MAX_ANSWER = 20_000
MAX_PROBLEMS = 20

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Kind = Literal["faq", "article", "table", "declined"]


def day_of(value: Any) -> Any:
    """Return a day that is written as 2026-01-31."""
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(_("must be a day, written like 2026-01-31.")) from None


Day = Annotated[date, BeforeValidator(day_of)]


class Cleaned(BaseModel):
    """A model whose texts, and texts in lists, are rid of invisible characters before they are checked."""

    @field_validator("*", mode="before")
    @classmethod
    def without_invisible(cls, value: Any) -> Any:
        if isinstance(value, list):
            return [clean(item) if isinstance(item, str) else item for item in value]
        return clean(value) if isinstance(value, str) else value


class Entry(Cleaned):
    """One thing the business knows."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=200)] = Field(
        description="Stable name of the entry, unique in the file, without spaces; a reload finds it by this."
    )
    category: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = Field(
        "", description="Group it belongs to, as operators call it."
    )
    title: Annotated[Text, Field(max_length=200)] = Field(description="What it is about, in a few words.")
    question: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = Field(
        "", description="The question it answers, as a caller asks it. Empty for an article."
    )
    alternative_questions: list[Annotated[Text, Field(max_length=500)]] = Field(
        default_factory=list, description="The same question in other words: each is matched on its own."
    )
    answer: Annotated[Text, Field(max_length=MAX_ANSWER)] = Field(
        description="What the caller is told: one or two facts, 15 to 60 characters, numbers in digits."
    )
    tags: list[Annotated[Text, Field(max_length=50)]] = Field(
        default_factory=list, description="Words for filtering in the admin; callers never hear them."
    )
    kind: Kind = Field(
        "faq", description="A question with its answer, a text, a row of a table, or declined questions."
    )
    verbatim: bool = Field(False, description="True: callers hear the answer word for word.")
    valid_from: Day | None = Field(None, description="Not said before this day.")
    valid_until: Day | None = Field(None, description="The last day it is said.")

    @model_validator(mode="after")
    def check_days(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError(_("valid_until is before valid_from. Correct one of them."))
        return self

    def fields(self) -> dict[str, Any]:
        """Return the values as a document has them."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "id"}

    def content(self) -> dict[str, Any]:
        """Return the values as ``Document.content()`` does."""
        return self.model_dump(mode="json", exclude={"id"})


class BusinessData(Cleaned):
    """A file of business knowledge that Aiker answers callers from."""

    model_config = ConfigDict(extra="forbid", strict=True, title="Aiker business data")

    schema_: str = Field("", alias="$schema", description="Where this schema lies; for editors.")
    sample: bool = Field(False, description="True: invented data for demonstration and tests.")
    notice: str = Field("", description="Anything a reader of the file must know.")
    business: str = Field("", description="Name of the business; names the knowledge base when it is made.")
    language: str = Field("zh-CN", description="Language of the entries (BCP 47).")
    entries: list[Entry] = Field(min_length=1, description="What the business knows.")


def read(path: str | Path) -> BusinessData:
    """Return the entries of a JSON file of either kind; raise LoadError."""
    path = Path(path)
    return read_json(content_of(path), path.name)


def content_of(path: Path) -> bytes:
    """Return the bytes of a file that is not too large; raise LoadError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise too_large(path.name)
        return path.read_bytes()
    except FileNotFoundError:
        raise LoadError(_("{file} does not exist. Give the path of a JSON file.").format(file=path)) from None
    except OSError as exc:
        raise LoadError(_("{file} cannot be read: {reason}").format(file=path, reason=exc.strerror)) from exc


def read_json(content: bytes, file: str) -> BusinessData:
    """Return the entries in the bytes of a JSON file called ``file``; raise LoadError."""
    value = parse(content, file)
    if not (isinstance(value, dict) and isinstance(value.get("entries"), list)):
        value = {"entries": tolerant(value, file)}
    data = check(value, file)
    refuse_duplicates(data, file)
    return data


def parse(content: bytes, file: str) -> Any:
    """Return the JSON value; raise LoadError that says where it breaks."""
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise LoadError(_("{file} is not UTF-8. Save it as UTF-8 and try again.").format(file=file)) from None
    except json.JSONDecodeError as exc:
        raise LoadError(
            _(
                "{file}, line {line}, column {column}: not valid JSON ({reason}). Correct it there or before."
            ).format(file=file, line=exc.lineno, column=exc.colno, reason=exc.msg)
        ) from exc
    except RecursionError:
        raise too_deep(file) from None


def tolerant(value: Any, file: str) -> list[dict[str, Any]]:
    """Return the entries of JSON that follows no schema, not yet checked; raise LoadError."""
    try:
        found = entries_of(value, PurePath(file).stem)
    except RecursionError:
        raise too_deep(file) from None
    if not found:
        text = _("{file}: there is no text in it. Add entries, see docs/knowledge.md.")
        raise LoadError(text.format(file=file))
    return found


def too_deep(file: str) -> LoadError:
    return LoadError(_("{file} is nested too deeply. Flatten it.").format(file=file))


def too_large(file: str) -> LoadError:
    text = _("{file} is larger than {limit} MB. Split it.")
    return LoadError(text.format(file=file, limit=MAX_BYTES // 1_000_000))


def too_many(file: str) -> LoadError:
    text = _("{file} holds more than {limit} entries. Split it.")
    return LoadError(text.format(file=file, limit=MAX_ENTRIES))


def check(value: dict[str, Any], file: str, places: Sequence[str] = ()) -> BusinessData:
    """Return the file as the schema describes it, or name what does not fit.

    ``places`` says where in the file each entry lies; without it entries are called by number and id.
    """
    if len(value["entries"]) > MAX_ENTRIES:
        raise too_many(file)
    try:
        return BusinessData.model_validate(value)
    except ValidationError as exc:
        problems = exc.errors(include_url=False)
        lines = [describe(problem, value, places) for problem in problems[:MAX_PROBLEMS]]
        if len(problems) > MAX_PROBLEMS:
            lines.append(_("... and {count} more.").format(count=len(problems) - MAX_PROBLEMS))
        raise LoadError("\n".join([_("{file} does not fit the schema:").format(file=file), *lines])) from exc


def describe(problem: Any, value: dict[str, Any], places: Sequence[str]) -> str:
    """Return one line: the entry, the field, what is wrong with it and what to do."""
    where = list(problem["loc"])
    place = _("The file")
    if where[0] == "entries" and len(where) > 1:
        place = places[where[1]] if places else entry_name(where[1], value["entries"][where[1]])
        where = where[2:]
    field = ".".join(str(part + 1) if isinstance(part, int) else part for part in where)
    return f"  {place}, {field}: {advice(problem)}" if field else f"  {place}: {advice(problem)}"


def entry_name(index: int, entry: Any) -> str:
    name = entry.get("id") if isinstance(entry, dict) else None
    return _("Entry {number} ({name})").format(number=index + 1, name=name or _("without id"))


def advice(problem: Any) -> str:
    limits = problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            return _("is missing. Add it.")
        case "extra_forbidden":
            return _("is not a field of the schema. Remove it or correct its name.")
        case "string_type":
            return _("must be text in quotation marks.")
        case "string_too_short" | "too_short":
            return _("is empty. Fill it in or remove it.")
        case "string_too_long":
            return _("is longer than {limit} characters. Shorten it.").format(limit=limits["max_length"])
        case "string_pattern_mismatch":
            return _("must not be empty or contain spaces.")
        case "list_type":
            return _("must be a list in square brackets.")
        case "model_type" | "dict_type":
            return _("must be an object in curly brackets.")
        case "bool_type":
            return _("must be true or false.")
        case "value_error":
            return str(limits["error"])
        case "literal_error":
            return _("must be one of {choices}.").format(choices=limits["expected"])
    return str(problem["msg"])


def refuse_duplicates(data: BusinessData, file: str, places: Sequence[str] = ()) -> None:
    places = places or [
        _("Entry {number}").format(number=number) for number in range(1, len(data.entries) + 1)
    ]
    first: dict[str, str] = {}
    lines = []
    for place, entry in zip(places, data.entries, strict=True):
        if entry.id in first:
            text = _("{a} and {b} have the same id ({name}). Give one of them another.")
            lines.append("  " + text.format(a=first[entry.id], b=place, name=entry.id))
        first.setdefault(entry.id, place)
    if lines:
        raise LoadError(
            "\n".join([_("{file} does not fit the schema:").format(file=file), *lines[:MAX_PROBLEMS]])
        )
