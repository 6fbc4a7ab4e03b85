"""Words that ask for the floor, lead-ins and circumstances: their meaning, and the wait behind them."""

from __future__ import annotations

import pytest

from aiker.calls.completeness import Completeness, completeness, is_circumstance
from aiker.calls.end_of_turn import CIRCUMSTANCE_MS, LEAD_IN_MS, EndOfTurn, Evidence
from aiker.calls.manners import Manner, manner_of
from aiker.calls.unheard import Unheard

DETECTOR = EndOfTurn(250, 1500)


@pytest.mark.parametrize(
    "text", ["停", "停一下", "别说了", "你别说了", "听我说", "你先听我说", "不是", "不对", "够了", "好了好了"]
)
def test_floor_words_ask_to_be_listened_to(text: str) -> None:
    assert manner_of(text) is Manner.LISTEN
    assert DETECTOR.silence_ms(Evidence(text, 0.9)) == 250


@pytest.mark.parametrize("text", ["停车多少钱", "不是会员能来吗", "你们听我说话清楚吗你说", "停车"])
def test_floor_words_within_a_question_are_part_of_it(text: str) -> None:
    assert manner_of(text) is not Manner.LISTEN


@pytest.mark.parametrize("text", ["等一下", "稍等", "等等"])
def test_one_moment_is_a_whole_sentence(text: str) -> None:
    assert completeness(text) is Completeness.FINISHED
    assert DETECTOR.silence_ms(Evidence(text, 0.9)) == 250


@pytest.mark.parametrize("text", ["我想问一下", "喂你好，我想咨询一下", "是这样的", "我有个问题", "问个事"])
def test_pauses_behind_a_lead_in_are_waited_for(text: str) -> None:
    assert manner_of(text) is Manner.LEAD_IN
    assert DETECTOR.silence_ms(Evidence(text, 0.9)) == 1500 + LEAD_IN_MS


@pytest.mark.parametrize(
    "text",
    [
        "我们公司有五个人",
        "我上周买了月卡",
        "我朋友明天要来",
        "我订了一间会议室",
        "我想问一下，就是那个会议室",
    ],
)
def test_pauses_behind_a_circumstance_are_waited_for(text: str) -> None:
    assert is_circumstance(text)
    assert DETECTOR.silence_ms(Evidence(text, 0.9)) == 1500 + CIRCUMSTANCE_MS
    assert DETECTOR.silence_ms(Evidence(text, 0.9, answering=True)) < 1500


@pytest.mark.parametrize(
    "text",
    [
        "月卡多少钱",
        "我们周末开门吗",
        "我要投诉",
        "我想退款",
        "我的电话是13912345678",
        "我知道了",
        "我想了解一下价格",
        "我想问一下会议室多少钱",
        "帮我转人工",
    ],
)
def test_pauses_behind_what_asks_or_wants_are_not(text: str) -> None:
    assert not is_circumstance(text)
    assert DETECTOR.silence_ms(Evidence(text, 0.9)) < 1000


def test_digits_speech_that_recognition_rejects_is_asked_for_again_at_once() -> None:
    unheard = Unheard()
    unheard.begin()
    for _ in range(30):
        unheard.window(32, 0.9)
    assert unheard.ask_again(no_speech_prob=0.9)
