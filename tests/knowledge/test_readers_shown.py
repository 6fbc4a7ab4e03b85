"""What Excel, Word and browsers do not show is not published, and the notice says so."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import docx
import openpyxl
import pytest
from docx.oxml import parse_xml
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font, PatternFill

from knowledge.loaders import BusinessData
from tests.knowledge.uploads import entries, saved, upload, word, xlsx

pytestmark = pytest.mark.usefixtures("english")
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
ROWS: list[list[Any]] = [
    ["商品", "价格", "备注"],
    ["书桌", "899元", "别打折"],
    ["台灯", "99元", "底价60元"],
    ["椅子", "299元", "含安装"],
]


def book(rows: list[list[Any]] | None = None) -> Any:
    return openpyxl.load_workbook(io.BytesIO(xlsx({"价目": rows or ROWS})))


def read(workbook: Any) -> tuple[str, str]:
    """Return all that would be published, and the notice."""
    data = upload("a.xlsx", saved(workbook))
    return published(data), data.notice


def published(data: BusinessData) -> str:
    return "\n".join(
        "|".join([e.title, e.question, *e.alternative_questions, e.answer]) for e in data.entries
    )


@pytest.mark.parametrize("how", ["hidden", "no width", "collapsed group"])
def test_K5a_hidden_columns_are_left_out(how: str) -> None:
    workbook = book()
    column = workbook["价目"].column_dimensions["C"]
    if how == "hidden":
        column.hidden = True
    elif how == "no width":
        column.width = 0.01
    else:
        workbook["价目"].column_dimensions.group("C", "C", hidden=True)
    text, notice = read(workbook)
    assert "别打折" not in text
    assert "备注" not in text
    assert "899元" in text
    assert "Hidden columns, left out: 价目 C." in notice


@pytest.mark.parametrize("how", ["hidden", "no height", "collapsed group"])
def test_K5a_hidden_rows_are_left_out(how: str) -> None:
    workbook = book()
    sheet = workbook["价目"]
    if how == "hidden":
        sheet.row_dimensions[3].hidden = True
    elif how == "no height":
        sheet.row_dimensions[3].height = 0.01
    else:
        sheet.row_dimensions.group(3, 3, hidden=True)
    text, notice = read(workbook)
    assert "台灯" not in text
    assert "椅子" in text
    assert notice == "Hidden rows, left out: 价目 3."


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_K5a_hidden_sheets_are_left_out(state: str) -> None:
    workbook = book()
    secret = workbook.create_sheet("成本")
    secret.append(["商品", "成本"])
    secret.append(["书桌", 300])
    secret.sheet_state = state
    text, notice = read(workbook)
    assert "300" not in text
    assert notice == "Hidden sheets, left out: 成本."


def test_K5a_a_merged_cell_is_shown_where_a_part_of_it_is_visible() -> None:
    workbook = book(
        [["区域", "商品", "价格"], ["浦东", "书桌", "899元"], [None, "台灯", "99元"], [None, "椅子", "9元"]]
    )
    sheet = workbook["价目"]
    sheet.merge_cells("A2:A4")
    sheet.row_dimensions[2].hidden = True
    text, _notice = read(workbook)
    assert "浦东 台灯：价格 99元。" in text
    assert "书桌" not in text


def test_K5a_white_text_without_a_fill_is_left_out() -> None:
    workbook = book()
    sheet = workbook["价目"]
    sheet["C3"].font = Font(color="FFFFFFFF")
    for cell in sheet[1]:
        cell.font, cell.fill = Font(color="FFFFFFFF"), PatternFill("solid", fgColor="FF1F4E78")
    text, notice = read(workbook)
    assert "底价" not in text
    assert "价格 99元" in text
    assert notice == "Text in the colour of its ground, left out: 底价60元."


def test_K5a_what_a_number_format_hides_is_left_out() -> None:
    workbook = book()
    workbook["价目"]["C3"].number_format = ";;;"
    assert "底价" not in read(workbook)[0]


def test_K5b_struck_cells_and_struck_parts_of_cells_are_left_out() -> None:
    workbook = book()
    sheet = workbook["价目"]
    sheet["B2"].font = Font(strike=True)
    sheet["B4"] = CellRichText(TextBlock(InlineFont(strike=True), "399元"), "299元")
    text, notice = read(workbook)
    assert "899元" not in text
    assert "399元" not in text
    assert "椅子：价格 299元" in text
    assert notice == "Struck-through text, left out: 899元, 399元."


def test_K5b_a_row_of_which_only_the_key_is_left_is_no_entry() -> None:
    workbook = book([["商品", "价格"], ["书桌", "原价899元"], ["椅子", "299元"]])
    workbook["价目"]["B2"].font = Font(strike=True)
    assert [e.title for e in entries("a.xlsx", saved(workbook))] == ["椅子"]


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (1012345678, "00000000000", "01012345678"),
        (2154321234, "000-00000000", "021-54321234"),
        (7, "000", "007"),
        (12, '0"号"', "12号"),
        (199, '"¥"#,##0.00', "¥199.00"),
        (0.035, "0.0%", "3.5%"),
        (datetime(2020, 2, 29), 'yyyy"年"m"月"d"日"', "2020年2月29日"),
        (datetime(2021, 10, 1), "m/d", "10/1"),
    ],
)
def test_K5c_values_are_read_as_excel_shows_them(value: Any, code: str, shown: str) -> None:
    workbook = book([["名称", "值", "备注"], ["甲", value, "x"]])
    workbook["价目"]["B2"].number_format = code
    assert entries("a.xlsx", saved(workbook))[0].answer == f"甲：值 {shown}，备注 x。"


def paragraph(*runs: str) -> str:
    return f"<w:p {W}>{''.join(runs)}</w:p>"


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


def document_of(*paragraphs: str) -> Any:
    document = docx.Document()
    for xml in paragraphs:
        document.element.body.insert(len(document.element.body) - 1, parse_xml(xml))
    return document


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("<w:vanish/>", "Hidden text"),
        ("<w:strike/>", "Struck-through text"),
        ("<w:dstrike/>", "Struck-through text"),
        ('<w:color w:val="FFFFFF"/>', "Text in the colour of its ground"),
    ],
    ids=["K5a-hidden", "K5b-struck", "K5b-struck-twice", "K5a-white"],
)
def test_K5_word_text_that_nobody_reads_is_left_out(properties: str, reason: str) -> None:
    data = upload(
        "a.docx", saved(document_of(paragraph(run("退货期为"), run("30天", properties), run("7天。"))))
    )
    assert data.entries[0].answer == "退货期为7天。"
    assert data.notice == f"{reason}, left out: 30天."


def test_K5_a_switch_that_is_off_hides_nothing() -> None:
    text = paragraph(run("7天", '<w:vanish w:val="0"/><w:strike w:val="false"/>'))
    assert entries("a.docx", saved(document_of(text)))[0].answer == "7天"


def test_K5_text_is_hidden_by_its_style_and_by_the_one_that_builds_on() -> None:
    document = docx.Document()
    base = document.styles.add_style("内部", 1)
    base.font.hidden = True
    document.styles.add_style("内部二", 1).base_style = base
    document.add_paragraph("底价60元", style="内部二")
    document.add_paragraph("售价99元")
    data = upload("a.docx", saved(document))
    assert published(data) == "a||售价99元"
    assert data.notice == "Hidden text, left out: 底价60元."


def test_K5b_deleted_text_and_rows_are_left_out_and_inserted_are_read() -> None:
    cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
    deleted = '<w:trPr><w:del w:id="9" w:author="x"/></w:trPr>'
    named = [("", "名称", "价格"), ("", "日卡", "80元"), (deleted, "旧卡", "60元")]
    rows = [f"<w:tr>{mark}{cell.format(a)}{cell.format(b)}</w:tr>" for mark, a, b in named]
    table = f"<w:tbl {W}>{''.join(rows)}</w:tbl>"
    text = paragraph(
        run("正文"), "<w:del><w:r><w:delText>删掉</w:delText></w:r></w:del>", f"<w:ins>{run('新增')}</w:ins>"
    )
    data = upload("a.docx", saved(document_of(text, table)))
    assert "旧卡" not in published(data)
    assert "正文新增" in published(data)
    assert data.notice == "Deleted text of tracked changes, left out: 删掉, 旧卡60元."


def test_K5_numbers_of_lists_are_read_and_heads_of_pages_are_not() -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "机密"
    for text in ("先拍照", "再联系客服"):
        document.add_paragraph(text, style="List Number")
    document.add_paragraph("不支持货到付款", style="List Bullet")
    data = upload("a.docx", saved(document))
    assert data.entries[0].answer == "1. 先拍照\n2. 再联系客服\n不支持货到付款"
    assert data.notice == "Heads and feet of pages, left out: 机密."


def test_K5_hidden_and_struck_text_of_web_pages_and_markdown() -> None:
    page = (
        "<h1>退换</h1><p>退货期<del>30天</del>7天。</p><p style='display: none'>底价60元</p><!-- 毛利 -->"
        "<p hidden>草稿</p><script>x()</script>"
    )
    data = upload("a.html", page)
    assert published(data) == "退换||退货期7天。"
    assert data.notice.splitlines() == [
        "Struck-through text, left out: 30天.",
        "Hidden text, left out: 底价60元, 草稿.",
        "Comments, left out: 毛利.",
    ]
    assert entries("a.md", "退货期~~30天~~<s>10天</s>7天。")[0].answer == "退货期7天。"


def test_visible_files_have_no_notice() -> None:
    assert read(book())[1] == ""
    assert upload("a.docx", word("押金是2个月。")).notice == ""
