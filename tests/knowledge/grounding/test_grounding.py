"""What an answer asserts is told from what its passage says: figures, yes and no, names, days."""

from __future__ import annotations

from decimal import Decimal

import pytest

from knowledge.grounding.days import days_in
from knowledge.grounding.figures import Figure, figures_in, supports
from knowledge.grounding.guard import Guard
from knowledge.grounding.polarity import Sign, asks_yes_or_no, bare_answer, statements_in
from knowledge.grounding.written import as_written, excerpt


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("三百元一小时", {("300", "元"), ("1", "小时")}),
        ("两万四千块", {("24000", "元")}),
        ("1万6800", {("16800", "")}),
        ("1.68万", {("16800", "")}),
        ("一千八", {("1800", "")}),
        ("晚上八点到10点半", {("20", "点"), ("10", "点")}),
        ("9：30开门", {("9", "点"), ("30", "分")}),
        ("百分之六", {("6", "%")}),
        ("二零一六年", {("2016", "年")}),
        ("5个工作日内", {("5", "天")}),
        ("一样，一定，一起", set()),
    ],
)
def test_figures_are_read_with_their_units(text: str, found: set[tuple[str, str]]) -> None:
    assert {(str(figure.value), figure.unit) for figure in figures_in(text)} == found


def test_a_telephone_number_is_one_code() -> None:
    assert figures_in("021-1234-5101") == {Figure("02112345101", "#")}


def test_a_figure_is_supported_by_the_same_value_in_no_other_unit() -> None:
    known = figures_in("大会议室坐16个人，300元一小时")
    assert supports(known, Figure(Decimal(300), "元"))
    assert supports(known, Figure(Decimal(16), ""))
    assert not supports(known, Figure(Decimal(16), "元"))
    assert not supports(known, Figure(Decimal(120), "元"))


@pytest.mark.parametrize(
    ("text", "opening", "sign"),
    [
        ("可以，多功能厅坐60个人。", "可以，", Sign.YES),
        ("不用，水电都包含。", "不用，", Sign.NO),
        ("没有，暂时只有上海。", "没有，", Sign.NO),
        ("可以换，补差价。", "可以换，", Sign.YES),
    ],
)
def test_a_yes_or_no_alone_is_told_from_what_follows(text: str, opening: str, sign: Sign) -> None:
    answer = bare_answer(text)
    assert answer is not None
    assert (answer.opening, answer.sign, opening + answer.rest) == (opening, sign, text)


def test_a_sentence_that_says_what_may_be_done_is_no_bare_yes() -> None:
    assert bare_answer("可以开6%的专用发票。") is None
    assert bare_answer("有机食品都在二楼。") is None


def test_statements_keep_what_they_are_about() -> None:
    stated = [(s.sign, s.about) for s in statements_in("月卡开通后不能退款，但可以暂停1次")]
    assert stated == [(Sign.NO, "退款"), (Sign.YES, "暂停1次")]
    assert statements_in("多功能厅很大") == []


@pytest.mark.parametrize(
    "question", ["能停车吗", "可不可以带狗", "有没有充电桩", "不交押金行不行", "要押金么"]
)
def test_a_question_for_yes_or_no(question: str) -> None:
    assert asks_yes_or_no(question)


@pytest.mark.parametrize("question", ["多少钱", "怎么退款", "几点关门", "在哪里"])
def test_a_question_for_something_else(question: str) -> None:
    assert not asks_yes_or_no(question)


HALL = "可以，多功能厅坐60个人，1000元一小时。"


@pytest.mark.parametrize(
    ("question", "same", "said"),
    [
        ("可以办发布会吗", True, HALL),
        (
            "多功能厅能坐一百个人吗",
            True,
            HALL.removeprefix("可以，"),
        ),  # a figure that the entry's question lacks
        ("多功能厅能坐一百个人吗", False, HALL.removeprefix("可以，")),
        ("是不是不能办发布会", True, HALL.removeprefix("可以，")),
        ("多功能厅多少钱", True, HALL.removeprefix("可以，")),
    ],
)
def test_an_entrys_yes_answers_its_own_question_only(question: str, same: bool, said: str) -> None:
    assert as_written(question, HALL, same_question=same) == said


def test_of_a_long_text_the_sentences_that_are_asked_for_are_said() -> None:
    text = "我们成立于2016年。" * 10 + "停车场在地下二层，每小时10元。" + "欢迎光临。" * 10
    said = excerpt(text, "停车场每小时多少钱", max_chars=30)
    assert "停车场在地下二层，每小时10元。" in said
    assert len(said) <= 40


REFUND = "月卡退款：月卡开通后不能退款，但可以暂停1次，最长30天。"
SMALL = "小会议室价格：小会议室坐6个人，120元一小时。"


@pytest.mark.parametrize(
    ("question", "source", "clause", "kind"),
    [
        ("前两天刚买的，可以退款吗", REFUND, "可以，", "yes_no"),
        ("前两天刚买的，可以退款吗", REFUND, "月卡可以退款。", "yes_no"),
        ("月卡能暂停吗", REFUND, "月卡可以暂停2次。", "figure"),
        ("谢谢你", f"多功能厅价格：{HALL}", "谢谢，多功能厅价格可以，", "yes_no"),
        ("大会议室多少钱", SMALL, "大会议室300元一小时。", "figure"),
        ("多功能厅能坐一百个人吗", f"多功能厅：{HALL}", "可以，", "figure"),
        ("静安店电话", "静安店电话：静安店电话是021-1234-5102。", "浦江店电话是", "name"),
        ("能用Zoom吗", SMALL, "支持Zoom会议。", "name"),
        ("有什么吃的", SMALL, "我们提供自助早餐和下午茶。", "yes_no"),
        ("环境怎么样", SMALL, "这里风景优美交通便利设施豪华。", "unsupported"),
    ],
)
def test_what_the_passage_does_not_say_is_stopped(question: str, source: str, clause: str, kind: str) -> None:
    guard = Guard(question, [source])
    stop = guard.check(clause)
    assert stop is not None
    assert stop.kind == kind
    assert guard.stopped == [(clause, stop)]


@pytest.mark.parametrize(
    ("question", "source", "clauses"),
    [
        ("前两天刚买的，可以退款吗", REFUND, ["不可以，", "月卡开通后不能退款，"]),
        ("月卡能暂停吗", REFUND, ["可以，", "最长可以暂停30天。"]),
        ("小会议室多少钱", SMALL, ["您好，小会议室", "是120元一小时，", "可以坐6个人。"]),
        ("小会议室一小时多少", SMALL, ["一百二十元一个小时。"]),
        ("不知道", SMALL, ["这个我不太清楚，需要为您转人工确认。"]),
        ("谢谢你", SMALL, ["不客气，", "还有什么可以帮您的吗？"]),
    ],
)
def test_what_the_passage_says_is_spoken(question: str, source: str, clauses: list[str]) -> None:
    guard = Guard(question, [source])
    assert [guard.check(clause) for clause in clauses] == [None] * len(clauses)


def test_a_sentence_needs_one_passage_that_supports_all_of_it() -> None:
    large = "大会议室价格：大会议室坐16个人，300元一小时。"
    guard = Guard("大会议室多少钱", [SMALL, large])
    assert guard.check("大会议室坐16个人，") is None
    stop = guard.check("120元一小时。")
    assert stop is not None


def test_the_days_of_a_text() -> None:
    assert days_in("前台周一到周五营业") == {0, 1, 2, 3, 4}
    assert days_in("星期天休息") == {6}
    assert days_in("周末和周一") == {0, 5, 6}
    assert days_in("每天8点") == set(range(7))
    assert days_in("我们在上海") == set()
