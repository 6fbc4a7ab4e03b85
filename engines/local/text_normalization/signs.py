"""Signs: what stands between two figures or words, before a figure, or for a word of its own."""

from __future__ import annotations

import re

from engines.local.text_normalization.item import Item, Kind, Match, Reader, before, reader
from engines.local.text_normalization.numerals import cardinal, digits
from engines.local.text_normalization.units import unit

_H = "\u4e00-\u9fff"
_AMOUNT = r"(?:[¥$€£]|HK\$|US\$|RMB\s?|USD\s?|HKD\s?)?\d"
# Behind these words a dash before a figure is a minus.
_MINUS_BEHIND = re.compile(
    r"[额亏润幅是为到至低高约达温度于在得在差即等有计数：:（(，,。；;、=<>≥≤≈~\s/×*÷+]\s?$"
)
_COLD = re.compile(r"-\s?\d+(?:\.\d+)?\s?(?:°|摄氏度|度|[层楼F%])")


@reader(r"-\s?(?=\d|[¥$€£])", Kind.SIGN)
def minus(match: Match) -> str:
    """Read a minus; a dash behind a word is a pause."""
    left = before(match)
    negative = not left or _MINUS_BEHIND.search(left) or _COLD.match(match.string, match.start())
    return "负" if negative else "，"


@reader(rf"([<>])(=?)\s?(?=(-?{_AMOUNT})|([{_H}A-Za-z(]))", Kind.SIGN)
def compared(match: Match) -> str:
    """Read 大于 and 小于; between words > is a step of a menu."""
    if not match[2] and match[4] and re.search(rf"[{_H}A-Za-z]\s?$", before(match)):
        return "，"
    return ("大于" if match[1] == ">" else "小于") + ("等于" if match[2] else "")


@reader(r"≈\s?", Kind.SIGN)
def about_equal(match: Match) -> str:
    return "约等于" if re.search(r"[\dA-Za-z)]\s?$", before(match)) else "约"


@reader(rf"~\s?(?=-?{_AMOUNT})", Kind.SIGN)
def about(match: Match) -> str:
    return "" if re.search(r"(?:约|大概|左右|将近)\s?$", before(match)) else "约"


_STEP = re.compile(r"(?:方案|条款|步骤|选项|附件|公式|类型|[第图表注见])$")


_CIRCLED = "[①-⑳⑴-⒇⒈-⒛㈠-㈩㊀-㊉❶-❿➀-➉➊-➓]"


@reader(rf"{_CIRCLED}\s?", Kind.SIGN)
def circled(match: Match) -> str:
    """Read ① as 第一 where it begins a step, and as 一 where it names one."""
    code, left = ord(match[0][0]), before(match)
    first = max(start for start in _FIRST_CIRCLED if start <= code)
    said = cardinal(str(code - first + 1))
    rest = match.string[match.end() :]
    if re.match(_CIRCLED, rest):
        return f"{said}、"
    if re.search(rf"{_CIRCLED}$", left):
        return said
    if _STEP.search(left) or re.match(r"[和与或至到、，。；）)的是\s]|$", rest):
        return said
    pause = "，" if left and left[-1] not in "，。；：！？、,;:!?\n" else ""
    return f"{pause}第{said}，"


_FIRST_CIRCLED = tuple(map(ord, "①⑴⒈㈠㊀❶➀➊"))


@reader(r"[Ⅰ-Ⅻⅰ-ⅻ]", Kind.ORDINAL)
def roman(match: Match) -> str:
    return cardinal(str((ord(match[0]) - 0x2160) % 16 + 1))


_ROMAN = {
    "I": 1,
    "II": 2,
    "III": 3,
    "IV": 4,
    "V": 5,
    "VI": 6,
    "VII": 7,
    "VIII": 8,
    "IX": 9,
    "X": 10,
    "XI": 11,
    "XII": 12,
}


@reader(r"([IVX]+)(?=\s?[期章部卷季代级类条款编节型度])", Kind.ORDINAL)
def roman_letters(match: Match) -> str | None:
    value = _ROMAN.get(match[1])
    told = before(match).endswith("第") or len(match[1]) > 1
    return cardinal(str(value)) if value and told else None


@reader(r"([A-Za-z0-9)])?([²³])", Kind.SIGN)
def superscript(match: Match) -> str | None:
    return None if match[1] else "平方" if match[2] == "²" else "立方"


@reader(r"\*号?(?=键)|\*号|\*", Kind.SIGN)
def star(match: Match) -> str:
    """Read the key of a telephone, and what hides letters of a name; else it has no sound."""
    left, rest = before(match), match.string[match.end() :]
    if (
        match[0] == "*号"
        or rest.startswith("键")
        or re.search(r"[按拨入]\s?$", left)
        or re.match(r"[\d#]", rest)
    ):
        return "星号"
    if re.search(r"[A-Za-z\d)]$", left) and re.match(r"[A-Za-z(]", rest):
        return "乘"
    return "星" if re.search(rf"[{_H}*]$", left) and re.match(rf"[{_H}*]", rest) else ""


@reader(r"#号?", Kind.SIGN)
def hash_sign(match: Match) -> str:
    left, rest = before(match), match.string[match.end() :]
    told = rest.startswith("键") or match[0] == "#号" or re.search(r"(?:[按拨入和或]\s?|[A-Za-z\d])$", left)
    return "井号" if told else ""


_CHANGED = re.compile(r"(?:[同环]比|涨幅|跌幅|增长|增幅|变化|偏差|误差|[为是到：:])\s?$")


@reader(r"\+", Kind.SIGN)
def plus(match: Match) -> str:
    if re.search(rf"[{_H}A-Za-z\d)%°+]\s?$", before(match)):
        counted = re.search(r"[\d万千百亿]$", before(match)) and unit(match.string, match.end())
        if _CHANGED.search(before(match)):
            return "正"
        return "多" if counted else "加"
    return "正" if re.match(r"\d", match.string[match.end() :]) else ""


@reader(r"_+", Kind.SIGN)
def underscore(match: Match) -> str:
    inside = re.search(r"[A-Za-z\d]$", before(match)) and re.match(r"[A-Za-z\d]", match.string[match.end() :])
    return "下划线" if inside else ""


@reader(r"\s?\|+\s?", Kind.SIGN)
def bar(match: Match) -> str:
    inside = re.search(r"[^\s，。！？；：、]\s*$", before(match)) and match.string[match.end() :].strip()
    return "，" if inside else ""


_PART = r"(?:凌晨|早上|上午|中午|下午|晚上|夜里|[早午晚])"


@reader(rf"\s?(?:~+|-|–|—(?!—))\s?(?=([{_H}]))|~+", Kind.SIGN)
def between_words(match: Match) -> str | None:
    """Read a dash between words: 到 in 三-五天 and 早上-晚上, else a pause."""
    left, rest = before(match), match.string[match.end() :]
    if not match[1] or not re.search(rf"[{_H}A-Za-z\d）)”]$", left):
        return ""
    numeral = "[一二三四五六七八九十两百千万]"
    numerals = bool(re.search(rf"{numeral}[个天年月日号点楼层室元人半]?$", left) and re.match(numeral, rest))
    places = bool(re.search(r"第\w{1,4}$", left)) and rest.startswith("第")
    parts = bool(re.search(rf"{_PART}$", left) and re.match(_PART, rest))
    return "到" if numerals or places or parts else "，"


_WORDS = {
    "=": "等于", "≠": "不等于", "≥": "大于等于", "≤": "小于等于", "±": "正负", "×": "乘",
    "÷": "除以", "&": "和",
    "∞": "无穷大", "√": "根号",
}  # fmt: skip


@reader("|".join(map(re.escape, _WORDS)), Kind.SIGN)
def sign(match: Match) -> str:
    return _WORDS[match[0]]


READERS: tuple[Reader, ...] = (
    minus,
    circled,
    roman,
    roman_letters,
    compared,
    about_equal,
    about,
    superscript,
    star,
    hash_sign,
    plus,
    underscore,
    bar,
    sign,
    between_words,
)

# -- what stands between two


_DASHES = re.compile(r"\s?(?:~+|--?|—+|–+)\s?|\s?[至到]\s?")
_TIMES = re.compile(r"\s?[x×X*]\s?(?=\d)")
_PER = re.compile(
    r"\s?[/·]\s?每?(?P<unit>(?:个?月|[年天人日次位晚间台份平周度户吨个名件套斤桌席瓶箱盒包袋本册张辆车部条块亩升米页字题课堂组班家场轮单笔趟晚夜层栋床支杯碗]|小时|分钟|季度?|学期"
    r"|课时|节课?|工位|半[年天]|工作日|公里|千米|平米|平方米)(?!末|前|后|光|益|一|二|三|四|五|六)|[A-Za-zμ]{1,5}[²³23]?(?![A-Za-z]))"
)
# A price, or a figure with a unit in letters that stay letters: 20MB.
_PAID = re.compile(r"[元块角币]\s?$|[\d零一二三四五六七八九十]\s?[万千]\s?$|\d\s?[A-Za-z]{1,4}$")
_MORE_DAYS = re.compile(r"\s?/\s?([一二三四五六日天])(?![常均历期个天日月])")


def multiplication(text: str, position: int) -> int | None:
    """Return where the second factor begins: 50*30, 7x24."""
    match = _TIMES.match(text, position)
    return match.end() if match else None


def dash(text: str, position: int) -> tuple[str, int] | None:
    """Return a dash or 至 between two figures, and its end."""
    match = _DASHES.match(text, position)
    return (match[0].strip(), match.end()) if match else None


def per(text: str, position: int, last: Item | None) -> tuple[str, int] | None:
    """Return what is said with 每 behind a slash, and its end: 元/月, 3次/天, 199/月."""
    paid = _PAID.search(text[max(0, position - 6) : position]) or (
        last is not None and last.kind is Kind.MONEY
    )
    if not paid and (last is None or last.kind not in (Kind.QUANTITY, Kind.NUMBER, Kind.PERCENT)):
        return None
    if match := _PER.match(text, position):
        latin = unit(text, match.start("unit"))
        return f"每{latin.said if latin and latin.latin else digits(match['unit'])}", match.end()
    slash = re.compile(rf"\s?/\s?(?=[{_H}A-Za-z])").match(text, position)
    return ("每", slash.end()) if slash and paid else None


def more_weekdays(text: str, position: int, last: Item | None) -> tuple[str, int] | None:
    """Return how the days behind the first are said, and their end: the /日 of 周六/日."""
    match = _MORE_DAYS.match(text, position)
    if last is None or last.kind is not Kind.WEEKDAY or not match:
        return None
    return f"、{'周' if '周' in last.said else last.said.lstrip('、')[:2]}{match[1]}", match.end()


_SLASH = re.compile(r"\s?/\s?")
_WORD_BEFORE = re.compile(rf"[{_H}A-Za-z0-9）)”%°]$")


def slash(text: str, position: int, last: Item | None) -> tuple[str, int] | None:
    """Return how a slash between two like things is said, and its end: a pause, or 或 between words."""
    match = _SLASH.match(text, position)
    if not match:
        return None
    end, left = match.end(), text[max(0, position - 6) : position]
    rest = text[end : end + 24]
    if not _WORD_BEFORE.search(left) or not re.match(rf"[{_H}A-Za-z0-9¥$€£（(“第-]", rest):
        return "", end
    if last is not None and last.kind in (Kind.TIME, Kind.DATE, Kind.WEEKDAY):
        return "，" if last.kind is Kind.TIME else "、", end
    if last is not None and (last.kind not in (Kind.WORD, Kind.SIGN) or re.match(r"[¥$€£\d]", rest)):
        return "、", end
    if re.search(r"[A-Z]$", left) and re.match(r"[A-Z]{1,3}(?![A-Za-z])", rest):
        return " ", end  # TCP/IP
    if left.endswith("和") and rest.startswith("或"):
        return "", end
    more = re.match(rf"[^/，。！？；：、\s]+/[{_H}A-Za-z]", rest)
    return "、" if more else "或", end
