"""Files of business data to entries.

::

    data = read("knowledge/data/onesuite-business-data.json")
    data.entries[0].question

Two kinds of JSON are read: the documented schema (``data/schema.json``, recognised by its ``entries`` list),
checked strictly; and any other nested JSON, where each group of plain values becomes an entry titled with its
path. A file that cannot be read raises LoadError and names each wrong entry and field.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from knowledge.errors import LoadError
from knowledge.nested import entries_of

MAX_BYTES = 20_000_000
MAX_PROBLEMS = 20

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Entry(BaseModel):
    """One thing the business knows."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=200)] = Field(
        description="Stable name of the entry, unique in the file, without spaces; a reload finds it by this."
    )
    category: Annotated[Text, Field(max_length=100)] = Field(
        description="Group it belongs to, as operators call it."
    )
    title: Annotated[Text, Field(max_length=200)] = Field(description="What it is about, in a few words.")
    question: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = Field(
        "", description="The question it answers, as a caller asks it. Empty for an article."
    )
    alternative_questions: list[Annotated[Text, Field(max_length=500)]] = Field(
        default_factory=list, description="The same question in other words: each is matched on its own."
    )
    answer: Text = Field(
        description="What the caller is told: one or two facts, 15 to 60 characters, numbers in digits."
    )
    tags: list[Annotated[Text, Field(max_length=50)]] = Field(
        default_factory=list, description="Words for filtering in the admin; callers never hear them."
    )

    def content(self) -> dict[str, Any]:
        """Return the fields as ``Document.content()`` names them."""
        return {
            "category": self.category,
            "title": self.title,
            "question": self.question,
            "answer": self.answer,
            "alternative_questions": list(self.alternative_questions),
            "tags": list(self.tags),
        }


class BusinessData(BaseModel):
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
    value = parse(path)
    if isinstance(value, dict) and isinstance(value.get("entries"), list):
        data = check(value, path.name)
    else:
        data = check({"entries": tolerant(value, path)}, path.name)
    refuse_duplicates(data, path.name)
    return data


def parse(path: Path) -> Any:
    """Return the JSON value of a file; raise LoadError that says where it breaks."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LoadError(
                _("{file} is larger than {limit} MB. Split it.").format(
                    file=path.name, limit=MAX_BYTES // 1_000_000
                )
            )
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise LoadError(_("{file} does not exist. Give the path of a JSON file.").format(file=path)) from None
    except OSError as exc:
        raise LoadError(_("{file} cannot be read: {reason}").format(file=path, reason=exc.strerror)) from exc
    except UnicodeDecodeError:
        raise LoadError(
            _("{file} is not UTF-8. Save it as UTF-8 and try again.").format(file=path.name)
        ) from None
    except json.JSONDecodeError as exc:
        raise LoadError(
            _(
                "{file}, line {line}, column {column}: not valid JSON ({reason}). Correct it there or before."
            ).format(file=path.name, line=exc.lineno, column=exc.colno, reason=exc.msg)
        ) from exc
    except RecursionError:
        raise too_deep(path) from None


def tolerant(value: Any, path: Path) -> list[dict[str, Any]]:
    """Return the entries of JSON that follows no schema, not yet checked; raise LoadError."""
    try:
        found = entries_of(value, path.stem)
    except RecursionError:
        raise too_deep(path) from None
    if not found:
        text = _("{file}: there is no text in it. Add entries, see docs/knowledge.md.")
        raise LoadError(text.format(file=path.name))
    return found


def too_deep(path: Path) -> LoadError:
    return LoadError(_("{file} is nested too deeply. Flatten it.").format(file=path.name))


def check(value: dict[str, Any], file: str) -> BusinessData:
    """Return the file as the schema describes it, or name what does not fit."""
    try:
        return BusinessData.model_validate(value)
    except ValidationError as exc:
        problems = exc.errors(include_url=False)
        lines = [describe(problem, value) for problem in problems[:MAX_PROBLEMS]]
        if len(problems) > MAX_PROBLEMS:
            lines.append(_("... and {count} more.").format(count=len(problems) - MAX_PROBLEMS))
        raise LoadError("\n".join([_("{file} does not fit the schema:").format(file=file), *lines])) from exc


def describe(problem: Any, value: dict[str, Any]) -> str:
    """Return one line: the entry, the field, what is wrong with it and what to do."""
    where = list(problem["loc"])
    place = _("The file")
    if where[0] == "entries" and len(where) > 1:
        entry = value["entries"][where[1]]
        name = entry.get("id") if isinstance(entry, dict) else None
        place = _("Entry {number} ({name})").format(number=where[1] + 1, name=name or _("without id"))
        where = where[2:]
    field = ".".join(str(part + 1) if isinstance(part, int) else part for part in where)
    return f"  {place}, {field}: {advice(problem)}" if field else f"  {place}: {advice(problem)}"


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
    return str(problem["msg"])


def refuse_duplicates(data: BusinessData, file: str) -> None:
    first: dict[str, int] = {}
    lines = [
        "  "
        + _("Entries {a} and {b} have the same id ({name}). Give one of them another.").format(
            a=first[entry.id], b=number, name=entry.id
        )
        for number, entry in enumerate(data.entries, start=1)
        if first.setdefault(entry.id, number) != number
    ]
    if lines:
        raise LoadError(
            "\n".join([_("{file} does not fit the schema:").format(file=file), *lines[:MAX_PROBLEMS]])
        )
