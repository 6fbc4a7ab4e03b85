"""CSV and XLSX: which tables are FAQ, what becomes of cells, and what is refused with its row."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl
import pytest
from openpyxl.chart import BarChart

from tests.knowledge.uploads import entries, refusal, saved, upload, with_part, xlsx

pytestmark = pytest.mark.usefixtures("english")
SHEET = "xl/worksheets/sheet1.xml"
HEAD = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'


def answers(name: str, content: str | bytes) -> list[tuple[str, str]]:
    return [(e.title, e.answer) for e in entries(name, content)]


def test_known_columns_become_fields_in_any_order_and_writing() -> None:
    found = entries(
        "faq.csv",
        " Answer ,别的问法,QUESTION*,标签,分类,编号,标题\n"
        '9点。,"几点营业\n早上几点|开门时间；营业时间",几点开门？,"时间,门店",门店,open-1,开门\n',
    )[0]
    assert found.id == "open-1"
    assert (found.category, found.title, found.question, found.answer) == (
        "门店",
        "开门",
        "几点开门？",
        "9点。",
    )
    assert found.alternative_questions == ["几点营业", "早上几点", "开门时间", "营业时间"]
    assert found.tags == ["时间", "门店"]
    assert found.kind == "faq"


def test_the_title_and_category_come_from_question_and_file_when_there_are_none() -> None:
    found = entries("常见问题.csv", "问题,回答\n几点开门？,9点。\n")[0]
    assert (found.title, found.category) == ("几点开门？", "常见问题")
    found = entries("常见问题.xlsx", xlsx({"门店": [["问题", "回答"], ["几点开门？", "9点。"]]}))[0]
    assert (found.title, found.category) == ("几点开门？", "门店")


def test_a_title_with_an_answer_is_an_article() -> None:
    found = entries("a.csv", "标题,答案\n押金,2个月租金。\n")[0]
    assert (found.kind, found.title, found.question) == ("article", "押金", "")


def test_other_columns_are_added_to_the_answer() -> None:
    assert entries("a.csv", "问题,答案,备注,\n押金,2个月。,可分期,电话预约\n")[0].answer == (
        "2个月。 备注：可分期；电话预约"
    )


def test_a_number_as_id_is_told_apart_by_file_and_sheet() -> None:
    rows: list[list[Any]] = [["编号", "问题", "答案"], [1, "押金", "2个月。"]]
    found = entries("a.xlsx", xlsx({"合同": rows, "价格": rows}))
    assert [e.id for e in found] == ["a/合同/1", "a/价格/1"]
    assert entries("b.csv", "id,问题,答案\n1,押金,2个月。\nx y,租金,3。\n")[1].id == "x-y"


def test_wrong_rows_are_all_named() -> None:
    text = refusal("a.csv", f"编号,问题,答案\nx,押金,1\nx,租金,2\n,停车,\n,{'长' * 501},4\n")
    assert text == (
        "a.csv does not fit the schema:\n"
        "  Row 4, answer: is empty. Fill it in or remove it.\n"
        "  Row 5, question: is longer than 500 characters. Shorten it."
    )
    assert "Row 2 and Row 3 have the same id (x). Give one of them another." in refusal(
        "a.csv", "编号,问题,答案\nx,押金,1\nx,租金,2\n"
    )
    assert "Sheet 价格, row 3, answer: is empty." in refusal(
        "a.xlsx", xlsx({"价格": [["问题", "答案"], ["押金", 1], ["租金", None]]})
    )


def test_rows_of_other_tables_are_text_titled_by_the_first_column() -> None:
    found = entries("价目.csv", "名称,价格,说明\n日卡,80,当天有效。\n月卡,,\n,90,\n")
    assert [(e.title, e.answer, e.kind, e.category) for e in found] == [
        ("日卡", "日卡：价格 80，说明 当天有效。", "table", "价目"),
        ("月卡", "名称：月卡。", "table", "价目"),
        ("90", "价格：90。", "table", "价目"),
    ]


def test_captions_empty_rows_repeated_headers_and_rows_without_content_are_left_out() -> None:
    text = "2026年价目表,,\n\n,,\n名称,价格,\n日卡,80,\n名称,价格,\n月卡,580,多余\n"
    assert answers("a.csv", text) == [
        ("日卡", "日卡：价格 80。"),
        ("月卡", "月卡：价格 580，多余。"),
    ]
    assert answers("a.csv", "本店,电话\n问题,答案,分类\n押金,2个月。,合同\n,,合同\n") == [("押金", "2个月。")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    rows = [["名称", "说明"], ["日卡", '"含茶，咖啡"'], ["月卡", '"上午;下午,晚上"']]
    text = "\n".join(delimiter.join(row) for row in rows)
    assert [e.answer for e in entries("a.csv", text)] == [
        "日卡：说明 含茶，咖啡。",
        "月卡：说明 上午;下午,晚上。",
    ]


def test_a_single_column_is_a_table() -> None:
    assert answers("a.csv", "网点\n静安店\n徐汇店\n") == [
        ("静安店", "网点：静安店。"),
        ("徐汇店", "网点：徐汇店。"),
    ]


def test_broken_quotation_is_named_with_its_line() -> None:
    assert (
        "a.csv, line 3: not valid CSV (unexpected end of data). Check the quotation marks there"
        in refusal("a.csv", '名称,价格\n日卡,"80\n月卡,90\n')
    )


@pytest.mark.parametrize(
    ("value", "style", "shown"),
    [
        (8.0, None, "8"),
        (0.1 + 0.2, None, "0.3"),
        (1e20, None, "100000000000000000000"),
        (0.00001, None, "0.00001"),
        (13812345678, None, "13812345678"),
        (0.855, "0.0%", "85.5%"),
        (1800, "¥#,##0.00", "¥1,800.00"),
        (date(2026, 1, 1), None, "2026-01-01"),
        (datetime(2026, 1, 1, 9, 30), None, "2026-01-01 9:30"),
        (datetime(2026, 1, 1, 9, 30, 5), None, "2026-01-01 9:30:05"),
        (time(9), None, "9:00"),
        (timedelta(hours=26, minutes=5), None, "26:05"),
        (True, None, "是"),
        (False, None, "否"),
        (" 80元 ", None, "80元"),
    ],
)
def test_values_are_written_as_people_write_them(value: Any, style: str | None, shown: str) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["名称", "值"])
    book.worksheets[0].append(["x", value])
    if style:
        book.worksheets[0]["B2"].number_format = style
    assert entries("a.xlsx", saved(book))[0].answer == f"x：值 {shown}。"


def test_errors_are_left_out_and_stored_values_of_formulas_are_read() -> None:
    cells = (
        b'<row r="1"><c r="A1" t="str"><v>a</v></c><c r="B1" t="str"><v>b</v></c></row>'
        b'<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
        b'<row r="3"><c r="A3"><v>3</v></c><c r="B3" t="str"><f>""</f><v></v></c></row>'
        b"</sheetData></worksheet>"
    )
    assert answers("a.xlsx", with_part(xlsx({"x": []}), SHEET, [HEAD, cells])) == [
        ("2", "a：2。"),
        ("3", "a：3。"),
    ]


def test_formulas_without_a_stored_value_are_named() -> None:
    rows = [["名称", "价格"], ["日卡", "=40*2"], *([[f"卡{n}", f"={n}"] for n in range(30)])]
    text = refusal("a.xlsx", xlsx({"价格": rows}))
    assert text.startswith("a.xlsx, sheet 价格: formulas without a stored value in B2, B3, B4,")
    assert text.endswith("B21 .... Open it in Excel or WPS, save it and upload that.")


def test_merged_cells() -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    rows: list[list[Any]] = [
        ["价目表"], ["类别", "名称", "价格"], ["工位", "日卡", 80], [None, "月卡", 580], ["以下为会议室"],
        ["会议室", "小", 100], [None, "大", 200], ["楼层", 8],
    ]  # fmt: skip
    for row in rows:
        sheet.append(row)
    for area in ("A1:C1", "A3:A4", "A5:C5", "A6:A7", "B8:C8"):
        sheet.merge_cells(area)
    assert answers("a.xlsx", saved(book)) == [
        ("工位 日卡", "工位 日卡：价格 80。"),
        ("工位 月卡", "工位 月卡：价格 580。"),
        ("会议室 小", "会议室 小：价格 100。"),
        ("会议室 大", "会议室 大：价格 200。"),
        ("楼层", "楼层：名称 8，价格 8。"),
    ]


def test_every_visible_sheet_is_read_and_hidden_ones_are_told() -> None:
    rows: list[list[Any]] = [["名称", "价格"], ["日卡", 80]]
    book = openpyxl.load_workbook(io.BytesIO(xlsx({"静安": rows, "成本": rows, "徐汇": rows, "空": []})))
    book["成本"].sheet_state = "hidden"
    book.create_chartsheet("图").add_chart(BarChart())
    data = upload("a.xlsx", saved(book))
    assert [e.category for e in data.entries] == ["静安", "徐汇"]
    assert len({e.id for e in data.entries}) == 2
    assert data.notice == "Hidden sheets, left out: 成本."


def test_a_wrong_size_in_the_head_of_a_sheet_does_not_matter() -> None:
    head = HEAD.replace(b"<sheetData>", b'<dimension ref="A1:A1"/><sheetData>')
    cells = (
        b'<row><c t="str"><v>a</v></c><c t="str"><v>b</v></c></row>'
        b'<row r="1048576"><c r="A1048576"><v>1</v></c><c r="B1048576"><v>2</v></c></row>'
        b"</sheetData></worksheet>"
    )
    assert answers("a.xlsx", with_part(xlsx({"x": []}), SHEET, [head, cells])) == [("1", "a 1：b 2。")]


@pytest.mark.parametrize(
    "cells",
    [
        b'<row r="1048577"><c r="A1048577"><v>1</v></c></row>',
        b"<row>" + b"<c><v>1</v></c>" * 16_385 + b"</row>",
    ],
)
def test_a_sheet_larger_than_a_sheet_can_be_is_refused(cells: bytes) -> None:
    content = with_part(xlsx({"x": []}), SHEET, [HEAD, cells, b"</sheetData></worksheet>"])
    assert (
        refusal("a.xlsx", content) == "a.xlsx: a sheet is larger than Excel allows. Save it again with Excel."
    )
