"""From words and sound to the silence that ends a turn."""

from __future__ import annotations

import pytest

from aiker.calls.completeness import Completeness, asks_for_number, completeness
from aiker.calls.end_of_turn import DICTATING_MS, Detector, EndOfTurn, Evidence, goes_on

SHORTEST, LONGEST = 250, 1500
DETECTOR: Detector = EndOfTurn(SHORTEST, LONGEST)


@pytest.mark.parametrize(
    "text",
    [
        "你们周末开门吗?",
        "请问固定工位一个月多少钱。",
        "那如果我提前退租呢",
        "我想问一下停车怎么收费",
        "押金是什么时候退的",
        "如果下雨的话活动还办不办",
        "我的门禁卡丢了。",
        "空调坏了,你们派人来修一下。",
        "一共3600块",
        "好的",
        "嗯，好的，再见。",
        "对，没错",
        "转人工",
        "不用了。",
        "没有",
        "我的手机号是138,1234,5678。",
        "一三八一二三四五六七八",
        "310101 19900101 1234",
        "四楼的健身房、几点关?",
        "外卖送上来、收钱吗?",
    ],
)
def test_finished(text: str) -> None:
    assert completeness(text) is Completeness.FINISHED


@pytest.mark.parametrize(
    "text",
    [
        "我想问一下那个…",
        "就是…",
        "然后…",
        "我想了解一下",
        "我需要一个靠窗的。",
        "我想预订会议室，但是。",
        "因为我们公司",
        "如果我提前退租的话，",
        "如果",
        "你们的会议室和",
        "我想把月卡换成",
        "你们有没有",
        "我的手机号是138。",
        "我的手机号是138 1234",
        "门牌号是30",
        "幺三八",
        "我需要投影仪、",
        "我去过静安店、浦江店。",
    ],
)
def test_unfinished(text: str) -> None:
    assert completeness(text) is Completeness.UNFINISHED


@pytest.mark.parametrize(
    "text", ["", "。", "我想预订一间会议室", "我要订周一周二", "你好", "我们去过静安店和浦江店"]
)
def test_unclear(text: str) -> None:
    assert completeness(text) is Completeness.UNCLEAR


@pytest.mark.parametrize(
    ("evidence", "silence_ms"),
    [
        (Evidence("你们几点开门", 0.98), SHORTEST),
        (Evidence("你们几点开门"), SHORTEST),
        (Evidence("你们几点开门", 0.02), 500),
        (Evidence("我要订周一周二", 0.98), 625),
        (Evidence("我要订周一周二"), 750),
        (Evidence("我要订周一周二", 0.02), 1000),
        (Evidence("我想要那个", 0.98), LONGEST),
        (Evidence(None, 0.98), LONGEST),
        (Evidence("", 0.98), 625),
    ],
)
def test_the_rule(evidence: Evidence, silence_ms: float) -> None:
    assert DETECTOR.silence_ms(evidence) == pytest.approx(silence_ms)


def test_an_answer_to_a_question_for_a_number_is_not_taken_for_whole_too_soon() -> None:
    assert asks_for_number("请说一下您的手机号码。")
    assert not asks_for_number("您好，请问有什么可以帮您？")
    assert not asks_for_number("请您记一下，客服的电话号码是4008205100。")
    assert DETECTOR.silence_ms(Evidence("尾号五", 0.9, dictating=True)) == LONGEST + DICTATING_MS
    assert DETECTOR.silence_ms(Evidence("13812345678", 0.9, dictating=True)) == SHORTEST


def test_an_operators_limit_below_the_shortest_wait_shortens_nothing() -> None:
    assert EndOfTurn(800, 500).silence_ms(Evidence("我要订周一周二", 0.9)) == 800


@pytest.mark.parametrize(
    ("since_commit_ms", "heard_ms", "same"),
    [
        (100, None, True),
        (3000, None, True),
        (800, 400, True),
        (801, 100, False),
        (700, 401, False),
        (-50, None, True),
    ],
)
def test_speech_that_belongs_to_the_turn_before(
    since_commit_ms: float, heard_ms: float | None, same: bool
) -> None:
    assert goes_on(since_commit_ms, heard_ms) is same
