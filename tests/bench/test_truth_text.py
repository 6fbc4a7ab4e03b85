"""Numbers, units, days and clock times in one spelling."""

from __future__ import annotations

import pytest

from bench.truth_text import Figure, figures, normalized, says


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("一千八百块一个月", "1800元1个月"),
        ("一千八", "1800"),
        ("两万四千元", "24000元"),
        ("一万六千八", "16800"),
        ("１，２００元", "1200元"),
        ("1万6千8百", "16800"),
        ("一百零五页", "105页"),
        ("二零一六年", "2016年"),
        ("零点五元", "0.5元"),
        ("五毛", "0.5元"),
        ("一块五", "1.5元"),
        ("百分之六", "6%"),
        ("百分之零点一", "0.1%"),
        ("退一半", "退50%"),
        ("下午六点前", "18点前"),
        ("18:00", "18点"),
        ("上午九点半", "9点30"),
        ("三点一刻", "3点15"),
        ("两个钟头", "2个小时"),
        ("一个半小时", "1.5个小时"),
        ("礼拜天", "周日"),
        ("周六10点", "星期六十点"),
        ("一百二十GB", "120G"),
    ],
)
def test_both_spellings_are_the_same(spoken: str, written: str) -> None:
    assert normalized(spoken) == normalized(written)


@pytest.mark.parametrize("text", ["两三天", "千万别忘", "十分抱歉", "一个月一次", "有一个问题"])
def test_no_figure_is_asserted(text: str) -> None:
    assert figures(text) == set()


def test_figures_have_their_units() -> None:
    found = figures("固定工位一千八百块一个月，周六10点到16点，3楼，电话021-1234-5101")
    assert found == {
        Figure("1800", "元"),
        Figure("sat", "星期"),
        Figure("10", "点"),
        Figure("16", "点"),
        Figure("3", "楼"),
        Figure("02112345101", "phone"),
    }


def test_a_telephone_number_is_one_figure_however_it_is_written() -> None:
    assert figures("四零零零零零五一零零") == figures("400-000-5100") == figures("400 000 5100")


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("日卡80元", "80元", True),
        ("一千八百元", "80元", False),
        ("1800元", "1800", True),
        ("1.50元", "1.5", False),
        ("不可以退款", "可以退款", False),
        ("七天内可以退款", "可以退款", True),
        ("没有健身房", "有健身房", False),
        ("十点四十五分", "10:45", True),
    ],
)
def test_words_are_found_whole_and_with_their_negation(text: str, words: str, expected: bool) -> None:
    assert says(text, words) is expected
