"""What is said about the conversation is told from questions that sound alike."""

from __future__ import annotations

import pytest

from aiker.calls.manners import Manner, manner_of

SAID = {
    Manner.REPEAT: [
        "你说什么？",
        "您说什么",
        "再说一遍。",
        "没听清",
        "呃你刚说什么来着",
        "呃，你刚才说什么来着？",
        "不好意思，我没听清楚，你再说一遍好吗？",
        "什么？",
        "啊？什么？",
        "啥",
        "麻烦您再说一次",
        "能再说1遍吗",
        "您能不能再重复一遍？",
        "请重复一下",
        "我刚才没听见你说的什么",
        "没听清你说的话",
        "你刚刚说了什么",
        "刚才说的是什么",
        "不好意思没太听清",
        "听不清楚啊",
        "等一下，你说什么？",
        "喂，听不清，你再说一遍",
        "你把刚才那个再说一遍",
        "那个，你重新说一遍吧",
    ],
    Manner.SLOWER: [
        "说慢一点",
        "你能说慢点吗？",
        "慢一点",
        "请慢点说",
        "太快了，没听清",
        "你说得太快了",
        "不好意思，您再慢一点说一遍",
        "语速慢一点",
        "能不能放慢一点",
        "说得有点快，再说一遍",
    ],
    Manner.WAIT: [
        "等一下",
        "稍等",
        "请稍等一下。",
        "等等",
        "等会儿",
        "你等我一下啊",
        "稍等我找一下",
        "我找一下",
        "等一下，我找一下订单号",
        "嗯，我找找",
        "让我想一下",
        "我想想啊",
        "我去拿一下手机",
        "我拿个笔",
        "我看一下短信",
        "先别挂",
        "别挂电话啊",
        "我问一下我老公",
        "我问一下同事",
        "等我两分钟",
        "马上回来",
    ],
    Manner.THERE: [
        "喂？",
        "喂喂喂",
        "还在吗",
        "你还在吗？",
        "你好，在吗？",
        "喂，你好",
        "能听见吗",
        "喂，听得到我说话吗？",
        "你在听吗",
        "有人吗",
        "人呢？",
        "怎么不说话了",
    ],
    Manner.GOODBYE: [
        "再见",
        "拜拜",
        "没别的事了，拜拜",
        "好的，谢谢，再见！",
        "好，那就这样吧，谢谢你啊",
        "没有别的问题了",
        "没别的了，谢谢。",
        "没什么事了，谢谢您",
        "行，那我先挂了",
        "好的好的，知道了，拜拜",
        "没问题了，再见",
        "嗯，挂了啊",
        "不用了，谢谢，再见",
        "那先这样，改天再聊，拜拜",
    ],
}

MISHEARD = {
    "没听情": Manner.REPEAT,
    "微，听不清，你在说一遍。": Manner.REPEAT,
    "饿你刚才说什么来着": Manner.REPEAT,
    "太快了没听亲": Manner.SLOWER,
    "在见": Manner.GOODBYE,
    "烧等": Manner.WAIT,
}

NONE = [
    "",
    "。",
    "你说什么时候开门",
    "你说什么价格",
    "你刚才说的什么套餐",
    "什么时候关门",
    "什么意思",
    "什么是共享工位",
    "再说一遍地址",
    "没听清价格是多少",
    "再说吧",
    "太贵了",
    "网速太快了吗",
    "有没有慢一点的套餐",
    "等一下几点关门",
    "等一下我问一下会议室多少钱",
    "我问一下",
    "我问一下价格",
    "我查一下我的订单到哪了",
    "帮我找一下订单",
    "我找一下你们经理",
    "我看一下会议室",
    "我想一下问问停车",
    "会议室要等多久",
    "等多长时间",
    "稍等多久",
    "你们在吗路上",
    "你们在哪",
    "你好",
    "有人接待吗",
    "周末有人在吗",
    "在的",
    "再见面要预约吗",
    "没有了",
    "没问题",
    "没事",
    "不用了",
    "挂失怎么办",
    "谢谢",
    "好的",
    "嗯",
    "就这样",
    "没有别的套餐了吗",
    "没有其他时间了吗",
    "转人工",
    "三百",
    "九十四",
    "满电多久",
    "在建的项目",
    "一点",
    "四点",
    "白",
]


@pytest.mark.parametrize(
    ("text", "manner"), [(text, manner) for manner, texts in SAID.items() for text in texts]
)
def test_a_manner_is_recognised(text: str, manner: Manner) -> None:
    assert manner_of(text) is manner


@pytest.mark.parametrize(("text", "manner"), MISHEARD.items())
def test_what_recognition_writes_for_the_same_sounds_is_understood(text: str, manner: Manner) -> None:
    assert manner_of(text) is manner


@pytest.mark.parametrize("text", NONE)
def test_a_question_is_none(text: str) -> None:
    assert manner_of(text) is Manner.NONE
