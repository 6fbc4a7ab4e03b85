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

from aiker.calls.dictation import Kind, digits_in, of_digits
from aiker.calls.manners import Manner, manner_of


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
    whole, last = "".join(clauses), clauses[-1]
    if (manner := manner_of(text)) is Manner.LEAD_IN:
        return Completeness.UNFINISHED
    if manner:
        return Completeness.FINISHED
    if digits := _DIGITS_AT_END.search(whole):
        return _number(digits[0])
    if _ANSWER.fullmatch(whole) or _ANSWER.fullmatch(last):
        return Completeness.FINISHED
    if _wants_more(last) or _NUMBER_BEGUN.search(whole) or _lists(text, last):
        return Completeness.UNFINISHED
    return Completeness.FINISHED if _QUESTION.search(last) or _SETTLED.search(last) else Completeness.UNCLEAR


def is_circumstance(text: str) -> bool:
    """Whether a caller tells of their situation and has asked and wanted nothing yet: 我们公司有五个人, or
    names only what they will ask about: 我想问一下，就是那个会议室."""
    whole = _SPACE.sub("", "".join(_BREAK.split(text)))
    announced = _ANNOUNCED.match(whole)
    rest = whole[announced.end() :] if announced else whole
    if not announced and not _OF_MYSELF.match(whole):
        return False
    return not (_QUESTION.search(rest) or _WANTED.search(rest) or (announced and _ASKABLE.search(rest)))


def asks_for_number(said: str) -> bool:
    """Whether the assistant, who said this last, asked for something that is dictated digit by digit."""
    return _NUMBER_WANTED.search(said) is not None and not re.search(
        r"[0-9]{3}|[零一二三四五六七八九]{5}", said
    )


_OF_MYSELF = re.compile(
    r"(?:嗯|那个|就是|是这样的?|你好|您好|喂)*"
    r"(?:我们?(?!想|要|需要|能|可以|该)|咱们?|我(?:家|公司|朋友|同事|老板|爱人|孩子))"
)
# A question that is announced, and what by its name alone is one: 我想了解一下价格.
_ANNOUNCED = re.compile(
    r"(?:嗯|那个|就是|你好|您好|喂)*我?(?:就|也)?(?:想|要)?(?:问|咨询|请教|打听|了解)(?:一?下|个|件|事儿?|情况|问题|你们?|您|那个|就是)+"
)
_ASKABLE = re.compile(r"价|费|钱|地址|电话|时间|流程|优惠|方式|材料|折扣|位置|政策|规定|办法|条件|区别")
_WANTED = re.compile(
    r"想|要(?!来|去|走|搬|到|过来|结婚)|需要|帮|给我|麻烦|请|(?:预[约订定]|取消|办理|查|订|开发?票)(?![了过的])|投诉|转人工|退款|"
    r"确认|谢|知道|明白|再见|听|不用|好的|没事|[0-9零〇一二三四五六七八九幺]{5}"
)
_BREAK = re.compile(r"[，。！？；：,.!?;:、…]+")
_SPACE = re.compile(r"[\s\-—“”\"']+")

_DIGITS_AT_END = re.compile(r"[0-9零〇一二三四五六七八九幺]{3,}$")
_NUMBER_BEGUN = re.compile(r"(号|号码|电话|手机|编码)是?[0-9零〇一二三四五六七八九幺]{1,2}$")
_NUMBER_WANTED = re.compile(
    r"(请|麻烦|告诉|提供|报|说|您的?|你的?).*(号码|手机号|电话号|订单号|编号|卡号|证号|验证码)"
)

# Said alone, or behind a comma, these are a whole turn.
_ANSWER = re.compile(
    r"(嗯|哦|啊|呃|那)*"
    r"(好(的|啊|吧|了)?|对(的|啊)?|是(的|啊)|行(了|吧)?|可以(的|了)?|要(的)?|不(是|用|要|行|对|需要)(的|了)?|没(有|事|错)(了)?"
    r"|知道了|明白了?|谢谢(你|您|啊)?|多谢|再见|拜拜|(帮我|我要|请|麻烦)?转?人工(客服|服务)?|嗯|是)+"
)
_QUESTION = re.compile(
    r"(吗|呢|吧|么|(?<!有)没有?)$|什么|怎么|多少|几|哪|谁|如何|多(久|长|远|大|高)|能不能|可不可以|是不是|有没有.|会不会|要不要"
    r"|(?P<verb>.)不(?P=verb)|还是."
)
# A change of state, a request for a small thing, an amount: little follows these.
_SETTLED = re.compile(r"(了|一下|一遍|看看|(?<=[0-9一二三四五六七八九十百千万])(块|块钱|元|个人|位))$")

_FILLER = (
    r"那个|这个|就是|就是说|等于说|然后呢?|怎么说呢?|这边呢?|我想|我看一下啊?|请问|(想|请)?(问|了解|咨询|打听)一下呢?"
    r"|嗯|呃|额"
)
_CONNECTIVE = (
    r"但是?|可是|不过|因为|由于|所以|如果|要是|而且|并且|或者|还有|还是|以及|另外|虽然|除了|以外|关于|有关|结果|后来|于是"
    r"|的话"
)
_PREPOSITION = (
    r"和|跟我?|与|把|被|从|向|给|为|比|让|叫|对于|换成|改成|带|想"
    r"|有没有|(?<![没都])有|(?<![不还])是|(?<!不)要|(?<!不)能|(?<![不开])会|(?<!不)在"
)
_WANTS_MORE = re.compile(rf"({_FILLER}|{_CONNECTIVE}|{_PREPOSITION})$")
_SUBORDINATE = re.compile(r"^(我|你|您|那|就|我们|你们)?(如果|要是|只要|虽然|因为|由于|除了|不但|既然|等到?)")
_OF_A_NOUN_TO_COME = re.compile(r"的$")
_OF_WHAT_IS_SAID = re.compile(r"^.?的$|是.+的$|怎么|谁|什么|哪")


def _number(digits: str) -> Completeness:
    """Judge digits that are said one by one: whole when as many as such a number has."""
    number = of_digits(digits_in(digits))
    whole = number.kind is not Kind.OTHER and number.missing == 0
    return Completeness.FINISHED if whole else Completeness.UNFINISHED


def _wants_more(clause: str) -> bool:
    """Whether the words want others behind them: 我要一个靠窗的, 因为我们公司."""
    if _OF_A_NOUN_TO_COME.search(clause):
        return not _OF_WHAT_IS_SAID.search(clause)
    if _QUESTION.search(clause):
        return re.search(rf"({_FILLER}|{_CONNECTIVE})$", clause) is not None
    return _WANTS_MORE.search(clause) is not None or _SUBORDINATE.match(clause) is not None


def _lists(text: str, last: str) -> bool:
    """Whether things are being listed and the last one, which 和 or the like brings, has not come."""
    if text.rstrip().endswith(("、", "…")):
        return True
    # Recognition writes 、 for any short pause: 四个人的办公室、租金多少.
    last_item = len(last) <= _LONGEST_ITEM and not _QUESTION.search(last)
    return "、" in text and last_item and not re.search(r"和|跟|与|还有|以及|都|等", text)


_LONGEST_ITEM = 4  # characters
