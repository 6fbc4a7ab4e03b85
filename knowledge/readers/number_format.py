"""Excel's number formats: a number or a day to the text that Excel shows.

::

    formatted(1012345678, "00000000000")                 # "01012345678"
    formatted(199, '"¥"#,##0.00')                        # "¥199.00"
    formatted(datetime(2021, 10, 1), "m/d")              # "10/1"
    formatted("底价60元", ";;;")                          # "": shown as nothing

Sections, conditions, literals, currencies, thousands, scaling, percent, exponents, days, times and elapsed
times follow Excel. Colours and padding are dropped; fractions are written as decimals. Where Excel's own
rules would be read aloud badly they yield: seconds that are zero are dropped, and so is midnight behind a
day.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

# Excel itself shows no more.
DIGITS = 15
WEEKDAYS = "一二三四五六日"
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
# What these built-in formats look like depends on the system; this is the Chinese one.
LOCAL = {
    "mm-dd-yy": "yyyy/m/d",
    "m/d/yy h:mm": "yyyy/m/d h:mm",
    "d-mmm-yy": "d-mmm-yy",
}
TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?'
    r"|\\(?P<escaped>.)"
    r"|_.|\*."
    r"|\[\$(?P<currency>[^\]-]*)[^\]]*\]"
    r"|\[(?P<elapsed>h+|m+|s+)\]"
    r"|\[(?P<bracket>[^\]]*)\]"
    r"|(?P<general>General|G/通用格式)"
    r"|(?P<meridiem>AM/PM|A/P|上午/下午)"
    r"|(?P<exponent>E[+-](?=[0#?]))"
    r"|(?P<fraction>\.0+(?=\W*$|\]))"
    r"|(?P<part>y+|m+|d+|h+|s+|a{3,4}|e+|g+|b+)"
    r"|(?P<digits>[0#?.,]+)"
    r"|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
CONDITION = re.compile(r"\[(<=|>=|<>|<|>|=)(-?[\d.]+)\]")


def formatted(value: object, code: str) -> str:
    """Return the text of a value of a cell by the cell's number format."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, str):
        return text_by(value, code)
    if isinstance(value, int | float):
        return number_by(value, code)
    if isinstance(value, datetime | date | time | timedelta):
        return moment_by(value, code)
    return str(value)


@lru_cache(maxsize=1000)
def sections(code: str) -> tuple[str, ...]:
    """Return the parts between semicolons that are not quoted."""
    found = re.findall(r'((?:"[^"]*"?|\\.|\[[^\]]*\]|[^;"\\\[])*)(?:;|$)', code)
    # A match of nothing ends each search; it is a section only behind a semicolon.
    return tuple(found[:-1] if len(found) > 1 and not code.endswith(";") else found)[:4]


def text_by(value: str, code: str) -> str:
    """Return a text by its own section: the fourth, or one that holds an @."""
    parts = sections(code or "General")
    own = parts[3] if len(parts) == 4 else next((part for part in parts if "@" in unquoted(part)), None)
    if own is None:
        return value
    return "".join(
        value if found["other"] == "@" else literal(found) for found in TOKEN.finditer(own)
    ).strip()


def unquoted(part: str) -> str:
    return re.sub(r'"[^"]*"?|\\.|\[[^\]]*\]', "", part)


def number_by(value: float, code: str) -> str:
    """Return a number by the section that its sign or size chooses."""
    parts = sections(code or "General")
    part, signed = section_of(value, parts)
    return number_in(value if signed else abs(value), part)


def section_of(value: float, parts: tuple[str, ...]) -> tuple[str, bool]:
    """Return the section for a number, and whether the sign is still to be written."""
    numeric = parts[:3]
    conditions = [CONDITION.search(part) for part in numeric]
    if any(conditions):
        for part, condition in zip(numeric, conditions, strict=True):
            if condition is None or holds(value, condition[1], float(condition[2])):
                return part, True
        return numeric[-1], True
    if value < 0 and len(numeric) > 1:
        return numeric[1], False
    if value == 0 and len(numeric) > 2:
        return numeric[2], False
    return numeric[0], True


def holds(value: float, sign: str, limit: float) -> bool:
    return {
        "<": value < limit,
        "<=": value <= limit,
        ">": value > limit,
        ">=": value >= limit,
        "=": value == limit,
        "<>": value != limit,
    }[sign]


def literal(found: re.Match[str]) -> str:
    """Return what a token writes whatever the value."""
    return found["quoted"] or found["escaped"] or found["currency"] or found["other"] or ""


def number_in(value: float, part: str) -> str:
    """Return a number by one section."""
    tokens = list(TOKEN.finditer(part))
    bare = unquoted(part)
    # A section without a place for digits, such as the empty one, shows its words only.
    if not any(found["general"] or found["digits"] or found["fraction"] for found in tokens):
        return "".join(map(literal, tokens)).strip() if "@" not in bare else plain(value)
    if "/" in bare and "?" in bare:
        return plain(value)
    scaled = Decimal(f"{value:.{DIGITS}g}") * (100 ** bare.count("%"))
    runs = [found["digits"] or found["fraction"] or "" for found in tokens]
    if any(found["exponent"] for found in tokens):
        places = next(run for run in runs if run).partition(".")[2]
        return f"{float(scaled):.{len(places)}E}"
    run = "".join(runs)
    scaled /= 1000 ** (len(run) - len(run.rstrip(",")))
    if any(found["general"] for found in tokens):
        bodies = [plain(float(abs(scaled))) if found["general"] else "" for found in tokens]
    else:
        bodies = shared(digits_by(abs(scaled), run), runs)
    written = [body or literal(found) for body, found in zip(bodies, tokens, strict=True)]
    negative = scaled < 0 and any(digit in "123456789" for digit in "".join(bodies))
    return ("-" if negative else "") + "".join(written).strip()


def shared(digits: str, runs: list[str]) -> list[str]:
    """Return the digits cut to the runs they are written in, as in 000-0000-0000."""
    whole, point, part = digits.partition(".")
    bodies = [""] * len(runs)
    filled = [position for position, run in enumerate(runs) if any(mark in run for mark in "0#?")]
    for position in reversed(filled):
        places = sum(runs[position].partition(".")[0].count(mark) for mark in "0#?")
        cut = 0 if position == filled[0] else max(len(whole) - places, 0)
        bodies[position], whole = whole[cut:], whole[:cut]
    if filled:
        bodies[filled[-1]] += point + part
    return bodies


def digits_by(value: Decimal, run: str) -> str:
    """Return digits by a run of 0, #, ?, comma and point: "1,299.00" by "#,##0.00"."""
    whole_code, _point, part_code = run.rstrip(",").partition(".")
    places = sum(part_code.count(mark) for mark in "0#?")
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    whole, _point, part = f"{rounded:f}".partition(".")
    least = part_code.rfind("0") + 1
    part = part[:least] + part[least:].rstrip("0")
    whole = whole.lstrip("0").rjust(whole_code.count("0"), "0")
    if "," in whole_code:
        whole = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",", whole)
    return f"{whole or ('' if part else '0' if '0' in whole_code else '')}{'.' + part if part else ''}"


def plain(value: float) -> str:
    """Return a number without needless decimals or exponent: 8.0 is 8."""
    text = f"{Decimal(f'{value:.{DIGITS}g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment_by(value: datetime | date | time | timedelta, code: str) -> str:
    """Return a day, a time of day, or a length of time."""
    part = sections(code)[0] if code and code != "General" else ""
    part = LOCAL.get(re.sub(r";@$", "", part), part)
    if not any(found["part"] or found["elapsed"] for found in TOKEN.finditer(part)):
        part = default_of(value)
    moment, seconds = split_moment(value)
    tokens = without_zero(list(TOKEN.finditer(part)), value)
    half_day = any(found["meridiem"] for found in tokens)
    written = []
    for position, found in enumerate(tokens):
        if found["elapsed"]:
            written.append(elapsed(found["elapsed"].lower(), seconds))
        elif found["meridiem"]:
            names = found["meridiem"].split("/")
            written.append(names[moment.hour >= 12])
        elif found["part"]:
            written.append(part_of(moment, found["part"].lower(), is_minute(tokens, position), half_day))
        elif found["digits"] or found["fraction"]:
            written.append("" if found["fraction"] else found["digits"])
        else:
            written.append("" if found["other"] == "@" else literal(found))
    return "".join(written).strip()


def default_of(value: datetime | date | time | timedelta) -> str:
    if isinstance(value, timedelta):
        return "[h]:mm:ss"
    if isinstance(value, time):
        return "h:mm:ss"
    return "yyyy-mm-dd h:mm:ss" if isinstance(value, datetime) else "yyyy-mm-dd"


def split_moment(value: datetime | date | time | timedelta) -> tuple[datetime, int]:
    """Return the value as a moment, and as seconds of a length of time."""
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return datetime(1900, 1, 1) + timedelta(seconds=seconds % 86_400), seconds
    if isinstance(value, time):
        value = datetime.combine(date(1900, 1, 1), value)
    elif not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return value, value.hour * 3600 + value.minute * 60 + value.second


def without_zero(tokens: list[re.Match[str]], value: object) -> list[re.Match[str]]:
    """Return the tokens without seconds that are zero, and without midnight behind a day."""
    parts = [(found["part"] or found["elapsed"] or "").lower()[:1] for found in tokens]
    zero_seconds = isinstance(value, timedelta) and round(value.total_seconds()) % 60 == 0
    zero_seconds |= isinstance(value, datetime | time) and value.second == 0
    midnight = isinstance(value, datetime) and value.time() == time()
    if midnight and "h" in parts and "s" in parts and set(parts[: parts.index("h")]) & {"y", "d"}:
        return tokens[: parts.index("h")]
    if zero_seconds and "s" in parts and set(parts) & {"h", "m"}:
        last = parts.index("s")
        if last and tokens[last - 1]["other"] == ":":
            return tokens[: last - 1] + tokens[last + 1 :]
    return tokens


def is_minute(tokens: list[re.Match[str]], position: int) -> bool:
    """Whether an m stands for minutes: behind hours, or before seconds."""
    around = [(found["part"] or found["elapsed"] or "").lower()[:1] for found in tokens]
    before = next((name for name in reversed(around[:position]) if name), "")
    after = next((name for name in around[position + 1 :] if name), "")
    return before == "h" or after == "s"


def elapsed(part: str, seconds: int) -> str:
    size = {"h": 3600, "m": 60, "s": 1}[part[0]]
    return str(seconds // size).rjust(len(part), "0")


def part_of(moment: datetime, part: str, minute: bool, half_day: bool) -> str:
    """Return a year, month, day, weekday, hour, minute or second, as long as its letters say."""
    kind, length = part[0], len(part)
    if kind in "ye":
        return f"{moment.year}" if kind == "e" or length > 2 else f"{moment.year % 100:02}"
    if kind == "a":
        return ("星期" if length == 4 else "周") + WEEKDAYS[moment.weekday()]
    if kind == "d" and length > 2:
        return DAYS[moment.weekday()][: 3 if length == 3 else None]
    if kind == "m" and length > 2 and not minute:
        return MONTHS[moment.month - 1][: {3: 3, 5: 1}.get(length)]
    hour = (moment.hour % 12 or 12) if half_day else moment.hour
    month = moment.minute if minute else moment.month
    number = {"m": month, "d": moment.day, "h": hour, "s": moment.second}.get(kind)
    return "" if number is None else str(number).rjust(min(length, 2), "0")
