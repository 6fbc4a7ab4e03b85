"""A difference reads as an editor would mark it."""

from __future__ import annotations

import time

import pytest

from knowledge.text_diff import changes, diff


def marked(before: str, after: str) -> str:
    signs = {"same": "{}", "removed": "[-{}]", "inserted": "[+{}]"}
    return "".join(signs[piece.kind].format(piece.text) for piece in diff(before, after))


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [
        ("日卡80元一天。", "日卡90元一天。", "日卡[-80][+90]元一天。"),
        ("", "新的。", "[+新的。]"),
        ("旧的。", "", "[-旧的。]"),
        ("同样。", "同样。", "同样。"),
        ("不变。可以停车。", "不变。今天下雨。", "不变。[-可以停车。][+今天下雨。]"),
    ],
)
def test_what_changed_is_marked(before: str, after: str, seen: str) -> None:
    assert marked(before, after) == seen


def test_the_longest_answers_are_compared_in_no_time() -> None:
    began = time.process_time()
    before, after = "甲乙丙丁" * 5000, "丁丙乙甲" * 5000
    assert "".join(p.text for p in diff(before, after) if p.kind != "removed") == after
    assert time.process_time() - began < 2


def test_fields_are_shown_as_operators_write_them() -> None:
    before = {"tags": ["热门"], "verbatim": False, "kind": "faq", "answer": "好。", "valid_until": None}
    after = {**before, "tags": ["热门", "新"], "verbatim": True, "valid_until": "2026-01-31"}
    found = {
        change.label: "".join(p.text for p in change.pieces if p.kind == "inserted")
        for change in changes(before, after)
    }
    assert list(found.values()) == ["\n新", found[list(found)[1]], "2026-01-31"]
