"""What a sentence asks: its parts, its day, its names; which of several alike is meant."""

from __future__ import annotations

from datetime import date

import pytest

from knowledge.fusion import Passage
from knowledge.names import names_in, topics_in, unknown
from knowledge.question_forms import has_topic, in_common_words, on_weekday, parts_of, without_denied
from knowledge.ranking import Question, by_merit


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("四人间和八人间各多少钱", ("四人间多少钱", "八人间多少钱")),
        ("能不能停车、能不能带狗", ("能不能停车", "能不能带狗")),
        ("停车多少钱还有能带狗吗", ("停车多少钱", "能带狗吗")),
        ("几点开门？周六开吗", ("几点开门", "周六开吗")),
        ("我是会员，能免费停车吗", ("我是会员，能免费停车吗",)),
        ("喂你好，在吗，你们几点开门", ("喂你好，在吗，你们几点开门",)),
        ("不交押金行不行", ("不交押金行不行",)),
    ],
)
def test_a_sentence_is_taken_apart_into_what_it_asks(question: str, parts: tuple[str, ...]) -> None:
    assert parts_of(question) == parts


@pytest.mark.parametrize(
    ("part", "asks"),
    [
        ("你能帮我查一下吗", False),
        ("请问有什么问题可以问你吗", False),
        ("你知道是怎么回事吗", False),
        ("能带狗吗", True),
        ("有没有健身房", True),
        ("地铁怎么走", True),
    ],
)
def test_a_part_that_only_asks_to_be_helped_has_no_topic(part: str, asks: bool) -> None:
    assert has_topic(part) is asks


@pytest.mark.parametrize(
    ("question", "meant", "denied"),
    [
        ("不是流动工位，我问的是固定工位", "固定工位", "流动工位"),
        ("我不要发票，要收据", "收据", "发票"),
        ("我问的不是小会议室，是大的那个", "大的那个", "小会议室"),
        ("不对不对，我说的是专业版，不是标准版，多少钱", "专业版，多少钱", "标准版"),
        ("会议室要提前订，不是吗", "会议室要提前订，不是吗", ""),
    ],
)
def test_what_a_caller_takes_back_is_not_searched(question: str, meant: str, denied: str) -> None:
    assert without_denied(question) == (meant, denied)


def test_the_day_of_a_question_is_computed() -> None:
    friday = date(2026, 1, 2)
    assert on_weekday("明天几点开门", friday) == "周六几点开门"
    assert on_weekday("现在上班吗", friday) == "周五上班吗"
    assert on_weekday("今天天气怎么样", friday) == "今天天气怎么样"
    assert in_common_words("星期三开门吗") == "工作日开门吗"
    assert in_common_words("周一到周五开门吗") == "周一到周五开门吗"


def test_names_and_topics_of_a_question() -> None:
    assert names_in("徐汇店几点关门") == ("徐汇店",)
    assert names_in("软件有没有旗舰版") == ("旗舰版",)
    assert names_in("年卡多少钱") == ("年卡",)
    assert names_in("换同店大一点的办公室") == ()
    assert topics_in("会议室可以办婚礼吗") == ("会议室", "婚礼")


def test_a_name_is_known_by_its_words_or_its_sound() -> None:
    assert unknown(["徐汇店", "静安店"], {"静安"}) == ("徐汇店",)
    assert unknown(["浦江店"], {"pu_jiang"}) == ()


def passage(title: str, text: str, score: float, keyword: float = 0.0) -> Passage:
    return Passage(title, title, text, score, 1, hash(title), keyword_score=keyword)


def test_what_distinguishes_siblings_decides_between_them() -> None:
    small = passage("小会议室价格", "小会议室坐6个人，120元一小时。", 0.87)
    large = passage("大会议室价格", "大会议室坐16个人，300元一小时。", 0.86)
    other = passage("保洁", "保洁每天打扫1次。", 0.5)
    assert by_merit(Question("大会议室订三个小时多少钱"), [small, large, other])[0].key == "大会议室价格"
    assert by_merit(Question("小会议室订三个小时多少钱"), [large, small, other])[0].key == "小会议室价格"


def test_the_size_in_a_title_decides() -> None:
    rooms = [passage(f"{size}人办公室价格", f"{size}人办公室", 0.8) for size in (4, 8, 12)]
    assert by_merit(Question("八人间办公室多少钱"), rooms)[0].key == "8人办公室价格"


def test_hours_of_the_day_that_is_asked_come_first() -> None:
    sunday = passage("周日是否营业", "周日前台休息。", 0.77)
    week = passage("工作日营业时间", "前台周一到周五9点到18点营业。", 0.74)
    assert by_merit(Question("周二上班吗"), [sunday, week])[0].key == "工作日营业时间"
