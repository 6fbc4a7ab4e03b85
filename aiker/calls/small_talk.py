"""What callers say that asks for no knowledge: greetings, thanks, yes, no, goodbye. Pure.

::

    is_small_talk("好的，谢谢你啊")      # True: the language model answers as people do
    is_small_talk("今天股票涨了吗")      # False: nothing was found, so the assistant says it does not know
"""

from __future__ import annotations

import re

_WORDS = (
    "您好|你好|喂|在吗|有人吗|嗯+|哦+|啊+|呃+|哎+|好的?|好吧|行|可以|对|对的|是|是的|没错|不是|不用了?|不要了?|没有了?|"
    "谢谢(?:你|您|啊|了)?|多谢|麻烦(?:你|您)?了?|辛苦了?|不客气|再见|拜拜|挂了|没事了?|没别的了?|知道了?|明白了?|了解了?|"
    "听到了?|听见了?|听得到|听得见|我|先|那|就|这样|了|吧|呢|呀|哈|吗|的|你|您|等一下|稍等|等等|"
    "算了|考虑一下|考虑考虑|再想想|打错(?:电话)?了?|回头再说|晚点再说|再联系|"
    "你说什么|再说一遍|没听清楚?|什么|你是谁|你叫什么(?:名字)?|请问"
)
_SMALL_TALK = re.compile(rf"(?:{_WORDS})+")
_MARKS = re.compile(r"[\s，。！？、,.!?~…]+")


def is_small_talk(text: str) -> bool:
    """Whether an utterance consists of nothing else."""
    return bool(_SMALL_TALK.fullmatch(_MARKS.sub("", text)))
