"""What kind of thing a question wants to be told, and whether a text tells such a thing. Pure.

::

    kind = asked_kind("大会议室一小时多少钱")           # AnswerType.MONEY
    tells(kind, "大会议室坐16个人，300元一小时。")      # True
    tells(asked_kind("静安店坐几号线"), "静安店在星河路16号8楼。")    # False: nearest, and no answer

The expected answer type of question answering (Li and Roth, "Learning Question Classifiers", COLING 2002),
for what callers ask of figures.
"""

from __future__ import annotations

import re
from enum import StrEnum


class AnswerType(StrEnum):
    MONEY = "money"
    CLOCK = "clock"
    DURATION = "duration"
    PEOPLE = "people"
    PHONE = "phone"
    LINE = "line"  # of an underground or a bus
    NUMBER = "number"  # of rooms, seats, shops


_ASKED = {
    AnswerType.LINE: r"[几哪](?:号线|条线|路(?:公交|车))",
    AnswerType.PHONE: r"电话(?:号码?)?(?:是|多少|呢|给|报|$)|座机|(?:打|拨)(?:什么|哪个|多少)(?:电话|号)",
    AnswerType.PEOPLE: r"(?:坐|容纳|装|挤|站|待)(?:得|的)?下?(?:几|多少)|[几多少]+(?:个|位)?人(?!民)",
    AnswerType.CLOCK: r"几点|营业时间",
    AnswerType.DURATION: r"多久|多长时间|[几多少]+(?:天|个?月|周|年|小时|分钟)(?!的)",
    AnswerType.MONEY: (
        r"多少钱|几块|几元|什么价|价格|价钱|怎么收费|怎么卖|收多少|(?:付|交|花|给|要|补)多少(?!天|个|人|次)"
    ),
    AnswerType.NUMBER: r"[几多少]+(?:间|家|台|辆|层|部)(?!(?:店|公司)?(?:价|钱))|多少个",
}
_NUMBER = r"[\d零一二三四五六七八九十百千万两半]"
_TOLD = {
    AnswerType.LINE: rf"{_NUMBER}号线|{_NUMBER}路",
    AnswerType.PHONE: r"\d{3,4}-\d{3,}|\d{7,}",
    AnswerType.PEOPLE: rf"{_NUMBER}+(?:个|位)?(?:人|位|访客)|不限|{_NUMBER}个?工位",
    AnswerType.CLOCK: rf"{_NUMBER}+(?:点|[:：]\d)|24小时|休息|刷卡进",
    AnswerType.DURATION: (
        rf"{_NUMBER}+(?:个)?(?:天|月|年|周|小时|分钟|工作日|季度)|每[天周月年日]|随时|当[场天]|[按每](?:季|月|年)"
    ),
    AnswerType.MONEY: rf"{_NUMBER}+(?:元|块|折)|\d%|免费|不用|不另?收|押金|租金|包含",
    AnswerType.NUMBER: rf"{_NUMBER}+(?:个|间|家|台|辆|层|部)|每",
}
_ASKS = {kind: re.compile(pattern) for kind, pattern in _ASKED.items()}
_TELLS = {kind: re.compile(pattern) for kind, pattern in _TOLD.items()}


def asked_kind(question: str) -> AnswerType | None:
    """Return what a question wants to be told; None where its form does not say."""
    return next((kind for kind, pattern in _ASKS.items() if pattern.search(question)), None)


def tells(kind: AnswerType | None, text: str) -> bool:
    """Whether a text tells something of a kind; everything does where no kind is asked."""
    return kind is None or bool(_TELLS[kind].search(text))
