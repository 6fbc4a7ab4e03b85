"""CSV as programs and people really write it: no header, lost quotation marks, old encodings, days."""

from __future__ import annotations

import io
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

from knowledge.readers import read_file
from tests.knowledge.uploads import entries, saved, upload, xlsx

pytestmark = pytest.mark.usefixtures("english")
TRADITIONAL = "問題,答案\n營業時間？,早上九點到晚上六點。\n可以退貨嗎？,七天內可以退貨。\n"
SIMPLIFIED = "问题,答案\n能退货吗？,一周内可以退。\n几点开门？,早上九点。\n"


def test_K5e_the_first_question_of_a_file_without_a_header_is_kept() -> None:
    found = entries("a.csv", "能退吗？,七天内可退。\n保修多久？,三年。\n")
    assert [(e.question, e.answer) for e in found] == [("能退吗？", "七天内可退。"), ("保修多久？", "三年。")]


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ("多少钱？,1,299元起", "1,299元起"),
        ("多少钱？,1,299,000元", "1,299,000元"),
        ("多少钱？,原价1,299元，现价1,099元", "原价1,299元，现价1,099元"),
        ("能退吗？,七天内可退,不含定制商品。", "七天内可退，不含定制商品。"),
    ],
)
def test_K5e_unquoted_commas_are_recovered(row: str, answer: str) -> None:
    assert entries("a.csv", f"问题,答案\n{row}\n")[0].answer == answer


def test_K5e_a_thousand_in_the_middle_of_a_row() -> None:
    found = entries("a.csv", "商品,价格,说明\n床垫,1,299元,含运费\n书桌,899元,含安装\n")
    assert [e.answer for e in found] == [
        "床垫：价格 1,299元，说明 含运费。",
        "书桌：价格 899元，说明 含安装。",
    ]


@pytest.mark.parametrize("encoding", ["big5", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "utf-8"])
def test_K5e_traditional_text_in_every_encoding(encoding: str) -> None:
    assert entries("a.csv", TRADITIONAL.encode(encoding)) == entries("a.csv", TRADITIONAL)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "gbk", "gb18030"])
def test_K5f_text_with_zero_bytes_in_its_letters(encoding: str) -> None:
    assert entries("a.csv", SIMPLIFIED.encode(encoding)) == entries("a.csv", SIMPLIFIED)


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_K5e_tabs_between_cells(suffix: str) -> None:
    found = entries(f"a.{suffix}", "问题\t标准答案\n多少钱？\t1,299元起，含运费\n")
    assert found[0].answer == "1,299元起，含运费"


@pytest.mark.parametrize(
    ("header", "value", "last"),
    [
        ("有效期至", "2025-11-11", date(2025, 11, 11)),
        ("失效日期", "2025/11/11", date(2025, 11, 11)),
        ("到期时间", "2025年11月11日 23:59", date(2025, 11, 11)),
        ("截止日期", "20251111", date(2025, 11, 11)),
        ("valid_until", "2025.11.11", date(2025, 11, 11)),
        ("有效期至", "2025年11月", date(2025, 11, 30)),
        ("有效期至", "45972", date(2025, 11, 11)),
        ("有效期", "2025-11-01至2025-11-11", date(2025, 11, 11)),
        ("有效期至", "长期有效", None),
        ("有效期至", "", None),
    ],
)
def test_K5e_days_of_validity_are_fields_and_no_text(header: str, value: str, last: date | None) -> None:
    found = entries("a.csv", f"问题,答案,{header}\n还打折吗？,全场5折。,{value}\n")[0]
    assert (found.answer, found.valid_until) == ("全场5折。", last)


def test_K5e_a_day_of_excel_in_a_format_without_a_year() -> None:
    rows: list[list[Any]] = [
        ["问题", "答案", "生效时间", "有效期至"],
        ["还打折吗？", "5折。", datetime(2025, 11, 1), datetime(2025, 11, 11)],
    ]
    book = openpyxl.load_workbook(io.BytesIO(xlsx({"活动": rows})))
    book["活动"]["D2"].number_format = "m/d"
    found = entries("a.xlsx", saved(book))[0]
    assert (found.answer, found.valid_from, found.valid_until) == (
        "5折。",
        date(2025, 11, 1),
        date(2025, 11, 11),
    )


def test_K5e_what_is_no_day_stays_text_and_is_told() -> None:
    content = "问题,答案,有效期至\n还打折吗？,5折。,售完为止\n".encode()
    found = read_file("a.csv", io.BytesIO(content), {})
    assert found.data.entries[0].answer == "5折。 有效期至：售完为止"
    assert found.warnings == [
        "Row 2: “售完为止” is no day, so it does not end or begin the entry; it stays text."
    ]


@pytest.mark.parametrize("question", ["问题", "标准问", "问法", "客户问题", "Question", "問題"])
@pytest.mark.parametrize(
    "answer", ["标准答案", "答案", "回复", "回答", "标准话术", "Answer *", "答案（必填）"]
)
def test_P1_the_usual_names_of_columns_are_known(question: str, answer: str) -> None:
    text = (
        f"{question},相似问1,相似问2,{answer},知识分类,序号\n能退吗？,可以退货吗,怎么退,七天内可退。,售后,1\n"
    )
    found = entries("a.csv", text)[0]
    assert (found.question, found.answer, found.category) == ("能退吗？", "七天内可退。", "售后")
    assert found.alternative_questions == ["可以退货吗", "怎么退"]


def test_P1_what_is_not_imported_and_what_looks_internal_is_told() -> None:
    content = "序号,问题,答案,内部备注\n1,能退吗？,可以。,别主动说\n".encode()
    found = read_file("a.csv", io.BytesIO(content), {})
    assert found.data.notice == "Columns left out: 序号."
    assert found.warnings == [
        "Callers would hear these columns, which look internal: 内部备注. Ignore them if they are."
    ]
    assert read_file("a.csv", io.BytesIO(content), {"内部备注": "ignore"}).data.entries[0].answer == "可以。"


def test_P1_columns_are_assigned_by_name() -> None:
    content = "客户说,我们说,到何时\n退货,七天内可退。,2025-11-11\n".encode()
    assert upload("a.csv", content).entries[0].kind == "table"
    assigned = {"客户说": "question", "我们说": "answer", "到何时": "valid_until"}
    found = read_file("a.csv", io.BytesIO(content), assigned)
    entry = found.data.entries[0]
    assert (entry.kind, entry.question, entry.answer) == ("faq", "退货", "七天内可退。")
    assert entry.valid_until == date(2025, 11, 11)
    assert [(c.name, c.sample, c.field) for c in found.columns] == [
        ("客户说", "退货", "question"),
        ("我们说", "七天内可退。", "answer"),
        ("到何时", "2025-11-11", "valid_until"),
    ]
