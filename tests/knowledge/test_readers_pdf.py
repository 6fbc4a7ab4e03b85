"""PDF pages in the order people read them: columns, tables, heads and feet, numbered questions."""

from __future__ import annotations

import pytest

from knowledge.readers.pdf_layout import furniture, pieces_of, reflowed
from tests.knowledge.uploads import entries, pdf, pdf_at, upload, word

pytestmark = pytest.mark.usefixtures("english")
LEFT = ["一、退货政策", "自签收之日起七天内", "可以无理由退货，", "定制商品除外。"]
RIGHT = ["二、保修政策", "床垫保修十年，", "书桌保修三年。"]
Page = list[tuple[int, int, str]]


def columns(*texts: list[str], width: int = 260) -> Page:
    """Return lines in columns; an empty line is a gap."""
    return [
        (60 + width * column, 700 - 20 * number, line)
        for number in range(max(map(len, texts)))
        for column, lines in enumerate(texts)
        for line in lines[number : number + 1]
        if line
    ]


def test_K5g_columns_are_read_one_after_the_other() -> None:
    page: Page = [(200, 760, "客户手册"), *columns(LEFT, RIGHT)]
    assert entries("手册.pdf", pdf_at([page]))[0].answer == "\n".join(["客户手册\n", *LEFT, *RIGHT])


def test_K5g_places_are_compared_in_characters_or_in_the_width_of_letters() -> None:
    by_letter = ["七天内可退。      保修三年，", "定制的商品除外。    人为除外。"]
    by_width = ["七天内可退。        保修三年，", "定制的商品除外。    人为除外。"]
    read = ["七天内可退。\n定制的商品除外。\n保修三年，\n人为除外。"]
    assert (pieces_of(by_letter), pieces_of(by_width)) == (read, read)


def test_K5g_a_table_on_a_page_is_a_table() -> None:
    kinds, months, prices = (
        ["套餐", "基础", "", "尊享"],
        ["时长", "1个月", "3个月", "1个月"],
        ["价格", "199元"],
    )
    page = columns(kinds, months, [*prices, "549元", "299元"], width=120)
    found = entries("手册.pdf", pdf_at([[*page, (60, 580, "以上价格含税。")]]))
    assert [(e.title, e.answer) for e in found] == [
        ("手册 第1页 基础 1个月", "基础 1个月：价格 199元。"),
        ("手册 第1页 基础 3个月", "基础 3个月：价格 549元。"),
        ("手册 第1页 尊享", "尊享：时长 1个月，价格 299元。"),
        ("手册 第1页", "以上价格含税。"),
    ]


@pytest.mark.parametrize("foot", ["第 {} 页 共 2 页", "- {} -", "{}", "Page {} of 2", "{} / 2", "第{}页"])
def test_K5g_page_numbers_and_what_repeats_on_each_page_are_left_out(foot: str) -> None:
    pages: list[Page] = [
        [(200, 780, "晴川家居"), (60, 700, text), (280, 30, foot.format(number))]
        for number, text in enumerate(["七天内可退。", "保修三年。"], start=1)
    ]
    data = upload("手册.pdf", pdf_at(pages))
    assert [e.answer for e in data.entries] == ["七天内可退。", "保修三年。"]
    assert data.notice.startswith("Heads and feet of pages, left out: ")
    assert "晴川家居" in data.notice


def test_K5g_figures_in_the_text_are_no_page_numbers() -> None:
    assert furniture([["押金", "80", "元"]]) == [set()]
    assert entries("a.pdf", pdf(["押金\n80\n元。"]))[0].answer == "押金\n80\n元。"


def test_K5g_a_sentence_broken_at_the_end_of_a_line_is_whole() -> None:
    steps = "1. 先拍照，再联系我们的客服人员\n2. 等待回复。"
    assert reflowed(f"本手册的最终解释权归晴川家居所\n有。\n{steps}") == (
        f"本手册的最终解释权归晴川家居所有。\n{steps}"
    )
    shops = "静安店的地址是星河路16号大楼\n徐汇店的地址是漕溪路18号大楼"
    assert reflowed(shops) == shops


def test_columns_of_words_are_a_table() -> None:
    assert pieces_of(["名称      价格", "日卡      80", "月卡      580"]) == [
        [["名称", "价格"], ["日卡", "80"], ["月卡", "580"]]
    ]


NUMBERED = "1. 怎么开发票？\n在小程序里申请。\n2、几天送到？\n三天。\n（3）周末送货吗？送，加收20元。"


@pytest.mark.parametrize("name", ["a.txt", "a.docx", "a.pdf"])
def test_K5g_numbered_questions_are_questions(name: str) -> None:
    content: str | bytes = NUMBERED
    if name == "a.docx":
        content = word(*NUMBERED.split("\n"))
    if name == "a.pdf":
        content = pdf([NUMBERED])
    assert [(e.question, e.answer) for e in entries(name, content)] == [
        ("怎么开发票？", "在小程序里申请。"),
        ("几天送到？", "三天。"),
        ("周末送货吗？", "送，加收20元。"),
    ]


def test_K5g_a_numbered_question_ends_the_answer_before_it() -> None:
    text = "问：送货吗？\n答：送。\n\n1. 怎么开发票？\n在小程序里申请。\n\n【问题】保修多久\n【回答】三年"
    assert [(e.question, e.answer) for e in entries("a.txt", text)] == [
        ("送货吗？", "送。"),
        ("怎么开发票？", "在小程序里申请。"),
        ("保修多久", "三年"),
    ]


def test_numbered_steps_and_questions_without_answers_stay_text() -> None:
    found = entries("a.txt", "1. 先拍照\n2. 再联系客服\n3. 您还有别的问题吗？")
    assert [(e.kind, e.question) for e in found] == [("article", "")]
    assert found[0].answer.split() == ["1.", "先拍照", "2.", "再联系客服", "3.", "您还有别的问题吗？"]
