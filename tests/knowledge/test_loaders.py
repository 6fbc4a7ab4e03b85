"""Files are read, or refused with the entry, the field and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from knowledge.errors import LoadError
from knowledge.loaders import read

ENTRY: dict[str, Any] = {"id": "a", "category": "价格", "title": "工位", "answer": "工位1800元一个月。"}


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def refusal(path: Path, value: Any) -> str:
    with pytest.raises(LoadError) as caught:
        read(write(path / "kb.json", value))
    assert (caught.value.stage, caught.value.code) == ("load", "bad_file")
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": ""}, "Entry 2 (b), answer: is empty. Fill it in or remove it."),
        ({"answer": 3}, "Entry 2 (b), answer: must be text in quotation marks."),
        (
            {"anwser": "x"},
            "Entry 2 (b), anwser: is not a field of the schema. Remove it or correct its name.",
        ),
        ({"title": "长" * 201}, "Entry 2 (b), title: is longer than 200 characters. Shorten it."),
        ({"alternative_questions": "几点"}, "Entry 2 (b), alternative_questions: must be a list"),
        ({"alternative_questions": ["几点", ""]}, "Entry 2 (b), alternative_questions.2: is empty."),
        ({"kind": "book"}, "Entry 2 (b), kind: must be one of 'faq', 'article', 'table' or 'declined'."),
        ({"valid_from": "1.2.2026"}, "Entry 2 (b), valid_from: must be a day, written like 2026-01-31."),
        ({"valid_until": 20260131}, "Entry 2 (b), valid_until: must be a day, written like 2026-01-31."),
        (
            {"valid_from": "2026-02-01", "valid_until": "2026-01-31"},
            "Entry 2 (b): valid_until is before valid_from. Correct one of them.",
        ),
        ({"id": "b c"}, "Entry 2 (b c), id: must not be empty or contain spaces."),
        ({"id": "a"}, "Entry 1 and Entry 2 have the same id (a). Give one of them another."),
    ],
)
def test_a_wrong_field_is_named_with_its_entry(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    assert message in refusal(tmp_path, {"entries": [ENTRY, {**ENTRY, "id": "b", **change}]})


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != "answer"}
    assert "Entry 1 (a), answer: is missing. Add it." in refusal(tmp_path, {"entries": [entry]})


def test_every_problem_is_listed_but_not_endlessly(tmp_path: Path) -> None:
    text = refusal(tmp_path, {"entries": [{"id": f"e{i}"} for i in range(100)]})
    assert text.count("is missing") == 20
    assert "... and 180 more." in text


def test_an_entry_that_is_no_object_is_named(tmp_path: Path) -> None:
    assert "Entry 1 (without id): must be an object in curly brackets." in refusal(
        tmp_path, {"entries": ["x"]}
    )


def test_broken_json_is_refused_with_its_place(tmp_path: Path) -> None:
    assert "kb.json, line 2, column 1: not valid JSON" in refusal(tmp_path, '{"entries": [\n')


def test_gbk_is_refused_with_the_encoding_to_use(tmp_path: Path) -> None:
    path = tmp_path / "kb.json"
    path.write_bytes('{"营业": "九点"}'.encode("gbk"))
    with pytest.raises(LoadError, match=r"kb\.json is not UTF-8\. Save it as UTF-8"):
        read(path)


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="does not exist"):
        read(tmp_path / "none.json")
    with pytest.raises(LoadError, match="cannot be read"):
        read(tmp_path)


def test_a_file_with_bom_is_read(tmp_path: Path) -> None:
    path = tmp_path / "kb.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"entries": [ENTRY]}).encode())
    assert read(path).entries[0].id == "a"


@pytest.mark.parametrize("value", ["{}", "[]", "null", '""', '{"a": {"b": [null, ""]}}'])
def test_json_without_text_is_refused(tmp_path: Path, value: str) -> None:
    assert "there is no text in it" in refusal(tmp_path, value)


def test_endless_nesting_is_refused(tmp_path: Path) -> None:
    assert "nested too deeply" in refusal(tmp_path, "[" * 100_000 + "]" * 100_000)
    assert "nested too deeply" in refusal(tmp_path, '{"a":' * 980 + '"x"' + "}" * 980)


def nested(path: Path, value: Any) -> list[tuple[str, str, str, str]]:
    return [(e.id, e.title, e.question, e.answer) for e in read(write(path / "shop.json", value)).entries]


def test_each_group_of_plain_values_is_an_entry_titled_with_its_path(tmp_path: Path) -> None:
    value = {"营业": "9点", "门店": {"静安店": {"地址": "星河路16号", "停车": True, "层": 8, "传真": None}}}
    assert nested(tmp_path, value) == [
        ("shop", "shop", "", "营业：9点。"),
        ("门店/静安店", "门店 静安店", "", "地址：星河路16号；停车：是；层：8。"),
    ]


def test_list_items_are_named_by_their_name_or_number(tmp_path: Path) -> None:
    value = {
        "产品": [{"name": "日卡", "价格": 80}, {"价格": 90}, {"name": "日卡", "价格": 70}],
        "颜色": ["红", "蓝"],
    }
    assert nested(tmp_path, value) == [
        ("产品/日卡", "产品 日卡", "", "name：日卡；价格：80。"),
        ("产品/2", "产品 2", "", "价格：90。"),
        ("产品/日卡#2", "产品 日卡", "", "name：日卡；价格：70。"),
        ("颜色", "颜色", "", "红、蓝。"),
    ]


def test_a_question_with_its_answer_is_recognised(tmp_path: Path) -> None:
    value = {"常见问题": [{"问题": "几点开门", "答案": "9点。", "备注": "周日休息"}]}
    assert nested(tmp_path, value) == [
        ("常见问题/几点开门", "常见问题 几点开门", "几点开门", "9点。 备注：周日休息")
    ]
