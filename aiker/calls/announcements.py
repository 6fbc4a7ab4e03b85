"""Words that are nobody's turn: announcements of a telephone system, hesitations. Pure.

::

    is_announcement("请稍候，正在为您转接。")     # True
    is_hesitation("嗯。")                        # True
    repeats = Repeats()
    repeats.again("您好这里是前台总机")          # False; True the third time in a row: nobody talks like that
    repeats.take("您好这里是前台总机")           # the turn is over
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from aiker.calls.manners import by_sound

_MARKS = re.compile(r"[\W_]+")
_KEY = "(?:[0-9零一二三四五六七八九]|井|星|米字)"
_BUSY = "(?:正?忙|全忙|繁忙|忙线|占线)"

_ANNOUNCEMENT = (
    "(?:正在|即将|马上|现在)(?:为|帮|给)您(?:转接|接通|连接|呼叫|接入|连线)|"
    "(?:为|帮)您转接(?:中|至|到)|电话(?:正在)?(?:转接|接通)中|"
    "请稍[候等](?:片刻)?(?:正在|马上|我们将|系统|为您|您的)|"
    "您(?:所)?(?:拨打?|呼叫)的(?:电话|号码|用户|客户|分机)|"
    "(?:用户|对方|您呼叫的人)?(?:已关机|暂时无法接通|暂时无人接听|正在通话中|不在服务区)|"
    "请(?:不要|勿|别)(?:挂机|挂断)|请(?:您)?(?:耐心等待|持机等[待候]|保持(?:在线|通话))|"
    "欢迎(?:您)?(?:致电|拨打|来电)|感谢(?:您)?(?:致电|拨打|来电|的?耐心等待)|"
    f"请(?:直接)?按{_KEY}|按{_KEY}(?:号|字)?键|{_KEY}请按|请(?:直接)?(?:拨|输入)(?:分机|密码|您的)|"
    f"(?:坐席|座席|客服(?:人员|代表)?|人工|话务员|线路)(?:目前|现在|暂时|均|都|正)*{_BUSY}|"
    "(?:前面|当前|目前)(?:还)?有.{0,3}(?:位|个)(?:客户|用户|人)(?:正)?(?:在)?(?:排队|等[待候])|"
    "(?:提示音|嘀声|滴声|哔声)(?:之?后)?(?:请)?(?:留言|录音)|请(?:在)?.{0,8}(?:后|之后)留言|"
    "本次(?:通话|服务)(?:将|可能)?(?:会)?(?:被)?录音|通话(?:将|可能)(?:会)?(?:被)?录音"
)
_ENGLISH = (
    r"please (?:hold|stay on the line|wait while)|your call is (?:very )?important|"
    r"thank you for (?:calling|holding)|"
    r"press (?:\d|one|two|three|zero|pound|star)\b|"
    r"the (?:number|person|subscriber) you (?:have dialed|are calling)|"
    r"(?:leave|record) (?:a|your) message|(?:all|our) (?:agents|operators|lines) are"
)
# Who tells of an announcement, or asks, says so in the first person.
_CALLER = by_sound("我(?!们|司|行|公司)|你们?|怎么|为什么|多少|吗$")
_HEARD = re.compile(by_sound(_ANNOUNCEMENT))
_SPOKEN_BY_CALLER = re.compile(_CALLER)
_HEARD_ENGLISH = re.compile(_ENGLISH, re.IGNORECASE)

# 嗯嗯 is heard as 您呢.
_HESITATION = re.compile(r"[嗯恩呃额啊哦噢喔唔哎诶欸唉]+|您呢|m{2,}|hm+|um+|uh+|n{2,}|[oa]h", re.IGNORECASE)

LEAST_REPEATED = 8  # syllables: 转人工 is said again by callers too
ALIKE = 0.85
TIMES = 3


def is_announcement(text: str) -> bool:
    """Whether a recording or an exchange says ``text``, rather than a person to a person."""
    if _HEARD_ENGLISH.search(text):
        return True
    said = _sounds(text)
    return bool(_HEARD.search(said)) and not _SPOKEN_BY_CALLER.search(said)


def is_hesitation(text: str) -> bool:
    """Whether ``text`` has no word, though a sound was made: 嗯, 啊; 啊？ asks what was said."""
    return not text.rstrip().endswith(("？", "?")) and bool(_HESITATION.fullmatch(_MARKS.sub("", text)))


class Repeats:
    """Notices an utterance that is said again and again, nearly word for word."""

    def __init__(self) -> None:
        self._last = ""
        self._times = 0

    def again(self, text: str, times: int = TIMES) -> bool:
        """Whether an utterance would be the same for the ``times``-th time in a row."""
        return self._times + 1 >= times and self._same(_sounds(text))

    def take(self, text: str) -> None:
        """Take an utterance that was said."""
        said = _sounds(text)
        self._times = self._times + 1 if self._same(said) else 1
        self._last = said

    def _same(self, said: str) -> bool:
        return len(said) >= LEAST_REPEATED and SequenceMatcher(None, self._last, said).ratio() >= ALIKE


def _sounds(text: str) -> str:
    return by_sound(_MARKS.sub("", text))
