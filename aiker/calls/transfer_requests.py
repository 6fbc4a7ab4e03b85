"""Requests for a person, offers of one, and anger: what is said about a transfer. Pure.

::

    asks_for_person("我要退款你给我转人工")            # True
    asks_for_person("转人工要等多久")                 # False: a question about it
    offers_transfer("这个需要为您转人工确认吗？")        # True
    offers_transfer("这里不能转人工。")                # False
    without_offer("这个我不太清楚，需要为您转人工吗？")   # "这个我不太清楚。"
    is_angry("你们什么破机器人")                      # True

Utterances come from speech recognition: punctuation is unreliable, and 赚人工 is 转人工.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

PRESSED_FOR_PERSON = "转人工"
"""What a caller asks for who presses the key of the transfer."""

NO_OFFER_LEFT = "抱歉，这个我不太清楚。"
"""Said instead of a sentence that was nothing but an offer."""

MAX_HOTLINE_CHARS = 80
"""What is longer is about something else, and names a number by the way."""

_NUMBER = re.compile(r"\d[\d-]{4,}\d")
_STAFFED = re.compile(r"热线|客服|人工|服务电话")
_CLAUSE_MARKS = re.compile(r"[，。！？、；,.!?;…\n]+")
_IGNORED = re.compile(r"[\s\"“”'‘’~～—-]+")
_HOMOPHONES = re.compile(r"[赚专砖传钻](?=(?:一下|接)?(?:到|给)?(?:人工|仁工|人公))|仁工|人公(?=$|客服|服务)")

_HUMAN = "(?:人工(?:客服|服务|坐席|座席|台|专线)?|(?:真人|大?活人)(?:客服)?)"
"""Words that mean a person and nothing else."""
_STAFF = (
    "(?:客服(?:人员|专员|代表|经理)?|工作人员|坐席|座席|接线员|话务员|专员|经理|主管|领导|负责人|老板|店长|"
    "同事|管事儿?的人?|能管事儿?的人?|能做主的人?|说得上话的人?|懂的人|会说人话的)"
)
_PLACE = "(?:(?:前台|总机|售后|售前|销售|财务|技术支持)(?:部门?|人员|那边)?|[一-鿿]{1,4}(?:部门?|中心|科))"
_SOMEBODY = "(?:个人|别人|其他人|另外一个人|别的人)"
_ANY = f"(?:(?:{_HUMAN}|{_STAFF})(?:那边|那里|那儿|部门?)?)"

_TO = "(?:接|到|给|成|通|一下|下|去|过去|个|一个|位|一位|你们?|您|们|我|的|那边|这边|那个|这里|回|至|交|由)*"
_TALK = "(?:说话|讲话|通话|对话|说说?|讲讲?|聊聊?|谈谈?|沟通|交流|反映|对接|解决|处理)"
_COME = (
    "(?:来|过来|出来|上来|接|接听|接电话|听|听电话|说话|跟我|和我|给我|帮我|为我|对我|我|直接|解决|处理|回答|"
    f"服务|问问?|咨询|办理?|看看?|一下|下|电话|{_TALK})"
)
_PARTICLE = (
    "(?:吧|啊|呀|呢|吗|嘛|么|了|哦|好吗|好不好|可以吗|可不可以|行吗|行不行|能不能|谢谢(?:你|您)?|麻烦(?:你|您)?了?|"
    "快点?|赶紧|马上|立刻|立马|现在|就现在|快)"
)
_REST = f"(?:{_COME}|{_PARTICLE})*"
_REQUESTS = re.compile(
    f"(?:转|接|换){_TO}(?:{_ANY}|{_PLACE}){_REST}|"
    f"(?:找|叫|喊|要|让|派|请|联系|呼叫|需要|要求|申请){_TO}{_ANY}{_REST}|"
    f"(?:找|叫|喊|换|让|派){_TO}(?:人|{_SOMEBODY}){_COME}{_REST}|"
    f"(?:换|找|叫|喊)(?:一|你们?|您)*{_SOMEBODY}{_PARTICLE}*|换人{_PARTICLE}*|"
    f"(?:跟|和|与|同){_TO}(?:{_ANY}|人){_TALK}{_REST}|"
    f"(?:你们?这?(?:里|边|儿)?)?(?:有没有|有|还有)(?:个|位)?{_HUMAN}(?:可以|能)?{_REST}|"
    "(?:不想|不要|不愿意?|不跟|别让我|懒得|受够了?)(?:再)?(?:跟|和|与)?(?:你|您|你们)?(?:这个|这种|这|个)?"
    f"(?:破|智能)?(?:机器人?|AI|ai|人机|电脑|语音助手|客服机器人){_TALK}?{_REST}"
)
_POLITE = (
    "(?:请问?|麻烦(?:你|您)?|帮我|帮忙|给我|我要|我想要?|我需要|还是|直接|快点?|赶紧|马上|现在|你好|您好|喂|嗯+|呃+|"
    "那个?|就|哎|唉|好的?|不|是|可以|能不能|能|你们?|您)"
)
_ALONE = re.compile(
    f"{_POLITE}*?(?<![是吗])(?:{_HUMAN}|客服(?:人员|专员)?|转接)+(?:在吗|在不在|呢|吧|啊|{_PARTICLE})*"
)
_NOT_NOW = re.compile(
    r"(?:(?<!要)不要|不用|别|不想|(?<!需)不需要|没必要|先不|不必|甭|不是要?|(?<!能)不能|没法|无法|没有|不)"
    r"(?:再|给我|帮我|跟|我|你|先|要|想|去|来|用|急着|马上|直接|现在)*$|"
    r"(?:为什么|为啥|干嘛|刚才|刚刚|已经|上次|昨天|之前|万一|如果|要是)[^不]{0,4}$"
)
_HOW = re.compile(r"(?:怎么样?|如何|哪里|哪儿|怎样)(?:能|才能|可以)?$")
_NOT_WITH_MACHINE = re.compile(r"不想|不要|不愿|不跟|别让|懒得|受够")
_ABOUT_IT = re.compile(r"多久|多长|多少|收费|什么|几|哪|为什么|怎么收|成本|吗$")
_GOES_ON = re.compile(r"^(?:我|因为|你|您|他|问|这个|那个|投诉)")

_ACCEPTS = re.compile(
    "(?!.*(?:不|别|接下来))"
    f"(?:{_POLITE}|要|需要|行|可以|嗯|对|快)*?(?:转|接)(?:过去|过来|接|到|给|一下|个|人工|吧|了|啊|呀|{_ANY})*{_REST}"
)
_REFUSES = re.compile(r"不用|不要|不必|不需要|别|算了|不转|不找|不了|不行")

_OFFER = re.compile(
    f"(?:转|接)(?:接|到|给|至|交|由|回)*(?:一下)?(?:您|你)?(?:到|给|至)?[^，。！？]{{0,4}}?(?:{_ANY}|{_PLACE})|"
    f"(?:为|帮|给)(?:您|你)(?:转接|接通|呼叫|联系)(?!.{{0,3}}(?:资料|邮件))|转接(?:中|请)|"
    f"(?:请|让|由|安排|叫|找)[^，。！？]{{0,3}}{_ANY}[^，。！？]{{0,4}}(?:为|帮|给|与|跟|和|来)(?:您|你)?|"
    f"按[^，。！？]{{0,4}}(?:转|接)?[^，。！？]{{0,2}}{_HUMAN}|{_HUMAN}[^，。！？]{{0,3}}请?按"
)
_CANNOT = re.compile(
    r"(?<!能)不能|(?<!可)不可以|无法|没法|没有办法|没办法|不支持|暂不|不会|(?<!要)不要|不必|不得|别|禁止|切勿|不提供|没有|不用|避免|勿"
)
_SENTENCE = re.compile(r"[^。！？!?\n]*[。！？!?\n]?")

_ANGRY = re.compile(
    r"傻[逼比叉缺Xxb]|煞笔|沙[逼比]|[他她你]妈的?|妈的|操你|我操|卧槽|去死|滚(?:蛋|开|吧|啊|$)|废物|混蛋|王八|"
    r"[你您]们?(?:是不是|真的?|他妈)?有(?:病|毛病)|脑残|智障|狗屁|放屁|神经病|白痴|蠢|弱智|"
    r"垃圾(?!桶|箱|站|分类|处理|清|费|袋|房)|什么破|这破|破(?:机器|公司|服务|玩意|系统|电话)|坑人|骗子|骗人|"
    r"气死|烦死|急死|受够|不耐烦|投诉[你您]|要投诉|我要曝光|说了(?:多少|几|八百?|好几|无数)(?:遍|次|回)|"
    r"听不懂人话|不说人话|耍我|糊弄|敷衍|忽悠|没完没了|什么态度|太差了|答非所问"
)


def asks_for_person(text: str) -> bool:
    """Whether a caller wants to speak to a person; asking about it, or not wanting it, is no request."""
    return any(_asks(clause) for clause in _clauses(text))


def offers_transfer(text: str) -> bool:
    """Whether a sentence of the assistant offers or announces a transfer to a person."""
    return any(_offers(clause) for clause in _clauses(text))


def asks_or_announces(text: str) -> bool:
    """Whether an answer ends with an offer that a yes accepts: a question, or "需要为您转人工确认。"."""
    sentences = [s for s in _SENTENCE.findall(text) if s.strip()]
    if not sentences or not offers_transfer(sentences[-1]):
        return False
    return bool(
        re.search(r"[吗么嘛呢？?][？?。]?\s*$|需要|[为帮给][您你]转|我[来去就]?.{0,3}转", sentences[-1])
    )


def accepts_offer(text: str) -> bool:
    """Whether an utterance takes the transfer that was offered just now in other words than a plain yes."""
    return any(_ACCEPTS.fullmatch(clause) for clause in _clauses(text)) or (
        is_angry(text) and not _REFUSES.search(text)
    )


def without_offer(text: str) -> str:
    """Return a sentence without the clauses that offer a transfer, ``NO_OFFER_LEFT`` when nothing stays."""
    if not offers_transfer(text):
        return text
    kept = "".join(_sentence_without_offer(sentence) for sentence in _SENTENCE.findall(text))
    return kept.strip() or NO_OFFER_LEFT


def instructions_without_offer(text: str) -> str:
    """Return instructions for the language model without the sentences that have it offer a transfer."""
    if not offers_transfer(text):
        return text
    kept = "".join(s for s in _SENTENCE.findall(text) if not offers_transfer(s)).strip()
    return f"{kept}资料里没有答案时，就说这个问题不太清楚。"


def hotline_among(texts: Iterable[str]) -> str:
    """Return the first of the knowledge's texts that names a telephone of the staff, without offers."""
    fitting = (t for t in texts if len(t) <= MAX_HOTLINE_CHARS and _NUMBER.search(t) and _STAFFED.search(t))
    text = next(fitting, "")
    return without_offer(text) if text else ""


def next_line(lines: Iterable[str], history: Iterable[Mapping[str, Any]]) -> str:
    """Return the first line that the assistant has not said in ``history`` yet, else the last."""
    said = [_bare(str(message["content"])) for message in history if message["role"] == "assistant"]
    given = [line for line in lines if line]
    fresh = (line for line in given if not any(_bare(line) in text for text in said))
    return next(fresh, given[-1] if given else "")


def is_angry(text: str) -> bool:
    """Whether a caller insults the assistant, or complains of the answers."""
    return bool(_ANGRY.search(_IGNORED.sub("", text)))


def _asks(clause: str) -> bool:
    if _ALONE.fullmatch(clause):
        return True
    for found in _REQUESTS.finditer(clause):
        before, after = clause[: found.start()], clause[found.end() :]
        unwanted = _NOT_NOW.search(before) and not _NOT_WITH_MACHINE.match(found[0])
        goes_on = not after or is_angry(after) or (_GOES_ON.match(after) and not _ABOUT_IT.search(after))
        wants_to_know = _HOW.search(before) and found[0][0] in "联找叫要"
        if goes_on and not unwanted and not wants_to_know:
            return True
    return False


def _offers(clause: str) -> bool:
    return bool(_OFFER.search(clause)) and not _CANNOT.search(clause)


def _sentence_without_offer(sentence: str) -> str:
    if not offers_transfer(sentence):
        return sentence
    kept = [clause for clause in re.split(r"(?<=[，,；;、])", sentence) if not offers_transfer(clause)]
    text = "".join(kept).rstrip("，,；;、。！？!? \n")
    return f"{text}。" if text else ""


def _clauses(text: str) -> list[str]:
    heard = _HOMOPHONES.sub(lambda found: "人工" if found[0][0] in "仁人" else "转", _IGNORED.sub("", text))
    return [clause for clause in _CLAUSE_MARKS.split(heard) if clause]


def _bare(text: str) -> str:
    return _CLAUSE_MARKS.sub("", _IGNORED.sub("", text))
