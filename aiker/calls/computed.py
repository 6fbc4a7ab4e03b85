"""What a caller asks that no entry knows and the clock does: the time, the day, whether it is open now. Pure.

::

    clock_answer("今天星期几", now)                 # "今天是1月2日，周五。"
    day_spoken_of("明天几点开门", now)              # "明天是周六。": said before the hours of that day
    open_now("现在上班吗", "周六开门，前台10点到16点有人。", now)     # "现在是周六9点05分，还没到时间。"
    clock_facts(now)                                # what the language model is told

``now`` is local time (a datetime with the installation's time zone).
"""

from __future__ import annotations

import datetime
import re

from knowledge.grounding.days import days_in
from knowledge.question_forms import OFFSETS, WEEKDAYS, day_word, on_weekday

_ASIDE = (
    r"(?:请问|那|我想问一下|麻烦问一下|帮我?看(?:一?下)?(?:时间|日期)?|告诉我|你好|您好|喂|"
    r"来着|啊|呀|呢|了|啦|吗|哦|[，。？！,.?! ])*"
)
_DAY = r"(?P<day>今天|今儿|明天|明儿|后天|大后天|现在|这会儿)?(?:是)?"
_TIME = re.compile(rf"{_ASIDE}(?:现在|这会儿|当前)?(?:是)?(?:几点钟?|什么时间|什么时候)(?:了|啦)?{_ASIDE}")
_WEEKDAY = re.compile(rf"{_ASIDE}{_DAY}(?:周|星期|礼拜)几{_ASIDE}")
_DATE = re.compile(rf"{_ASIDE}{_DAY}(?:几月几号|几号|几月几日|什么日子|多少号){_ASIDE}")
_NOW = re.compile(r"现在|这会儿|此刻|目前|还(?:有人|开|在|上班|营业)|(?:关门|下班|打烊)了(?:吗|没)")
_AT = re.compile(r"[\d一二三四五六七八九十两]点")  # another time than now is asked about
_HOURS = re.compile(
    r"(\d{1,2})(?:点|[:：])(\d{2}|半)?(?:分)?(?:到|至|-|—|~|～)(\d{1,2})(?:点|[:：])(\d{2}|半)?"
)


def clock_answer(question: str, now: datetime.datetime) -> str:
    """Return the answer to a question for the time or the day; empty: it asks something else."""
    if _TIME.fullmatch(question):
        return f"现在是{time_words(now)}。"
    if match := _WEEKDAY.fullmatch(question) or _DATE.fullmatch(question):
        word = match["day"] if match["day"] not in (None, "现在", "这会儿", "今儿") else "今天"
        day = now.date() + datetime.timedelta(days=OFFSETS.get(word, 0))
        return f"{word}是{day.month}月{day.day}日，{WEEKDAYS[day.weekday()]}。"
    return ""


def day_spoken_of(question: str, now: datetime.datetime) -> str:
    """Return which day a question for opening hours speaks of; empty: it names none that must be computed."""
    if on_weekday(question, now.date()) == question:
        return ""
    word = day_word(question)
    weekday = WEEKDAYS[(now.weekday() + OFFSETS.get(word, 0)) % 7]
    return f"{word}是{weekday}。" if word in OFFSETS else f"今天是{weekday}。"


def open_now(question: str, hours: str, now: datetime.datetime) -> str:
    """Return whether it is open now, by an entry's hours; empty: not asked, or not one range of hours of
    this day."""
    ranges = _HOURS.findall(hours)
    if (
        not _NOW.search(question)
        or _AT.search(question)
        or len(ranges) != 1
        or not holds_on(hours, now.weekday())
    ):
        return ""
    begin, end = (_minutes(*ranges[0][i : i + 2]) for i in (0, 2))
    at = now.hour * 60 + now.minute
    state = "还没到时间" if at < begin else "已经过了时间" if at >= end else "在这个时间内"
    return f"现在是{WEEKDAYS[now.weekday()]}{time_words(now)}，{state}。"


def holds_on(hours: str, weekday: int) -> bool:
    """Whether hours are those of a weekday (0: Monday); where their text names no day, of every one."""
    return not (days := days_in(hours)) or weekday in days


def clock_facts(now: datetime.datetime) -> str:
    """Return date, weekday and time for the language model."""
    return f"今天是{now.year}年{now.month}月{now.day}日{WEEKDAYS[now.weekday()]}，现在是{time_words(now)}"


def time_words(now: datetime.datetime) -> str:
    """Return a time of day as it is said: 9点整, 15点05分."""
    return f"{now.hour}点{now.minute:02}分" if now.minute else f"{now.hour}点整"


def _minutes(hour: str, minute: str) -> int:
    return int(hour) * 60 + (30 if minute == "半" else int(minute or 0))
