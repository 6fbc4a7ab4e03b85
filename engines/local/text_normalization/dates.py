"""Dates: with and without a year, in figures and in words, and the days of the week."""

from __future__ import annotations

import re

from engines.local.text_normalization.item import Kind, Match, Reader, before, reader
from engines.local.text_normalization.numerals import cardinal, digits

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SEPARATOR = r"\s?[-~—–至到]+\s?"
# Behind 3/15, 12-31 and 10.1 these words say that it is a date.
_RIGHT = (
    r"\s?(?:之?前|之?后|止|截止|到期|为止|当[天日]|放假|大促|促销|特惠|购物节|调休|补班|休息|停业|有效|生效|开[始业幕馆工课]|结束|上线|上午|下午|早上"
    r"|晚上|中午|凌晨|期间|活动|[（(]?(?:周|星期|礼拜)[一二三四五六日天]|\d{1,2}[:点])"
)
_LEFT = re.compile(
    r"(?:截至|截止|有效期|到期|日期|时间|生日|放假|假期|活动|今天|明天|昨天|后天|元旦|春节|清明|五一|端午|中秋|国庆|双节|寒假"
    r"|暑假|周末)(?:安排|时间|日期|是|为|在|到|至|从|自|：|:|\s|（|\()*$"
)
# Behind these words 3/15 is a date too, but 10.5 is a number.
_LEFT_OF_SLASH = re.compile(r"(?:至|于|自|从|到)\s?$")


def _is_day(month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= _DAYS[int(month) - 1]


def _day(month: str, day: str) -> str:
    return f"{cardinal(month)}月{cardinal(day)}日"


@reader(r"((?:19|20)\d{2})([-/.])(\d{1,2})\2(\d{1,2})(?![\d.]\d|\d)(?:日|号)?", Kind.DATE)
def with_year(match: Match) -> str | None:
    return f"{digits(match[1])}年{_day(match[3], match[4])}" if _is_day(match[3], match[4]) else None


@reader(
    r"([1-4]\d)([-/.])(\d{1,2})\2(\d{1,2})(?![\d/.-]|\s?[\u4e00-\u9fffA-Za-z%](?<![前后起止有生到截至日号上下早晚中开]))",
    Kind.DATE,
)
def with_short_year(match: Match) -> str | None:
    # 24.1.2 is a version.
    plain = match[2] == "." and not (len(match[3]) == len(match[4]) == 2)
    return (
        None
        if plain or not _is_day(match[3], match[4])
        else f"{digits(match[1])}年{_day(match[3], match[4])}"
    )


@reader(
    r"((?:19|20)\d{2})(?:[-/](?P<month>0?[1-9]|1[0-2])|\.(?P<padded>0[1-9]|1[0-2]|[1-9](?!\d)))(?![\d/.:]|-\d{1,2}(?!\d)|\s?[年元个万人块米平%度])月?",
    Kind.DATE,
)
def year_and_month(match: Match) -> str | None:
    # 2026.3 is a month where one stands before it: 2025.12-2026.3.
    if (
        match["padded"]
        and len(match["padded"]) == 1
        and not re.search(rf"\d{{4}}\.\d{{1,2}}{_SEPARATOR}$", before(match))
    ):
        return None
    return f"{digits(match[1])}年{cardinal(match['month'] or match['padded'])}月"


@reader(
    rf"((?:19|20)\d{{2}})(?={_SEPARATOR}(?:19|20)?\d{{2}}年|年|届|款|版|级|财年|学年|赛季|[Qq][1-4]|[春夏秋冬](?![\u4e00-\u9fff]*[元]))",
    Kind.DATE,
)
def year(match: Match) -> str:
    return digits(match[1]) + ("年" if re.match(_SEPARATOR, match.string[match.end() :]) else "")


@reader(
    r"(\d{2})(?=年(?:\d{1,2}月|[底初末款春夏秋冬]|出生|毕业|入职|入学|入伍|年[底初中]|第[一二三四1-4]季度)|后(?:[一的，。！？、]|$))",
    Kind.DATE,
)
def short_year(match: Match) -> str:
    return digits(match[1])


@reader(
    r"(\d{1,2})月(?!租|费|付|供|薪|卡|嫂|子|均)(?:(?:份|底|初|末|中旬|上旬|下旬)|(\d{1,2})(?:(日|号)|(?![\d.:点日号])))?",
    Kind.DATE,
)
def month_and_day(match: Match) -> str | None:
    if int(match[1]) not in range(1, 13):
        return None
    end = f"{cardinal(match[2])}{match[3] or '日'}" if match[2] else match[0][match[0].index("月") + 1 :]
    return f"{cardinal(match[1])}月{end}"


@reader(r"(\d{1,2})(?=\s?[-~—–至到]+\s?\d{1,2}月)", Kind.DATE)
def month_of_range(match: Match) -> str:
    return cardinal(match[1])


@reader(r"(\d{1,2})(日|号(?![楼线店门院房厅码机池馆库台柜]))", Kind.DATE)
def day(match: Match) -> str | None:
    return f"{cardinal(match[1])}{match[2]}" if 1 <= int(match[1]) <= 31 else None


def _short(match: Match) -> tuple[str, str, str | None, str | None]:
    return match["month"], match["day"], match["month2"], match["day2"]


def _is_range_of_days(first: tuple[str, str], second: tuple[str, str]) -> bool:
    if not (_is_day(*first) and _is_day(*second)):
        return False
    (month, day_), (month2, day2) = map(int, first), map(int, second)
    ascending = (month, day_) < (month2, day2) or month > month2 + 6  # over the turn of the year
    return ascending and not (day_ == day2 and day_ <= 10 and month2 < day2)  # 1/3-2/3


@reader(
    rf"(?P<month>\d{{1,2}})(?P<mark>[/.])(?P<day>\d{{1,2}})(?:日|号)?{_SEPARATOR}(?P<month2>\d{{1,2}})(?P=mark)(?P<day2>\d{{1,2}})"
    rf"(?:日|号)?(?![\d/.:%]|\.\d|\s?[元块万折倍分米寸岁公千毫克升度])",
    Kind.DATE,
)
def days_from_to(match: Match) -> str | None:
    """Read 3/15-3/20; with a point only where words say that these are dates: 10.1-10.7放假."""
    first, second = (match["month"], match["day"]), (match["month2"], match["day2"])
    told = _LEFT.search(before(match)) or re.match(_RIGHT, match.string[match.end() :])
    if not _is_range_of_days(first, second) or (match["mark"] == "." and not told):
        return None
    return f"{_day(*first)}到{_day(*second)}"


@reader(
    rf"(?P<month>\d{{1,2}})(?P<mark>[-/.])(?P<day>\d{{1,2}}){_SEPARATOR}(?P<day2>\d{{1,2}})(?:日|号)(?!\d)",
    Kind.DATE,
)
def day_to_day(match: Match) -> str | None:
    month, first, second = match["month"], match["day"], match["day2"]
    if match["mark"] == "-" or not (_is_day(month, first) and _is_day(month, second)):
        return None
    return f"{_day(month, first)}到{cardinal(second)}日"


@reader(r"(?P<month>\d{1,2})(?P<mark>[-/.])(?P<day>\d{1,2})(?![\d/%:]|\.\d|-\d)(?P<suffix>日|号)?", Kind.DATE)
def month_day(match: Match) -> str | None:
    """Read a date without a year where the words around it say that it is one."""
    month, day_ = match["month"], match["day"]
    if not _is_day(month, day_):
        return None
    rest = match.string[match.end() :]
    behind = re.match(_RIGHT, rest) or (match["mark"] == "/" and re.match(r"\s?起(?!步)", rest))
    padded = match["mark"] == "-" and len(month) == len(day_) == 2 and "0" in (month[0], day_[0])
    unit = re.match(r"\s?[元块万折倍分米寸岁公千毫克升度%个天次人小点]", rest)
    left = _LEFT.search(before(match)) or (match["mark"] == "/" and _LEFT_OF_SLASH.search(before(match)))
    told = (match["suffix"] and match["mark"] != "-") or behind or padded or (left and not unit)
    return _day(month, day_) if told else None


@reader(r"(?:周|星期|礼拜)[一二三四五六日天末](?!年|天后|期)", Kind.WEEKDAY)
def weekday(match: Match) -> str:
    return match[0]


@reader(r"(周|星期|礼拜)([1-7])(?!\d|[年岁天个:.-]\d?)", Kind.WEEKDAY)
def numbered_weekday(match: Match) -> str:
    return match[1] + "一二三四五六日"[int(match[2]) - 1]


@reader(r"双\s?(11|12|10)(?!\d|[元个人层])", Kind.DATE)
def shopping_day(match: Match) -> str:
    return f"双{cardinal(match[1])}"


FIRST: tuple[Reader, ...] = (
    with_year,
    with_short_year,
    days_from_to,
    day_to_day,
    year_and_month,
    year,
    month_day,
)
READERS: tuple[Reader, ...] = (short_year, month_and_day, month_of_range, day)
