"""Numbers that callers dictate: what is one, when it is whole, how it is read back and confirmed."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from aiker.calls.answering import Way, decide
from aiker.calls.dictation import (
    CONFIRMED,
    DENIED,
    Kind,
    Number,
    dictated,
    is_begun,
    of_digits,
    read_back,
    reply_to,
)
from aiker.calls.end_of_turn import DICTATING_MS, EndOfTurn, Evidence
from engines.adapters.llm_adapter import Message
from engines.local.base import Transcript
from engines.local.faster_whisper import rejection, said_once
from tests.calls.test_answering import WORDS

NOW = datetime(2026, 12, 8, 10, 0)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("13888888888", "13888888888"),
        ("我的手机号是幺三八 八八八八 八八八八", "13888888888"),
        ("139 1234 5678。", "13912345678"),
        ("1 3 9，1 2 3 4，5 6 7 8", "13912345678"),
        ("一五五零零零零八八八八", "15500008888"),
        ("+86 138 1234 5678", "13812345678"),
        ("66668888", "66668888"),
        ("888888", "888888"),
        ("我的电话是以3912345678。", "13912345678"),
        ("13888888888 13888888888", "13888888888"),
        ("我的号码是139 1234 5678谢谢", "13912345678"),
        ("八六一三八八八八八八八八", "1388888888"),
        ("幺三八八八八八 双六 一一", "13888886611"),
        ("三个八 六六六", "888666"),
        ("0755 1234 5301", "075512345301"),
        ("身份证11010119900307123X", "11010119900307123X"),
        ("13912345678，不对，是13912345679", "13912345679"),
    ],
)
def test_digits_a_number_alone_is_dictated(text: str, digits: str) -> None:
    number = dictated(text)
    assert number is not None
    assert number.digits == digits


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("要三把零零一三七二六四", "13800137264"),
        ("它号是5610247-9058", "56102479058"),
        ("那一七七六零三二那人后是五一八九", "17760325189"),
        ("留我老婆的吧。133-7452-1906", "13374521906"),
        ("能我看看短信。2059双四。", "205944"),
        ("你记一下啊，159 3780 6425", "15937806425"),
        ("一八八四零六零二一五七部队二一七五", "2175"),
        ("九零六三", "9063"),
        ("我这边是191,3076,8254,你让师傅到了打我电话", "19130768254"),
    ],
)
def test_what_was_asked_for_is_heard_behind_misheard_words(text: str, digits: str) -> None:
    number = dictated(text, expected=True)
    assert number is not None
    assert number.digits == digits


@pytest.mark.parametrize(
    "text",
    [
        "我不想留电话",
        "你们几点下班？",
        "那月卡1200元可以退吗",
        "八点以后打给我",
        "依旧不行，把它取消",
        "要" + "138" * 20,
    ],
)
def test_what_is_no_number_is_none_though_one_was_asked_for(text: str) -> None:
    assert dictated(text, expected=True) is None


def test_so_many_digits_are_read_back_whatever_is_around_them() -> None:
    told = dictated("麻烦改一下我的联系电话，接手机后是18946013572。")
    assert told == Number("18946013572", Kind.MOBILE)
    assert dictated("帮我查个快递单号4308775129603到哪儿了？") is None, "a question is answered"


def test_a_number_that_was_asked_for_or_read_back_is_expected() -> None:
    words = "要三八零零一三"
    for last in ("请问您的手机号是多少？", "您报的是幺三八，零零幺三，七二六四，有错请再说一遍，对吗？"):
        history = [Message(role="user", content="喂"), Message(role="assistant", content=last)]
        decision = decide(words, None, WORDS, NOW, history)
        assert decision.way is Way.MANNER
        assert "三八零" in decision.text.replace("，", "")
    greeting = [Message(role="assistant", content="您好，请问有什么可以帮您？")]
    assert decide(words, None, WORDS, NOW, greeting).way is not Way.MANNER


@pytest.mark.parametrize(
    "text",
    ["会议室多少钱", "房间302", "13812345678能查一下吗", "我住2楼", "", "6" * 67, "三个人一起来要多少钱"],
)
def test_what_says_anything_else_is_no_dictation(text: str) -> None:
    assert dictated(text) is None


def test_a_long_sentence_is_judged_at_once() -> None:
    began = time.perf_counter()
    assert dictated("我的" * 200 + "12345多少") is None
    assert time.perf_counter() - began < 1


def test_a_number_is_read_back_in_groups_or_asked_for_again() -> None:
    assert "零幺零，八二二二，三三三三，有错" in read_back(of_digits("01082223333"))
    assert "四零零，八二零，八八二零，有错" in read_back(of_digits("4008208820"))
    assert "还少1位" in read_back(of_digits("0755234567"))
    assert read_back(of_digits("110101199003076632")).startswith("您报的是")
    assert "好像不对" in read_back(of_digits("110101199003076631"))
    whole = read_back(Number("13888888888", Kind.MOBILE))
    assert whole == "您报的是幺三八，八八八八，八八八八，有错请再说一遍，对吗？"
    assert "还少1位" in read_back(Number("1388888888", Kind.MOBILE))
    assert "多了1位" in read_back(Number("138888888880", Kind.MOBILE))


@pytest.mark.parametrize("said", ["对", "没错谢谢", "对，就是这个"])
def test_a_number_counts_when_the_caller_confirms_it(said: str) -> None:
    asked = read_back(Number("13888888888", Kind.MOBILE))
    history: list[Message] = [
        {"role": "user", "content": "13888888888"},
        {"role": "assistant", "content": asked},
    ]
    assert decide(said, None, WORDS, NOW, history) == (Way.MANNER, CONFIRMED)
    for denied in ("不对", "号码不对", "不是这个号码", "不对，最后一位是9", "错了"):
        assert decide(denied, None, WORDS, NOW, history) == (Way.MANNER, DENIED)
    assert decide("13888888889", None, WORDS, NOW, history).text.startswith("您报的是")
    assert reply_to(said, "会议室能订吗？") == ""


@pytest.mark.parametrize(
    ("text", "expected", "begun"),
    [
        ("我的电话是139", False, True),
        ("1391234", False, True),
        ("13912345678", False, False),
        ("订单号是66", False, True),
        ("0755 2345", False, True),
        ("400", False, True),
        ("6666", True, True),
        ("我要2个", False, False),
        ("多少钱", True, False),
    ],
)
def test_dictated_in_groups_a_pause_within_a_number_does_not_end_the_turn(
    text: str, expected: bool, begun: bool
) -> None:
    assert is_begun(text, expected=expected) is begun
    wait = EndOfTurn(250, 1500).silence_ms(Evidence(text, 0.9, dictating=expected))
    assert (wait == 1500 + DICTATING_MS) is begun


@pytest.mark.parametrize("digits", ["13888888888", "66668888", "888888", "000000000000"])
def test_digits_repeated_ones_are_no_loop(digits: str) -> None:
    heard = Transcript(digits, "zh", 4.0, avg_logprob=-0.3, no_speech_prob=0.1, compression_ratio=1.0)
    assert said_once(digits) == digits
    assert rejection(digits, heard) == ""


def test_digits_behind_words_are_no_loop() -> None:
    text = "我的电话是888888888888"
    heard = Transcript(text, "zh", 4.0, avg_logprob=-0.3, no_speech_prob=0.1, compression_ratio=1.0)
    assert said_once(text) == text
    assert rejection(text, heard) == ""


@pytest.mark.parametrize("digits", ["6" * 20, "123" * 6])
def test_digits_in_a_loop_are_no_number_however_slow(digits: str) -> None:
    heard = Transcript(digits, "zh", 9.0, avg_logprob=-0.3, no_speech_prob=0.1, compression_ratio=2.0)
    assert rejection(digits, heard) == "repetition"


def test_digits_a_loop_of_the_decoder_is_no_number() -> None:
    heard = Transcript("6" * 67, "zh", 4.0, avg_logprob=-0.3, no_speech_prob=0.1, compression_ratio=9.0)
    assert rejection("6" * 67, heard) == "repetition"
    quick = Transcript("6" * 18, "zh", 1.0, avg_logprob=-0.3, no_speech_prob=0.1, compression_ratio=2.0)
    assert rejection("6" * 18, quick) == "repetition"
