"""Is a Mandarin sentence finished, by its words alone? Rules, no model; pure.

::

    completeness("你们周末开门吗")       # Completeness.FINISHED
    completeness("我想问一下那个")       # Completeness.UNFINISHED: a filler at the end
    completeness("我的手机号是138")     # Completeness.UNFINISHED: 8 digits are missing
    completeness("我订了一间会议室")     # Completeness.UNCLEAR

What recognition made of the sentence counts, so the rules lean on words it hears well and ignore its
punctuation but for what it writes at the very end. Lists are of words, not of sentences.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Completeness(StrEnum):
    """What the words say about the end of a sentence."""

    FINISHED = "finished"
    UNCLEAR = "unclear"
    UNFINISHED = "unfinished"


def completeness(text: str) -> Completeness:
    """Say whether ``text``, what was heard up to a pause, is a whole sentence."""
    clauses = [clause for part in _BREAK.split(text) if (clause := _SPACE.sub("", part))]
    if not clauses:
        return Completeness.UNCLEAR
    last = clauses[-1]
    if digits := _DIGITS_AT_END.search("".join(clauses)):
        return _number(digits[0])
    if _ANSWER.fullmatch(last):
        return Completeness.FINISHED
    if text.rstrip().endswith(("、", "…", "...", "——")) or _unfinished(last) or _waits_for_more(clauses):
        return Completeness.UNFINISHED
    return Completeness.FINISHED if _QUESTION.search(last) else Completeness.UNCLEAR


def asks_for_number(said: str) -> bool:
    """Whether the assistant, who said this last, asked for something that is dictated digit by digit."""
    return re.search(r"(号码|手机号|电话号|订单号|编号|卡号|验证码)", said) is not None


_BREAK = re.compile(r"[，。！？；：,.!?;:、…]+")
_SPACE = re.compile(r"[\s\-—“”\"']+")
_DIGITS_AT_END = re.compile(r"(?:[0-9零〇一二三四五六七八九幺]){3,}$")
_WHOLE_NUMBERS = (11, 18)  # a mobile number, an identity card
_MOBILE = re.compile(r"[1一幺][3-9三四五六七八九]")

# Said alone, these are a whole turn.
_ANSWER = re.compile(
    r"(嗯|哦|啊|呃|那|就)*"
    r"(好(的|啊|吧|了)?|对(的|啊)?|是(的|啊)?|行(了|吧)?|可以(的|了)?|要(的)?|不(是|用|要|行|对|需要)(的|了)?|没(有|事|错)(了)?"
    r"|知道了|明白了?|谢谢(你|您|啊)?|多谢|再见|拜拜|(帮我|我要|请|麻烦)?转?(人工)(客服|服务)?|转接)+"
)
_QUESTION = re.compile(
    r"(吗|呢|吧|么|没有|没|了吗)$"
    r"|什么|怎么|多少|几|哪|谁|如何|多(久|长|远|大|高)|能不能|可不可以|是不是|有没有|会不会|要不要|好不好|行不行|还是"
)
_FILLER = r"那个|这个|就是|就是说|等于说|然后(呢)?|怎么说(呢)?|我想|我看(一下)?|我这边(呢)?|请问(一下)?|嗯|呃|额|你好|您好|喂"
_CONNECTIVE = (
    r"但是?|可是|不过|因为|由于|所以|如果|要是|而且|并且|或者|还有|还是|以及|另外|虽然|除了|以外|关于|有关|结果|后来|于是|的话"
)
_PREPOSITION = r"和|跟|与|把|被|从|向|给|为|比|让|叫|用|对于|换成|改成|带|(?<!没)有|(?<!不)(?<!还)是|(?<!不)要|(?<!不)能|(?<!不)会|(?<!不)在|想"
_UNFINISHED_END = re.compile(rf"({_FILLER}|{_CONNECTIVE}|{_PREPOSITION})$")
_SUBORDINATE = re.compile(r"^(我|你|您|那|就|我们|你们)?(如果|要是|只要|虽然|因为|由于|除了|不但|既然|等到?)")


def _number(digits: str) -> Completeness:
    """Judge digits that are said one by one: whole when as many as such a number has."""
    if len(digits) in _WHOLE_NUMBERS and (len(digits) != _WHOLE_NUMBERS[0] or _MOBILE.match(digits)):
        return Completeness.FINISHED
    return Completeness.UNFINISHED


def _unfinished(clause: str) -> bool:
    """Whether the last words want more to follow."""
    if clause.endswith("的"):
        # 我要一个靠窗的 wants its noun; 是昨天付的 and 怎么收费的 do not.
        return not re.search(r"是.+的$|怎么|谁|什么|哪", clause)
    return _UNFINISHED_END.search(clause) is not None


def _waits_for_more(clauses: list[str]) -> bool:
    """Whether the last clause is a condition or a reason of something not yet said."""
    return _SUBORDINATE.match(clauses[-1]) is not None and not _QUESTION.search(clauses[-1])
