"""Any nested JSON to entries: a tolerant reading of files that follow no schema.

::

    entries_of({"门店": {"静安店": {"地址": "星河路16号", "停车": True}}}, "data")
    # [{"id": "门店/静安店", "category": "门店", "title": "门店 静安店", "question": "",
    #   "answer": "地址：星河路16号；停车：是。", "kind": "article"}]

The plain values of an object make one entry, as does a list of plain values; the path to them is the title.
An object with a question and an answer, under the usual names, keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

QUESTION_NAMES = ("question", "q", "问题", "问")
ANSWER_NAMES = ("answer", "a", "答案", "回答", "答")
ITEM_NAMES = ("id", "name", "title", "名称", "标题", "名字", *QUESTION_NAMES)
MAX_KEY = 180
Path = tuple[str, ...]


def entries_of(value: Any, root: str) -> list[dict[str, Any]]:
    """Return schema entries for a JSON value; ``root`` names what lies at its top. Raises RecursionError."""
    entries: list[dict[str, Any]] = []
    used: dict[str, int] = {}
    for path, question, answer in leaf_groups(value, ()):
        names = path or (root,)
        key = re.sub(r"\s+", "-", "/".join(names))[:MAX_KEY]
        used[key] = used.get(key, 0) + 1
        entries.append(
            {
                "id": key if used[key] == 1 else f"{key}#{used[key]}",
                "category": names[0][:100],
                "title": " ".join(names)[:200],
                "question": question[:500],
                "answer": answer,
                "kind": "faq" if question else "article",
            }
        )
    return entries


def leaf_groups(value: Any, path: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield (path, question, answer) for each group of plain values, in the order of the file."""
    if isinstance(value, dict):
        yield from object_groups(value, path)
    elif isinstance(value, list):
        plain = [text for text in map(spoken, value) if text]
        if plain:
            yield path, "", "、".join(plain) + "。"
        for number, item in enumerate(value, start=1):
            if isinstance(item, dict | list):
                yield from leaf_groups(item, (*path, name_of(item) or str(number)))
    elif text := spoken(value):
        yield path, "", text


def object_groups(value: dict[str, Any], path: Path) -> Iterator[tuple[Path, str, str]]:
    question, answer = first_text(value, QUESTION_NAMES), first_text(value, ANSWER_NAMES)
    pair = bool(question and answer)
    skipped = {*ITEM_NAMES, *ANSWER_NAMES} if pair else set()
    plain = {name: spoken(item) for name, item in value.items() if name.lower() not in skipped}
    facts = "；".join(f"{name}：{text}" for name, text in plain.items() if text)
    if pair:
        yield path, question, f"{answer} {facts}".strip()
    elif facts:
        yield path, "", facts + "。"
    for name, item in value.items():
        if isinstance(item, dict | list):
            yield from leaf_groups(item, (*path, name.strip() or "-"))


def first_text(value: dict[str, Any], names: tuple[str, ...]) -> str:
    """Return the first plain value under one of the names, whatever their case."""
    lowered = {key.lower(): item for key, item in value.items()}
    return next((text for text in (spoken(lowered.get(name)) for name in names) if text), "")


def name_of(item: Any) -> str:
    return first_text(item, ITEM_NAMES)[:60] if isinstance(item, dict) else ""


def spoken(value: Any) -> str:
    """Return a plain value as text; empty for objects, lists, null and blank text."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, str | int | float):
        return str(value).strip()
    return ""
