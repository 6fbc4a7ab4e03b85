"""What a caller's sentence asks: its parts, what it takes back, the day it speaks of. Pure.

::

    parts_of("四人间和八人间各多少钱")                # ("四人间多少钱", "八人间多少钱")
    parts_of("能不能停车，能带狗吗")                  # ("能不能停车", "能带狗吗")
    without_denied("不是流动工位，我问的是固定工位")    # ("固定工位", "流动工位")
    on_weekday("明天几点开门", date(2026, 1, 2))      # "周六几点开门"

A small embedding model finds one topic in a sentence, and a word that is taken back as well as one that is
meant: so each part is searched by itself, without what the caller denies.
"""

from __future__ import annotations

import datetime
import re

from knowledge.grounding.days import days_in
from knowledge.heard import plain

WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
MAX_PARTS = 3
MIN_PART_CHARS = 3

# What makes a piece of a sentence a question of its own.
ASKS = re.compile(
    r"吗|呢|么$|多少|几|什么|啥|哪|怎么|咋|如何|多久|多大|多长|多快|多远|谁|能不能|可不可以|能否|是否|有没有|是不是|要不要|"
    r"用不用|行不行|可以不|能不|支不支持|收不收|让不让|该找|(?:电话|地址|价格|费用|时间)(?:是)?$"
)
_BOUNDARY = re.compile(
    r"[，,。？?；;！!、]+|(?:还有就是|还有|另外|顺便(?:问一下|问问|问)?|再问一下|再问|同时)(?:[，,：]|就是)?"
)
_SHARED = re.compile(
    r"^(?P<head>.*?)(?P<first>[^，。、的和跟与]{1,8})(?:和|跟|与|还有|、)(?P<second>[^，。、]{1,8}?)"
    r"(?:各自?|分别|各要|都)(?:是|要|得)?(?P<asked>.+)$"
)
_CONNECTIVE = re.compile(r"^(?:那么?|然后|以及|并且|而且|和|跟|也|再)(?=.{3})")

_COURTESY = re.compile(
    r"(?:请问|麻烦|[你您]好|喂|帮忙?|给|替|能不能|可不可以|能否|可以|能|想要?|要|我们?|[你您]们?|查|看|问|说|讲|告诉|介绍|了解|咨询|"
    r"打听|知道|清楚|一下|下|点|吗|呢|么|吧|啊|呀|的|了|有没有|有|[几两一]?个|问题|事情?|什么|怎么|回事|是不是|是|不|在|方便|好|"
    r"那|这|就|再|还|都|对|行|谢谢|听|得|到|懂|明白|意思)+"
)

_SAID = "(?:问|说|要|指|找|讲)"
_DENIED = (
    # 不是X，我问的是Y; 我问的不是X，是Y; 我不要X，就Y
    re.compile(
        rf"^.*?(?:不是|不要|不问|没问|别说|不用|不{_SAID})(?:{_SAID})?(?P<no>[^，,。]{{1,12}})[，,。]\s*"
        rf"(?:而是|我?(?:是)?{_SAID}的?(?:就)?(?:是)?|是|要|就|只)(?P<yes>[^，,。].*)$"
    ),
    # 我说的是X，不是Y[，多少钱]
    re.compile(
        rf"^(?:.*?{_SAID}的是)?(?P<yes>[^，,。]+)[，,](?:可?不|没)(?:是|要|{_SAID})(?P<no>[^，,。吗呢]{{1,12}})(?P<more>[，,].+)?[。]?$"
    ),
)
_HESITATION = re.compile(r"^(?:(?:不对|错了|哎|啊|嗯|诶)+[，,]?\s*|不是[，,]\s*)+(?=.{4})")
_WORKDAY = re.compile(r"(?<![到至\-~])(?:周|星期|礼拜)[一二三四五](?![到至\-~])")
_HOLIDAY = re.compile(
    r"(?:法定)?(?:春节|元旦|清明节?|五一|劳动节|端午节?|中秋节?|国庆节?|十一(?=放假|期间|那|上班|开|假)|除夕|大年[初三]\w|过年)"
    r"(?:那几天|那天|期间|当天|假期|长假|放假)?"
)
COMMON_WORDS = """
钟头 小时 座机 电话 wifi 无线网 wi-fi 无线网 网址 官网 房租 租金 位子 座位 掉了 丢失 抽烟 吸烟 扫地 保洁
打扫卫生 保洁 开票 开发票 名头 抬头 分店 门店 礼拜天 周日 星期天 周日 礼拜 周 星期 周
"""
_PAIRS = COMMON_WORDS.split()
_COMMON_WORDS = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True))
_SPOKEN = re.compile("|".join(_COMMON_WORDS), re.IGNORECASE)
_DAY = re.compile(r"(?P<day>大后天|后天|明天|今天|今晚|今儿|明儿|现在|这会儿|此刻|目前)")
OFFSETS = {"大后天": 3, "后天": 2, "明天": 1, "明儿": 1}
"""Days from today."""
_DAYS = (
    "(?:工作日|周末|双休日|(?:周|星期|礼拜)[一二三四五六日天](?:[到至](?:周|星期|礼拜)?[一二三四五六日天])?)"
)
_EXCEPTED = re.compile(
    rf"(?:除了?|除去|除开|不算|不含|不包括|抛开|撇开){_DAYS}(?:以外|之外|外)?(?!都|也)"
    rf"|{_DAYS}(?:除外|以外|之外|不算|不谈|不说)"
)
_GROUPS = {"工作日": set(range(5)), "周末": {5, 6}}
_OPENING = re.compile(
    r"开门|关门|开着|开不开|上班|下班|营业|有人|在线|接听|接待|休息|开放|打烊|值班|几点|开吗|开没开|过来|过去|办理|放假|还在"
)


def parts_of(question: str) -> tuple[str, ...]:
    """Return the questions of a sentence, in order, at most three; the sentence itself when it is one."""
    if shared := _SHARED.match(question):
        head, asked = shared["head"], shared["asked"]
        return tuple(f"{head}{name}{asked}" for name in (shared["first"], shared["second"]))
    parts: list[str] = []
    waiting = ""
    for piece in _BOUNDARY.split(question):
        piece = _CONNECTIVE.sub("", piece.strip())
        if not piece:
            continue
        whole = f"{waiting}，{piece}" if waiting else piece
        if ASKS.search(piece) and (len(plain(piece)) >= MIN_PART_CHARS or has_topic(piece)):
            parts.append(whole)
            waiting = ""
        else:
            waiting = whole
    if waiting and parts:
        parts[-1] = f"{parts[-1]}，{waiting}"
    return tuple(parts[:MAX_PARTS]) if len(parts) > 1 else (question,)


def has_topic(part: str) -> bool:
    """Whether a part of a sentence asks about something, not only to be heard or helped: 能帮我查一下吗."""
    return not _COURTESY.fullmatch(re.sub(r"[\W_]+", "", part))


def without_denied(question: str) -> tuple[str, str]:
    """Return the question without what the caller denies, and what that is; "" when it is nothing."""
    question = _HESITATION.sub("", question)
    for pattern in _DENIED:
        if (match := pattern.match(question)) and len(match["yes"]) >= 2:
            more = match.groupdict().get("more") or ""
            return match["yes"] + more, match["no"]
    return question, ""


def without_excepted_days(question: str) -> str:
    """Return the question with the days that are left when it excepts some: 除了周末几点开门 asks of 工作日.

    Days that it names beside them are what it asks about.
    """
    match = _EXCEPTED.search(question)
    if not match:
        return question
    rest = question[: match.start()] + question[match.end() :].lstrip("，, ")
    if days_in(rest):
        return rest
    left = set(range(7)) - days_in(match[0])
    group = next((name for name, days in _GROUPS.items() if left == days), "")
    return question[: match.start()] + group + question[match.end() :].lstrip("，, ") if group else question


def on_weekday(question: str, today: datetime.date) -> str:
    """Return a question about opening hours with the weekday instead of "today", "now" or "tomorrow"."""
    found = _DAY.search(question)
    if not found or not _OPENING.search(question):
        return question
    day = WEEKDAYS[(today.weekday() + OFFSETS.get(found["day"], 0)) % 7]
    return question[: found.start()] + day + question[found.end() :]


def in_common_words(question: str) -> str:
    """Return the question with the words of entries for those of callers.

    工作日 for a day of Monday to Friday, 节假日 for a holiday, 小时 for 钟头.
    """
    question = _HOLIDAY.sub("节假日", _WORKDAY.sub("工作日", question))
    return _SPOKEN.sub(lambda found: _COMMON_WORDS[found[0].lower()], question)


def day_word(question: str) -> str:
    """Return the word by which a question names a day relative to today; empty: none."""
    found = _DAY.search(question)
    return found["day"] if found else ""
