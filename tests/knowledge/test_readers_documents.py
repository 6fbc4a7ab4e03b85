"""Markdown, plain text, Word and PDF: headings, questions with answers, tables, and what is refused."""

from __future__ import annotations

import io
import struct
import zlib

import docx
import pytest
from docx.oxml import parse_xml
from pypdf import PdfReader, PdfWriter

from knowledge.readers.limits import MAX_PAGES
from tests.knowledge.uploads import entries, pdf, pdf_of, refusal, saved, stream, upload, word

pytestmark = pytest.mark.usefixtures("english")
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
RESTART, CONTINUE, WIDE = '<w:vMerge w:val="restart"/>', "<w:vMerge/>", '<w:gridSpan w:val="2"/>'


def found(name: str, content: str | bytes) -> list[tuple[str, str, str, str]]:
    return [(e.kind, e.title, e.question, e.answer) for e in entries(name, content)]


def test_headings_of_markdown_cut_it_into_articles_titled_with_their_path() -> None:
    text = (
        "前言。\n\n# 合同 #\n\n## 押金 **规则**\n\n2个月。\n\n退还7天。\n\n"
        "## 续约\n\n提前说。\n\n价格\n====\n\n80元。\n"
    )
    assert found("手册.md", text) == [
        ("article", "手册", "", "前言。"),
        ("article", "合同 押金 规则", "", "2个月。\n\n退还7天。"),
        ("article", "合同 续约", "", "提前说。"),
        ("article", "价格", "", "80元。"),
    ]
    assert [e.category for e in entries("手册.md", text)] == ["手册", "合同", "合同", "价格"]


def test_markdown_is_rid_of_its_marks() -> None:
    text = (
        "---\ntitle: 头\n---\n"
        "押金是**2个月**，见[合同](https://x.example)。![图](a.png)<br>第二行 `码`\n换行\n\n"
        "- 一\n  - 二\n\n3. 甲\n4. 乙\n\n> 引用\n\n<div>框<b>内</b></div>\n\n```\n# 不是标题\n```\n\n---\n"
    )
    assert found("a.md", text) == [
        (
            "article", "a", "",
            "押金是2个月，见合同。\n第二行 码\n换行\n\n一\n二\n\n3. 甲\n4. 乙\n\n引用\n\n框内\n\n# 不是标题",
        )
    ]  # fmt: skip


def test_tables_of_markdown_are_entries_a_row() -> None:
    text = (
        "# 价格\n\n| 名称 | 价格 |\n|---|---:|\n| 日卡 | **80** |\n\n"
        "| 问题 | 答案 |\n|-|-|\n| 押金？ | 2个月。 |\n"
    )
    assert found("a.md", text) == [
        ("table", "价格 日卡", "", "日卡：价格 80。"),
        ("faq", "押金？", "押金？", "2个月。"),
    ]


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.docx", "a.pdf"])
@pytest.mark.parametrize(
    "text",
    [
        "问：几点开门？\n答：9点。\n\n问：有停车场吗？\n答：有。",
        "问：几点开门？答：9点。问：有停车场吗？答：有。",
        "Q1: 几点开门？\nA1: 9点。\nQ2: 有停车场吗？\nA2: 有。",
        "1. 问题：几点开门？\n\n回答：9点。\n\n2. 问题：有停车场吗？\n\n回答：有。",
        "- Question: 几点开门？ Answer: 9点。\n- Question: 有停车场吗？ Answer: 有。",
        "（1）问：几点开门？\n答：\n9点。\n（2）问：有停车场吗？\n答：\n有。",
    ],
)
def test_questions_with_answers_are_entries(name: str, text: str) -> None:
    content: str | bytes = text
    if name == "a.docx":
        content = word(*text.split("\n"))
    if name == "a.pdf":
        content = pdf([text])
    assert [(kind, question, answer) for kind, _title, question, answer in found(name, content)] == [
        ("faq", "几点开门？", "9点。"),
        ("faq", "有停车场吗？", "有。"),
    ]


def test_what_is_no_question_with_an_answer_stays_text() -> None:
    text = "A座：前台。\n方案 A: 80元。\n\n问：没有回答？\n\n问：有吗？\n答：有。\n第二行。\n\n另一段。"
    assert found("a.txt", text) == [
        ("faq", "有吗？", "有吗？", "有。\n第二行。\n\n另一段。"),
        ("article", "a", "", "A座：前台。\n方案 A: 80元。\n\n问：没有回答？"),
    ]


def test_headings_of_word_cut_it_into_articles_and_tables_are_rows() -> None:
    document = docx.Document()
    document.add_heading("手册", 0)
    document.add_paragraph("前言。")
    document.add_heading("合同", 1)
    document.add_heading("押金", 2)
    document.add_paragraph("2个月。")
    document.add_paragraph("退还7天。")
    document.add_paragraph("")
    document.add_paragraph("另一段。")
    table = document.add_table(3, 2)
    for number, cells in enumerate([("名称", "价格"), ("日卡", "80"), ("月卡", "580")]):
        table.rows[number].cells[0].text, table.rows[number].cells[1].text = cells
    document.add_picture(io.BytesIO(picture()))
    document.add_table(1, 1).rows[0].cells[0].text = "框里的字。"
    assert found("a.docx", saved(document)) == [
        ("article", "手册", "", "前言。"),
        ("table", "合同 押金 日卡", "", "日卡：价格 80。"),
        ("table", "合同 押金 月卡", "", "月卡：价格 580。"),
        ("article", "合同 押金", "", "2个月。\n退还7天。\n\n另一段。\n\n框里的字。"),
    ]


def picture() -> bytes:
    """Return a PNG of one black point."""

    def part(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))
        )

    head = part(b"IHDR", struct.pack(">LLBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", zlib.compress(b"\0\0")) + part(b"IEND", b"")


def test_word_headings_by_style_name_base_and_outline_level() -> None:
    document = docx.Document()
    styles = document.styles
    own = styles.add_style("我的标题", 1)
    own.base_style = styles["Heading 1"]
    circle = styles.add_style("圈", 1)
    circle.base_style = circle
    chinese = styles.add_style("标题 2", 1)
    document.add_paragraph("合同", style=own)
    document.add_paragraph("押金", style=chinese)
    document.add_paragraph("2个月。", style=circle)
    paragraph = document.add_paragraph("价格")
    paragraph.paragraph_format.element.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {W} w:val="0"/>'))
    document.add_paragraph("80元。")
    assert found("a.docx", saved(document)) == [
        ("article", "合同 押金", "", "2个月。"),
        ("article", "价格", "", "80元。"),
    ]


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p>{run(text)}</w:p></w:tc>"


def control(text: str, properties: str = "") -> str:
    content = f"<w:sdtContent><w:p>{run(text)}</w:p></w:sdtContent>"
    return f"<w:sdt {W}><w:sdtPr>{properties}</w:sdtPr>{content}</w:sdt>"


def test_word_text_is_what_word_shows() -> None:
    document = docx.Document()
    body = document.element.body
    contents = '<w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj>'
    for xml in [
        f"<w:p {W}>{run('原')}<w:del><w:r><w:delText>删</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>增</w:t><w:br/><w:t>行</w:t></w:r></w:ins></w:p>",
        control("控件"),
        control("目录", contents),
        f"<w:tbl {W}><w:tr>{cell('类别')}{cell('名称')}{cell('价格')}</w:tr>"
        f"<w:tr>{cell('卡', RESTART)}{cell('日')}{cell('80')}</w:tr>"
        f"<w:tr>{cell('', CONTINUE)}{cell('月')}{cell('580')}</w:tr>"
        f"<w:tr>{cell('室', WIDE)}{cell('100')}</w:tr></w:tbl>",
    ]:
        body.insert(len(body) - 1, parse_xml(xml))
    assert found("a.docx", saved(document)) == [
        ("table", "a 卡 日", "", "卡 日：价格 80。"),
        ("table", "a 卡 月", "", "卡 月：价格 580。"),
        ("table", "a 室", "", "室：价格 100。"),
        ("article", "a", "", "原增\n行\n控件"),
    ]


def test_each_page_of_a_pdf_is_an_article_and_pages_without_text_are_told() -> None:
    data = upload("手册.pdf", pdf(["押金是2个月。\n退还7天。", "", "租金80元。"]))
    assert [(e.kind, e.title, e.answer, e.category) for e in data.entries] == [
        ("article", "手册 第1页", "押金是2个月。\n退还7天。", "手册"),
        ("article", "手册 第3页", "租金80元。", "手册"),
    ]
    assert data.notice == "Pages without text, left out: 2."


def test_a_pdf_without_text_is_refused() -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    assert refusal("a.pdf", saved(writer)) == (
        "a.pdf holds pictures only, no text: it was probably scanned. "
        "Recognise its text (OCR) first, and upload the result."
    )


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_an_encrypted_pdf_is_refused_unless_it_opens_without_password(algorithm: str) -> None:
    for password, readable in (("geheim", False), ("", True)):
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(["押金是2个月。"]))))
        writer.encrypt(password, "owner", algorithm=algorithm)
        if readable:
            assert entries("a.pdf", saved(writer))[0].answer == "押金是2个月。"
        else:
            assert refusal("a.pdf", saved(writer)) == (
                "a.pdf is protected by a password. Remove the password and upload it again."
            )


def test_a_pdf_has_at_most_so_many_pages() -> None:
    assert refusal("a.pdf", pdf(["页"] * (MAX_PAGES + 1))) == "a.pdf has more than 1000 pages. Split it."


def one_page(content: bytes, kids: bytes = b"3 0 R") -> bytes:
    return pdf_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[%s]>>" % kids,
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
            stream(content),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ]
    )


@pytest.mark.parametrize(
    "content", [b" " * 50_000_000, b"BT /F 9 Tf " + b"(a) Tj " * 600_000 + b"ET"], ids=["stream", "operators"]
)
def test_a_pdf_that_grows_when_unpacked_is_refused(content: bytes) -> None:
    assert len(one_page(content)) < 100_000
    assert refusal("a.pdf", one_page(content)) == (
        "a.pdf is far larger unpacked than a document is. Print it to a new PDF and upload that."
    )


def test_a_pdf_whose_pages_go_in_a_circle_is_refused() -> None:
    assert "a.pdf is damaged or incomplete" in refusal("a.pdf", one_page(b"", kids=b"2 0 R"))


def test_large_markdown_is_refused() -> None:
    assert refusal("a.md", "a\n" * 1_000_001) == "a.md is larger than 2 MB, too large for Markdown. Split it."
