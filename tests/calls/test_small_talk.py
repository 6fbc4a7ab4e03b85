"""Small talk is left to the language model; a question that the base does not answer is not."""

from __future__ import annotations

import pytest

from aiker.calls.small_talk import is_small_talk


@pytest.mark.parametrize(
    "text",
    [
        "好的，谢谢你啊。",
        "喂，你好！",
        "嗯嗯",
        "再见",
        "没有了，就这样吧。",
        "你说什么？",
        "好的好的明白了",
        "那算了，我再想想吧",
        "打错电话了",
    ],
)
def test_courtesies_are_small_talk(text: str) -> None:
    assert is_small_talk(text)


@pytest.mark.parametrize(
    "text", ["今天股票涨了吗", "谢谢，那停车多少钱", "你们卖手机吗", "好的价格是多少", ""]
)
def test_questions_are_not(text: str) -> None:
    assert not is_small_talk(text)
