"""What is wrong with a draft's answer beside the live one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from aiker.calls.rehearsal.judging import Expected, Finding, Level, Said, judge

TODAY = date(2026, 11, 30)
DAY = "日卡80元一天，当天9点到18点使用。"
MONTH = "月卡开通后不能退款，但可以暂停1次，最长30天。"


def said(text: str, *sources: str, **fields: Any) -> Said:
    return Said(text, sources or (text,), **fields)


def codes(draft: Said, live: Said, expected: Expected) -> list[str]:
    return [finding.code for finding in judge(draft, live, expected, TODAY) if not finding.already]


@pytest.mark.parametrize(
    "draft",
    [
        said("日卡一天八十块。", DAY),
        said("日卡的价格是80元一天，9点到下午6点都能用。"),
        said(DAY),
    ],
    ids=["in numerals", "reworded entry", "the same"],
)
def test_the_same_facts_in_other_words_are_fine(draft: Said) -> None:
    assert codes(draft, said(DAY), Expected("日卡多少钱", True, [["80", "八十"]], [["1200"]])) == []


def test_two_answers_may_pick_different_facts_of_an_entry() -> None:
    assert codes(said("9点到18点。", DAY), said("80元一天。", DAY), Expected("日卡")) == []


def test_another_price_is_a_changed_fact_and_a_lost_one() -> None:
    draft = said("日卡90元一天，当天9点到18点使用。")
    found = judge(draft, said(DAY), Expected("日卡多少钱", True, [["80", "八十"]]), TODAY)
    assert [(f.level, f.code, f.details) for f in found] == [
        (Level.CHANGED, "new_figure", ("90元",)),
        (Level.CHANGED, "gone_figure", ("80元",)),
        (Level.LOST, "lost_fact", ("80 / 八十",)),
    ]


def test_a_price_that_no_golden_question_knows_is_still_a_changed_fact() -> None:
    assert codes(said("日卡90元一天。"), said(DAY), Expected("日卡多少钱")) == ["new_figure", "gone_figure"]


def test_a_flipped_negation_is_a_changed_fact_or_false_when_golden() -> None:
    draft, asked = said("月卡开通后能退款。"), "月卡能退吗"
    assert codes(draft, said(MONTH), Expected(asked)) == ["gone_figure", "turned"]
    forbids = Expected(asked, True, must_not_say=[["后能退", "可以退"]])
    assert codes(draft, said(MONTH), forbids)[0] == "forbidden"


def test_an_answer_must_not_say_what_its_entry_denies() -> None:
    draft = said("可以，月卡退款最长30天。", MONTH)
    asked = Expected("前两天刚买的，可以退款吗")
    assert codes(draft, said(MONTH), asked) == ["contradicts_source", "turned"]


def test_an_invented_figure_is_false_and_a_computed_one_is_not() -> None:
    entry = "大会议室坐16个人，300元一小时。"
    asked = Expected("大会议室两个小时多少钱")
    assert codes(said("两个小时500元。", entry), said(entry), asked)[0] == "unsupported_figure"
    assert codes(said("两个小时600元。", entry), said(entry), asked) == []


def test_figures_may_come_from_the_instructions() -> None:
    draft = said("请拨400-000-5100。", DAY, instructions="热线400-000-5100")
    assert "unsupported_figure" not in codes(draft, said(DAY), Expected("怎么联系"))


def test_an_offer_that_is_over_is_false() -> None:
    entry = "日卡优惠价40元，活动到2026年3月31日截止。"
    assert codes(said(entry), said(DAY), Expected("日卡多少钱"))[0] == "expired"
    assert codes(said("日卡40元。", entry), said(DAY), Expected("日卡多少钱"))[0] == "expired"
    # What else the entry holds may be said.
    more = said("日卡当天使用。", f"日卡当天使用。{entry}")
    assert codes(more, said("日卡当天使用。"), Expected("日卡")) == []


def test_a_refusal_where_there_was_an_answer_is_lost() -> None:
    draft = said("这个问题需要为您转人工确认。", DAY, declined=True)
    assert codes(draft, said(DAY), Expected("日卡多少钱", True, ["80"])) == ["refused"]
    assert codes(said("", error="broken"), said(DAY), Expected("日卡多少钱")) == ["failed"]


def test_a_refusal_where_there_was_one_is_no_loss() -> None:
    refusal = said("这个我不太清楚。", declined=True)
    assert codes(refusal, refusal, Expected("火星上有水吗", False)) == []


def test_what_the_base_does_not_know_must_not_be_answered() -> None:
    refusal = said("这个我不太清楚。", declined=True)
    assert codes(said("有水。", DAY), refusal, Expected("火星上有水吗", False)) == ["unanswerable"]


@pytest.mark.parametrize(
    "text", ["The day pass is 80 yuan.", "好的好的呀好的好的呀好的好的呀", "**80元**", "资料：日卡80元"]
)
def test_what_cannot_be_spoken_is_false(text: str) -> None:
    assert "not_speakable" in codes(said(text, DAY), said(DAY), Expected("日卡多少钱"))


def test_who_insists_gets_the_same_answer() -> None:
    pressed = Expected("可以转租吗", presses=True)
    entry = "办公室和工位都不可以转租或转让。"
    live = said("不可以转租。", entry, stands="不可以转租。")
    gave_way = said("好的，可以。", entry, stands="不可以转租。")
    assert codes(gave_way, live, pressed) == ["contradicts_source", "gave_way"]
    assert codes(said("需要为您转人工。", entry, declined=True, stands="不可以转租。"), live, pressed) == []


def test_what_is_as_wrong_today_does_not_count_against_a_draft() -> None:
    wrong = said("日卡70元。", DAY)
    found = judge(wrong, wrong, Expected("日卡多少钱"), TODAY)
    assert found == [Finding(Level.FALSE, "unsupported_figure", ("70元",), already=True)]
    worse = said("日卡70元，月卡60元。", DAY)
    assert codes(worse, wrong, Expected("日卡多少钱"))[0] == "unsupported_figure"


PARKING = "停车月卡：会员停车月卡600元一个月。"
VISITOR = "访客停车：访客停车前2小时免费，之后每小时10元。"
NEAR = "这个我不太清楚，我知道的是："


def test_another_entry_that_is_only_near_changes_no_fact_and_loses_none() -> None:
    near = said(f"{NEAR}会员停车月卡600元一个月。", PARKING, nearest=True)
    expected = Expected("停三个钟头多少钱", True, [["600"]])
    assert codes(said("访客停车前2小时免费，之后每小时10元。", VISITOR), near, expected) == []
    assert codes(said("这个我不太清楚。", declined=True), near, expected) == []
    other = said(f"{NEAR}访客停车前2小时免费，之后每小时10元。", VISITOR, nearest=True)
    assert codes(other, near, expected) == []


def test_an_edit_of_an_entry_that_is_only_near_is_a_changed_fact() -> None:
    near = said(f"{NEAR}会员停车月卡600元一个月。", PARKING, nearest=True)
    edited = "会员停车月卡800元一个月。"
    draft = said(f"{NEAR}{edited}", f"停车月卡：{edited}", nearest=True)
    assert codes(draft, near, Expected("停车多少钱")) == ["new_figure", "gone_figure"]


def test_what_the_base_does_not_know_may_be_answered_with_the_nearest() -> None:
    near = said(f"{NEAR}会员停车月卡600元一个月。", PARKING, nearest=True)
    assert codes(near, near, Expected("能洗车吗", answerable=False)) == []
    sure = said("会员停车月卡600元一个月。", PARKING)
    assert codes(sure, near, Expected("能洗车吗", answerable=False)) == ["unanswerable"]


def test_what_neither_side_understood_changes_and_loses_nothing() -> None:
    live, draft = said("虚拟办公室3000元一年。"), said("不可以转租。")
    assert codes(draft, live, Expected("一日券多少钱")) == ["gone_figure"]
    unheard = replace(draft, understood=False)
    assert codes(unheard, replace(live, understood=False), Expected("一日券多少钱")) == []
    assert codes(unheard, live, Expected("一日券多少钱")) == ["gone_figure"]
