"""Numbers that a caller dictates: found, read back in groups, confirmed. Pure.

::

    dictated("我的手机号是幺三八 八八八八 八八八八")   # Number("13888888888", Kind.MOBILE)
    dictated("一三八八八八")                          # Number("138888", Kind.MOBILE): digits are missing
    dictated("要三八零零一三七二六四", expected=True)  # Number("13800137264", Kind.MOBILE): as it sounds
    dictated("会议室多少钱")                          # None
    read_back(number)          # "您报的是幺三八，八八八八，八八八八，有错请再说一遍，对吗？"
    reply_to("对", last_said)  # "好的，记下了。": the caller confirms what was read back

Recognition mishears digits, so none is taken before the caller has said yes to it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from pypinyin import lazy_pinyin

from aiker.calls.backchannel import agrees

MIN_DIGITS, MAX_DIGITS = 5, 22
MIN_EXPECTED_DIGITS = 4  # of a number that was asked for: a code may be as short
MIN_TOLD_DIGITS = 7  # in a row, among other words
MOBILE_DIGITS, IDENTITY_CARD_DIGITS = 11, 18
_VALUES = dict(zip("0123456789零〇一二三四五六七八九幺两洞拐", "012345678900123456789" + "1207", strict=True))
_SOUND_ALIKE = str.maketrans(
    "以亿医衣依姚腰尔儿山吴舞午留刘其期起巴爸久酒就林灵领",
    "一一一一一幺幺二二三五五五六六七七七八八九九九零零零",
)
_BEFORE_DIGITS = re.compile(f"[{''.join(map(chr, _SOUND_ALIKE))}](?=[0-9]{{3}})")
_SPOKEN = "零幺二三四五六七八九"
_DIGIT = f"[{''.join(_VALUES)}]"
_JOINT = r"[\s，。、,.\-—－·]*"
_RUN = re.compile(rf"{_DIGIT}(?:{_JOINT}{_DIGIT})+[xX]?")
_AROUND = re.compile(
    r"(?:嗯+|呃+|额|啊|哦|喂|那个|就是|好的?|行|你?记(?:一下|好)|我?(?:给你|跟你)?(?:报|说|念)(?:一下|给你)?|[你您]?听好了?|我的|我|"
    r"您好|你好|手机号?码?|电话号?码?|联系方式|联系电话|号码|身份证号?码?|订单号?码?|单号|编号|卡号|会员号|合同号|尾号|账号|验证码|快递单号?|"
    r"密码|税号|是|为|叫|加|打|拨|的|了|吧|呢|哈|对|不对|不是|错了|应该是|重新|再|第一遍|改成|前面|后面|然后|还有|最后|谢谢(?:你|您)?|"
    r"麻烦(?:你|您)?了?|[\s\W_])*+"
)
_CORRECTED = re.compile(r"不对|不是|错了|说错了|重来|重新")
_MISHEARD_CORRECTED = re.compile(rf"{_CORRECTED.pattern}|部队|错的")
_ASKS = re.compile(r"[吗呢？?]|多少|什么|哪|怎么|是不是|能不能|可不可以")
_SYLLABLES = dict(
    zip(("ling", "yi", "yao", "er", "san", "si", "wu", "liu", "qi", "ba", "jiu"), "01123456789", strict=True)
)
_COUNTRY = re.compile(r"^(?:0086|86)(?=1[3-9]\d{5,9}$)")
_TWICE = re.compile(r"(\d{7,11})\1")
_TIMES = re.compile(rf"(?P<many>双|[两二三四五六七八九]个)(?P<digit>{_DIGIT})")
_AREA = re.compile(r"(?P<short>010|02\d)|(?P<long>0[3-9]\d\d)|(?P<free>[48]00)")
_CARD_WEIGHTS, _CARD_CHECKS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), "10X98765432"
"""Of the last sign of an identity card: GB 11643-1999, ISO 7064 MOD 11-2."""
_DENIES = re.compile(r"(?:号码?|这个|那个)?(?:不对|不是|错|不正确|有误|没有|没对|不$)")
_CONFIRMS = re.compile(r"(?:对|是|嗯|没错|没问题|正确|好|可以|就是这个|这个号码?|的|了|啊|吧|谢谢[你您]?)+")

TYPED = "（按键）"
"""Stands before what was typed, which is exact and no dictation."""
READ_BACK, AGAIN = "您报的是", "请您把号码完整地再说一遍。"
CONFIRMED = "好的，记下了。"
EXPECTED_WORDS = "一二三四五六七八九零。"
"""What recognition is told to expect of a caller who was asked for a number."""
DENIED = f"抱歉，{AGAIN}"


class Kind(StrEnum):
    MOBILE = "mobile"
    LANDLINE = "landline"  # with its area code, or 400 and 800
    IDENTITY_CARD = "identity_card"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Number:
    """``digits`` as dictated, 0 to 9 and a last X."""

    digits: str
    kind: Kind

    @property
    def missing(self) -> int:
        """How many digits such a number lacks; below 0: so many are too much."""
        whole = {Kind.MOBILE: MOBILE_DIGITS, Kind.IDENTITY_CARD: IDENTITY_CARD_DIGITS}
        if self.kind is Kind.LANDLINE and (area := _AREA.match(self.digits)):
            # Seven or eight digits behind an area code of four.
            least, most = (10, 10) if area["free"] else (11, 12 if area["long"] else 11)
            return min(0, most - len(self.digits)) or max(0, least - len(self.digits))
        return whole.get(self.kind, len(self.digits)) - len(self.digits)

    @property
    def is_impossible(self) -> bool:
        """Whether it is an identity card whose last sign does not fit the others."""
        if self.kind is not Kind.IDENTITY_CARD or self.missing or "X" in self.digits[:-1]:
            return False
        total = sum(int(d) * weight for d, weight in zip(self.digits[:-1], _CARD_WEIGHTS, strict=True))
        return _CARD_CHECKS[total % 11] != self.digits[-1]


def dictated(text: str, *, expected: bool = False) -> Number | None:
    """Return the number that an utterance dictates, or None.

    That is one that says nothing else, or one so long that it must not be passed over, where nothing is
    asked. Where one is ``expected``, for the assistant asked for it, what sounds like digits is one whatever
    is around it: recognition mishears the words before a number as it does its digits.
    """
    if TYPED in text:
        return None
    behind = _corrected(text, _CORRECTED)
    mended = _as_digits(_TIMES.sub(_times, behind))
    digits = digits_in(mended)
    alone = _AROUND.fullmatch(_RUN.sub("", mended)) is not None
    if alone and MIN_DIGITS <= len(digits) <= MAX_DIGITS:
        return of_digits(digits)
    if expected:
        digits = _sounding_like_digits(_TIMES.sub(_times, _corrected(text, _MISHEARD_CORRECTED)))
        least = MIN_TOLD_DIGITS if _ASKS.search(text) else MIN_EXPECTED_DIGITS
        return of_digits(digits) if least <= len(digits) <= MAX_DIGITS else None
    told = not alone and not _ASKS.search(text) and _longest_run(mended) >= MIN_TOLD_DIGITS
    return of_digits(digits) if told and len(digits) <= MAX_DIGITS else None


def _corrected(text: str, signs: re.Pattern[str]) -> str:
    """Return what is said behind the last correction, where that has digits; else all."""
    found = list(signs.finditer(text))
    behind = text[found[-1].end() :] if found else ""
    return behind if _RUN.search(behind) else text


def _longest_run(text: str) -> int:
    return max((len(digits_in(match[0])) for match in _RUN.finditer(text)), default=0)


def _sounding_like_digits(text: str) -> str:
    """Return the digits of the stretches of a text that are mostly digits, and sound like digits throughout.

    要三把零零 is 13800: recognition writes what it hears as words. A single sign between other words is none
    of the number (你记一下), nor is a particle before it (我的吧，138).
    """
    stretches, bare = [""], re.sub(_JOINT, "", text.replace("的吧", ""))
    for char in bare:
        stretches[-1] += char if _digit_of(char) else ""
        if not _digit_of(char) and stretches[-1]:
            stretches.append("")
    kept = [
        stretch
        for stretch in stretches
        if len(stretch) > 1 and 2 * sum(char in _VALUES for char in stretch) >= len(stretch)
    ]
    return "".join(_digit_of(char) for stretch in kept for char in stretch)


@functools.cache
def _digit_of(char: str) -> str:
    """Return the digit that a sign is, or sounds like; else ""."""
    return _VALUES.get(char) or _SYLLABLES.get(lazy_pinyin(char)[0], "")


def _as_digits(text: str) -> str:
    """Return a text with digits for what recognition wrote instead of them.

    Before figures, and in a text that is nearly all digits: 以3912345678, 以三九二三四五.
    """
    text = _BEFORE_DIGITS.sub(lambda found: found[0].translate(_SOUND_ALIKE), text)
    mended = text.translate(_SOUND_ALIKE)
    bare = re.sub(r"[\s\W]", "", mended)
    few = sum(a != b for a, b in zip(text, mended, strict=True)) <= len(bare) // 3
    return mended if few and len(bare) >= MIN_DIGITS and re.fullmatch(f"{_DIGIT}+", bare) else text


def digits_in(text: str) -> str:
    """Return all digits of the runs of a text, joined."""
    found = "".join(match[0] for match in _RUN.finditer(text))
    digits = "".join(_VALUES.get(char, char.upper() if char in "xX" else "") for char in found)
    digits = _COUNTRY.sub("", digits)
    twice = _TWICE.fullmatch(digits)
    return twice[1] if twice else digits


def _times(said: re.Match[str]) -> str:
    """Return 双8 and 三个8 as the digits that they are."""
    return said["digit"] * (2 if said["many"] == "双" else int(_VALUES[said["many"][0]]))


def of_digits(digits: str) -> Number:
    """Return the number with its kind, by how it begins and how long it is."""
    if re.match(r"1[3-9]", digits) and len(digits) <= MOBILE_DIGITS + 1:
        return Number(digits, Kind.MOBILE)
    if _AREA.match(digits) and len(digits) <= MOBILE_DIGITS + 2:
        return Number(digits, Kind.LANDLINE)
    if len(digits) in (IDENTITY_CARD_DIGITS - 1, IDENTITY_CARD_DIGITS):
        return Number(digits, Kind.IDENTITY_CARD)
    return Number(digits, Kind.OTHER)


def is_begun(text: str, *, expected: bool) -> bool:
    """Whether more digits are to come behind ``text``, what was heard up to a pause.

    ``expected``: the assistant asked for a number; then also one of another kind may go on.
    """
    tail = re.search(rf"{_DIGIT}(?:{_JOINT}{_DIGIT})*{_JOINT}$", text)
    if tail is None:
        return False
    number = of_digits(digits_in(f"{tail[0]}") or _VALUES[re.sub(r"[\s\W]", "", tail[0])[0]])
    if number.kind in (Kind.MOBILE, Kind.LANDLINE) and len(number.digits) >= 3:
        return number.missing > 0
    named = re.search(r"号|电话|手机|身份证|密码|验证码|联系方式", text[: tail.start()]) is not None
    return (expected or named) and number.kind is Kind.OTHER and len(number.digits) < IDENTITY_CARD_DIGITS


def is_to_be_said_again(last_said: str) -> bool:
    """Whether a number was read back, or asked for again, so that one may come."""
    return last_said.startswith(READ_BACK) or AGAIN in last_said


def read_back(number: Number) -> str:
    """Return what is said to a dictated number: it read back and a question, or that it is not whole."""
    groups = "，".join("".join(_SPOKEN[int(d)] if d.isdigit() else d for d in g) for g in _groups(number))
    if number.missing > 0:
        return f"我听到的是{groups}，还少{number.missing}位，{AGAIN}"
    if number.missing < 0:
        return f"我听到的是{groups}，多了{-number.missing}位，{AGAIN}"
    if number.is_impossible:
        return f"我听到的是{groups}，这个号码好像不对，{AGAIN}"
    return f"{READ_BACK}{groups}，有错请再说一遍，对吗？"


def reply_to(text: str, last_said: str) -> str:
    """Return what is said to a caller whom a number was read back to; "" when this is no yes and no no."""
    if not last_said.startswith(READ_BACK):
        return ""
    bare = re.sub(r"[\s\W_]+", "", text)
    if _DENIES.match(bare) and not dictated(text):
        return DENIED
    return CONFIRMED if agrees(text) or _CONFIRMS.fullmatch(bare) else ""


def _groups(number: Number) -> list[str]:
    """Return the digits as people say them: 3-4-4 of a mobile number, 6-8-4 of an identity card."""
    digits = number.digits
    if number.kind is Kind.LANDLINE and (code := _AREA.match(digits)):
        area = code[0]
        rest = len(digits) - len(area)
        middle = len(area) + (3 if rest <= 7 else 4)
        return [group for group in (area, digits[len(area) : middle], digits[middle:]) if group]
    cuts: Sequence[int] = range(4, len(digits), 4) if len(digits) > MIN_DIGITS else ()
    cuts = {Kind.MOBILE: (3, 7), Kind.IDENTITY_CARD: (6, 14)}.get(number.kind, cuts)
    edges = [0, *(cut for cut in cuts if cut < len(digits)), len(digits)]
    return [digits[a:b] for a, b in pairwise(edges)]
