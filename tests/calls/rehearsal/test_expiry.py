"""Which offers are over."""

from __future__ import annotations

from datetime import date

import pytest

from aiker.calls.rehearsal.expiry import expired

TODAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("text", "over"),
    [
        ("即日起至2025年6月30日，日卡40元。", True),
        ("优惠截止2026-10-31。", True),
        ("活动2026年11月29日前有效。", True),
        ("双十一特价到11月12日。", True),
        ("活动2026年11月30日截止。", False),  # its last day is today
        ("新年优惠至2027年1月3日。", False),
        ("国庆10月1日到10月7日放假。", False),  # no offer, and again next year
        ("广州店计划2027年3月开业。", False),
        ("2025年6月30日的活动已经结束。", False),
        ("每期1日前付清。", False),
        ("活动到13月40日。", False),
    ],
)
def test_an_offer_is_over(text: str, over: bool) -> None:
    assert bool(expired(text, TODAY)) is over


def test_only_the_sentence_is_over() -> None:
    assert expired("日卡80元。到2026年1月1日止半价。", TODAY) == ["到2026年1月1日止半价。"]
