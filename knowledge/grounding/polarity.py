"""Whether a Chinese text says yes or no, and to what. Pure.

::

    bare_answer("可以，多功能厅坐60个人。")     # BareAnswer("可以，", Sign.YES, "多功能厅坐60个人。")
    statements_in("不能退款，但可以暂停")  # [Statement("may", NO, "退款"), Statement("may", YES, "暂停")]
    asks_yes_or_no("能坐一百个人吗")            # True
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple


class Sign(Enum):
    YES = "yes"
    NO = "no"


class BareAnswer(NamedTuple):
    """An answer that begins with yes or no alone: what it begins with, which it is, and what follows."""

    opening: str
    sign: Sign
    rest: str


class Statement(NamedTuple):
    """That something may be done, is there, is needed or is so (``family``), or not; ``about`` is what.

    ``follows``: that stands behind the word, as in 可以退款; otherwise before it, as in 退款可以.
    """

    family: str
    sign: Sign
    about: str
    follows: bool = True


_BARE_NO = "不可以|不行|不能|不用|不需要|不必|不收|不支持|不是|不会|不要|不|没有|没|无|暂时没有|暂不支持"
_BARE_YES = "可以|能|行|好|支持|有|是|会|对|需要|要|包含|可|没问题|当然可以|当然"
_PARTICLE = "(?:的|呢|啊|哦|了|[换退办改开停订])?"
_BARE = re.compile(rf"^(?:(?P<no>{_BARE_NO})|(?P<yes>{_BARE_YES})){_PARTICLE}(?P<end>[，,。！!；;]|$)")

# Each family: its words that deny and that affirm, longest first within a sign.
_FAMILIES: dict[str, tuple[str, str]] = {
    "may": (
        "不可以|不能|不得|不行|不允许|不准|不许|不可|禁止|无法|谢绝|不支持|不接受|不开放|不让",
        "可以|能够|允许|支持|接受|(?<![功性智职技节动本才只])能(?![源力量])|可(?![以能是])",
    ),
    "there": (
        "没有|暂无|还没有|没(?!问题|关系|收)|不提供|不带|不设|不含|不包含|不包括",
        "有(?!效|限|关|时)|提供|包含|包括|带有|设有|配有|都含|含",
    ),
    "needed": (
        "不用|不需要|无需|不必|不要|不收|免收|免费|不另收|不另外",
        "需要|需(?!要|求)|必须|要(?!求|是)|收费|收取|另收|加收",
    ),
    "open": ("休息|不营业|不上班|不开门|关门|放假|停业|打烊", "营业|上班|开门|开放|有人"),
}
_WORDS = {family: re.compile(rf"(?P<no>{no})|(?P<yes>{yes})") for family, (no, yes) in _FAMILIES.items()}
_CLAUSE = re.compile(r"[，,。；;！!？?：:]")
_YES_NO = re.compile(
    r"吗|么$|能不能|可不可以|可否|能否|是否|是不是|有没有|要不要|用不用|需不需要|会不会|行不行|好不好|对不对|支不支持|"
    r"收不收|开不开|让不让|[^么怎]不(?:行|可以|能)?$|没有?$|吧$|(?:可以|行|能)[？?]?$"
)


def bare_answer(text: str) -> BareAnswer | None:
    """Return how a text begins that answers yes or no and nothing else before its first pause; or None."""
    match = _BARE.match(text)
    if not match:
        return None
    return BareAnswer(match[0], Sign.NO if match["no"] else Sign.YES, text[match.end() :].lstrip())


def statements_in(text: str) -> list[Statement]:
    """Return what a text affirms and denies, clause by clause, in order."""
    found: list[Statement] = []
    for clause in _CLAUSE.split(text):
        for family, words in _WORDS.items():
            for match in words.finditer(clause):
                behind = clause[match.end() :]
                sign = Sign.NO if match["no"] else Sign.YES
                found.append(Statement(family, sign, behind or clause[: match.start()], bool(behind)))
    return found


def asks_yes_or_no(question: str) -> bool:
    """Whether a question can be answered by yes or no."""
    return bool(_YES_NO.search(question.rstrip("。？?！!啊呀呢")))
