"""Written Chinese to what a speaker says: numbers, money, times, dates, telephone numbers, symbols.

::

    spoken("9:30-18:00，热线400-820-8800")    # "九点三十分到十八点，热线四零零 八二零 八八零零"

WeText does the general reading. The rules here run before it, for what it reads wrongly or not at all:
telephone and other identifying numbers, the yuan sign, ranges, ordinals with 2, bare decimals.
Latin words stay as they are; ``latin`` gives them a sound. What has none is dropped (``speakable``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

import cn2an
from wetext import Normalizer

Match = re.Match[str]

_FOLD = str.maketrans(
    {
        chr(code): chr(code - 0xFEE0)
        for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
    }
    | {
        "％": "%",
        "～": "~",
        "〜": "~",
        "－": "-",
        "−": "-",
        "／": "/",
        "＋": "+",
        "＠": "@",
        "＃": "#",
        "＊": "*",
    }
    | {"￥": "¥", "．": ".", "＝": "=", "＄": "$", "㎡": "平方米", "〇": "零", "　": " ", "\t": " "}
)
_DIGITS = "零一二三四五六七八九"
_PHONE_DIGITS = "零幺二三四五六七八九"
# Sentence punctuation is kept away from WeText, which swallows some of it. ASCII marks only outside numbers.
_BREAK = re.compile(r"([，。！？；：、…\n]+|(?<!\d)[,;!?]+|[,;!?]+(?!\d))")
_NUMBER = r"\d+(?:\.\d+)?"


# Categories of Unicode: control, format, surrogate, private, unassigned; and emoji and other pictures.
_CONTROL = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))
_PICTURES = frozenset(("So", "Sk", "Me"))
_SELECTORS = "\ufe0e\ufe0f"  # say whether the character before is shown as a picture


def spoken(text: str) -> str:
    """Return ``text`` with every figure and symbol written as it is said; sentence punctuation stays."""
    parts = _BREAK.split(_prepare(_without(text, _CONTROL)))
    said = "".join(part if index % 2 else _read_clause(part) for index, part in enumerate(parts))
    # Not before: some of these signs are read, as the one for degrees.
    return _without(said, _PICTURES)


def speakable(text: str) -> str:
    """Return ``text`` without what no voice can say: emoji and other pictures, control characters."""
    return _without(text, _CONTROL | _PICTURES)


def _without(text: str, categories: frozenset[str]) -> str:
    return "".join(
        character
        for character in unicodedata.normalize("NFC", text)
        if character in "\n\t"
        or (unicodedata.category(character) not in categories and character not in _SELECTORS)
    )


@lru_cache(maxsize=1)
def _wetext() -> Normalizer:
    return Normalizer(lang="zh", operator="tn")


def _read_clause(clause: str) -> str:
    if not re.search(r"[\d%$+=<>~-]", clause):
        return clause
    said = _wetext().normalize(clause) if re.search(r"\d", clause) else clause
    # What is still a figure here has no reading as a quantity.
    return re.sub(r"\d", lambda m: _DIGITS[int(m[0])], said)


def _prepare(text: str) -> str:
    text = re.sub(r"(?<=\d)：(?=\d)", ":", text.translate(_FOLD))
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def _digit_by_digit(digits: str) -> str:
    return "".join(_PHONE_DIGITS[int(c)] if c.isdecimal() else c for c in digits)


def _groups(match: Match) -> str:
    return " ".join(_digit_by_digit(group) for group in match.groups() if group)


def _identifier(match: Match) -> str:
    return match[1].replace("-", " ") + _digit_by_digit(re.sub(r"[ -](?=\d)", "", match[2]))


def _cardinal(digits: str) -> str:
    return cn2an.an2cn(digits, "low")


def _ordinal(match: Match) -> str:
    return f"{match[1]}{_cardinal(match[2])}{match[3]}"


def _date(match: Match) -> str:
    return f"{match[1]}年{int(match[3])}月{int(match[4])}日"


def _decimal(match: Match) -> str:
    return f"{_cardinal(match[1])}点{''.join(_DIGITS[int(c)] for c in match[2])}"


def _fraction(match: Match) -> str:
    return f"{_cardinal(match[2])}分之{_cardinal(match[1])}"


def _version(match: Match) -> str:
    return "点".join(_cardinal(part) for part in match[0].split("."))


def _money(match: Match) -> str:
    low, high, scale = match["low"], match["high"], match["scale"] or ""
    amount = f"{_plain(low)}到{_plain(high)}" if high else _plain(low)
    return f"{amount}{scale}元"


def _plain(number: str) -> str:
    """Drop the zeros after the point that only the price tag needs."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def _midnight(match: Match) -> str:
    minutes = int(match[1])
    return f"零点{'零' if 0 < minutes < 10 else ''}{f'{minutes}分' if minutes else ''}"


def _address(match: Match) -> str:
    return (
        match[0].replace("@", "艾特").replace("://", "冒号斜杠斜杠").replace(".", "点").replace("/", "斜杠")
    )


_NOT_IN_NUMBER = r"(?<![\d.])"
_NAMED_BY = (
    r"尾号|验证码|密码|工号|卡号|账号|帐号|单号|编号|合同号|票号|分机号?|邮编|号码|热线|拨打|致电|电话"
    r"|手机号?|QQ|qq"
)
_Rule = tuple[re.Pattern[str], str | Callable[[Match], str]]

# In order: each rule sees what the earlier ones left.
_RULES: list[_Rule] = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # Marks of Markdown, which a language model writes although it was asked to speak.
        (r"\*\*|__|`+", ""),
        (r"(?m)^\s*(?:[-*•]|#+)\s+", ""),
        (r"https?://", ""),
        (
            r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+\.[A-Za-z]+|\b(?:[A-Za-z0-9-]+\.)+(?:com|cn|net|org|io|ai)\b(?:/[\w/]*)?",
            _address,
        ),
        (r"(?<=\d),(?=\d{3}(?!\d))", ""),
        # Telephone numbers.
        (r"(?<!\d)(?:\+?86[- ]?)?(1[3-9]\d)[- ]?(\d{4})[- ]?(\d{4})(?!\d)", _groups),
        (r"(?<!\d)([48]00)[- ]?(\d{3})[- ]?(\d{4})(?![\d元])", _groups),
        (r"(?<!\d)([48]00)-(\d{4})-?(\d{3})(?![\d元])", _groups),
        (r"(?<!\d)\(?(0\d{2,3})(?:\)|[- ]) ?(\d{3,4})[- ]?(\d{4})(?!\d)", _groups),
        # Other figures that name something.
        (
            rf"((?:{_NAMED_BY})(?:是|为|:|：|\s)*)(\d[\d -]*\d)(?![\d.]*[元个位次天年月日%])",
            _identifier,
        ),
        (r"(转)(\d{3,})", _identifier),
        (r"([A-Za-z]-?)(\d{3,})(?![\d.]|[A-Za-z])", _identifier),
        (r"(?<![\d:.])()(\d{3,4})(?=室|房间|号房|会议室|教室|办公室|包间|包厢|活动|大促)", _identifier),
        (rf"{_NOT_IN_NUMBER}()(0\d{{2,}}|\d{{9,}})(?![\d.元:])", _identifier),
        (r"(?<=[A-Za-z])-(?=\d)", " "),
        (r"\bNo\.?\s?(\d+)", r"\1号"),
        # Dates and times.
        (r"(?<!\d)((?:19|20)\d{2})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)", _date),
        (r"(?<!\d)0?0:([0-5]\d)(?![\d:])", _midnight),
        (r"(\d{4})\s?[-~—]+\s?(\d{4})年", r"\1年到\2年"),
        # Money.
        (r"US(?=\$)", ""),
        (rf"HK\$\s?({_NUMBER})", r"\1港元"),
        (
            rf"[¥]\s?(?P<low>{_NUMBER})(?:\s?[-~—至到]+\s?[¥]?\s?(?P<high>{_NUMBER}))?\s?(?P<scale>万|亿|千)?元?",
            _money,
        ),
        (rf"(?:RMB|CNY)\s?({_NUMBER})", r"\1元"),
        (rf"({_NUMBER})\s?(?:RMB|CNY)\b", r"\1元"),
        (r"(\d+\.\d*?)0+(?=[元块])", r"\1"),
        (r"(\d+)\.(?=[元块])", r"\1"),
        (r"(?<=[元万块角人月年天个])\s?/\s?(?=[\u4e00-\u9fffA-Za-z])", "每"),
        (r"(?<=\d)\s?/\s?(?=[月年天日人次位晚间台份平周小度])", "每"),
        (r"(?<=[平方]米)\s?[/·]\s?(?=[\u4e00-\u9fff])", "每"),
        # Ranges, products, signs.
        (r"(?<![\d\w])-(?=\d+[层楼])", "负"),
        (rf"({_NUMBER})\s?‰", r"千分之\1"),
        (rf"({_NUMBER})%?\s?[-~—–]+\s?({_NUMBER})%", r"\1%到\2%"),
        (r"(?<=[\d年月日号点分元块万千百个人天度℃%])\s?[-~—–]+\s?(?=[¥$]?\d)", "到"),
        (r"(?<=\d)\s?[x×X*]\s?(?=\d)", "乘"),
        (r"24/7", "七乘二十四小时"),
        (r"(?<![\d/.])(\d{1,3})/(\d{1,3})(?![\d/])", _fraction),
        (r"#号?(?=键)|(?<=按)#号?", "井号"),
        (r"\*号?(?=键)|(?<=按)\*号?", "星号"),
        (r"(?<=[\dA-Za-z万千百亿])\+", "加"),
        (r"±", "正负"),
        (r"≥|>=", "大于等于"),
        (r"≤|<=", "小于等于"),
        (r"&", "和"),
        (r"m²|m2\b", "平方米"),
        # Where WeText takes a name for a quantity (2 as 两) or a date.
        (r"()(?<![\d.])(\d\d)(?=折)", _identifier),
        (r"(第)(\d+)()", _ordinal),
        (r"()(?<!\d)(\d{1,2})(月(?!\d))", _ordinal),
        (r"((?:月)?)(?<![\d.])(\d{1,2})(日|号)", _ordinal),
        (r"()(?<![\d.])(\d{1,4})(单元|号楼|楼|层|栋|幢|座|期|级|班|号线|路)", _ordinal),
        (r"(?<![\d.第])2(?=年(?!级)|份|张|台|间|晚|站|名|种|项|公斤|次(?!方|元)|倍|遍|册|步|轮|英寸)", "两"),
        (r"(?<![\d.])\d+(?:\.\d+){2,}(?![\d.])", _version),
        (r"(?<![\d.$])(\d+)\.(\d+)(?![\d.A-Za-z%℃°]|平方)", _decimal),
    )
]
