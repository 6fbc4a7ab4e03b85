"""What an answer affirms and what it denies."""

from __future__ import annotations

import pytest

from aiker.calls.rehearsal.polarity import answer_signs, opposed, signs


@pytest.mark.parametrize(
    ("one", "other", "topics"),
    [
        ("月卡开通后不能退款。", "月卡开通后能退款。", ["may", "refund"]),
        ("办公室和工位都不可以转租。", "办公室和工位都可以转租。", ["may"]),
        ("周日前台休息。", "周日前台照常营业。", ["is_open"]),
        ("水电费不用另外交，包含在租金里。", "水电费另算，不包含在租金里。", ["included"]),
        ("广州没有门店。", "广州有门店。", ["there_is"]),
        ("咖啡免费。", "咖啡要收费。", ["costs"]),
        ("不需要绑定银行卡。", "必须绑定银行卡。", ["must"]),
        ("不可以装修。", "不行，不能装修。", []),
        ("办公室不可以，工位可以。", "可以。", []),  # both are said of one side
    ],
)
def test_what_is_opposed(one: str, other: str, topics: list[str]) -> None:
    assert opposed(signs(one), signs(other)) == topics
    assert opposed(signs(other), signs(one)) == topics


def test_questions_assert_nothing() -> None:
    assert signs("请问您可以再说一遍吗？") == {}
    assert signs("能不能退要看情况") == {}


def test_a_bare_yes_is_about_what_was_asked() -> None:
    entry = signs("月卡开通后不能退款，但可以暂停1次，最长30天。")
    said = answer_signs("可以，月卡退款最长30天。", "前两天刚买的，可以退款吗")
    assert opposed(said, entry) == ["refund"]
    assert opposed(answer_signs("可以，最长30天。", "能暂停吗"), entry) == []
