"""What a caller says about the conversation itself: say it again, wait, are you there, goodbye. Pure.

::

    manner_of("呃你刚说什么来着？")      # Manner.REPEAT
    manner_of("你说什么时候开门")        # Manner.NONE: a question like any other

An utterance has a manner only when it consists of nothing else: words it is made of, courtesies and
hesitations around them. What only sounds like them counts too: recognition writes 在说一遍 and 没听情.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from pypinyin import lazy_pinyin


class Manner(StrEnum):
    """What the caller wants of the conversation; NONE is false."""

    NONE = ""
    REPEAT = "repeat"  # the last answer again
    SLOWER = "slower"  # again, slower
    WAIT = "wait"  # the caller needs a moment
    THERE = "there"  # is anybody there?
    GOODBYE = "goodbye"
    MACHINE = "machine"  # is this a person?
    LISTEN = "listen"  # stop and listen: 停, 听我说
    LEAD_IN = "lead_in"  # a question is announced: 我想问一下

    @property
    def repeats(self) -> bool:
        """Whether the last answer is wanted again."""
        return self in (Manner.REPEAT, Manner.SLOWER)


_MARKS = re.compile(r"[\s，。！？、；：,.!?;:~～…—\"“”-]+")

_YOU, _JUST = "(?:你们?|您)?", "(?:刚刚才?|刚才|刚|前面|方才)?"
_AROUND = (
    "呃|额|嗯|哦|噢|啊|唉|哎呀?|欸|诶|咦|哎哟|那个?|这个|就是|不好意思|对不起|抱歉|麻烦(?:你|您)?了?|请问?|"
    "你好|您好|喂|先生|小姐|女士|美女|帅哥|老师|谢谢(?:你们?|您)?|多谢|辛苦(?:你|您)?了?|"
    "好的?|好吧|好吗|好不好|行吗|可以吗|可以|行|吗|吧|啊|呀|呢|嘛|哈|啦|哟|了"
)
_ASK = "(?:能不能|可不可以|能否|可否|能|可以|请|麻烦|帮忙)?"

_WHAT = "(?:什么|啥)(?:来着)?"
_REPEAT = (
    rf"{_YOU}{_JUST}(?:是|在)?(?:说|讲)了?的?(?:是|个)?{_WHAT}|{_YOU}{_JUST}(?:是|说的)?{_WHAT}|"
    rf"{_YOU}{_ASK}{_YOU}(?:把?{_JUST}(?:那个?|那句话?|的话|说的|的)*)?{_ASK}(?:再|重新|重)(?:跟我|给我|和我)?"
    "(?:说|讲|念|报|重复|播)(?:一|1)?(?:遍|次|下|回)|"
    rf"{_YOU}{_ASK}{_YOU}重复(?:一|1)?(?:遍|次|下)|"
    rf"我?{_JUST}(?:都|还|有点|又|根本|完全)*(?:没有?|没太|不太|听不|没怎么|没大)(?:听|能听)?得?(?:清楚?|见|到)"
    rf"{_YOU}{_JUST}(?:说|讲)?的?(?:是)?(?:什么|啥|话|那句)?"
)
_SLOWER = (
    rf"{_YOU}{_JUST}(?:说|讲|语速)?(?:得|的|话)?(?:太|有点儿?|有些|好)快|"
    rf"{_YOU}{_ASK}{_YOU}(?:再|稍微|语速|放)*(?:说|讲)?(?:话|得|的)?(?:再|稍微)?(?:放|慢)慢?(?:一)?(?:点|些)儿?"
    "(?:再)?(?:说|讲)?(?:一遍|一次)?|"
    rf"{_YOU}{_ASK}{_YOU}(?:放慢|慢)(?:一)?(?:点|些)?儿?语速"
)

_MOMENT = "(?:一下下?|一会儿?|会儿?|等|一等|下|片刻|(?:一|两|几|半|1|2)?分钟|(?:几|十)?秒钟?)"
_OWN = (
    "(?:订单号?|单号|编号|号码|手机号?|身份证|合同号?|卡号?|资料|文件|发票|短信|邮件|笔|纸|纸和笔|本子|"
    "账号|密码|验证码|截图|护照|会员卡)"
)
_SEEN = "(?:手机|短信|邮件|微信|日历|记录|时间|安排)"
_SOMEONE = (
    "(?:我)?(?:老公|老婆|同事|家里人?|家人|朋友|领导|老板|爱人|先生|太太|妈妈?|爸爸?|孩子|女儿|儿子|经理)"
)
_WAIT = (
    rf"{_YOU}(?:请|先|再|稍微?|那)*等我?{_MOMENT}儿?|{_YOU}(?:请)?(?:稍等|稍候)(?:我)?{_MOMENT}?儿?|"
    "(?:请)?(?:你|您)?(?:先|请)*(?:别|不要|不用)挂(?:电话|断)?|(?:我)?马上(?:就)?(?:回来|来|好)|"
    "(?:让我|容我|我)(?:先|再|要|得)*(?:想|看|找|查|翻|记|拿)(?:一)?(?:下|想|看|找)|(?:我)?(?:先)?(?:想想|找找|看看|翻翻)|"
    rf"(?:让我|我)(?:先|去|再|要|得|来)*(?:找|拿|翻|取)(?:一下|下|个|支|一?张)?(?:我的|那个|下)?{_OWN}|"
    rf"(?:让我|我)(?:先|去|再|要|得)*(?:看|查)(?:一下|下)?(?:我的|那个|下)?{_SEEN}|"
    rf"(?:让我|我)(?:先|去|再|要|得)*问(?:一下|下|问){_SOMEONE}|"
    "(?:我)?(?:去)?(?:接|回)(?:一?个|一?下)(?:电话|微信)|(?:我)?拿(?:支|个)?笔记(?:一)?下"
)

_THERE = (
    rf"喂|{_YOU}(?:人)?(?:还)?在(?:吗|么|不在?|嘛)|{_YOU}(?:还)?在(?:听|线)(?:上)?(?:吗|么|不|嘛)|有人(?:在)?(?:吗|么)|"
    rf"{_YOU}(?:能|还能)?听(?:得)?(?:见|到|清)(?:楚)?(?:我)?(?:说话|的声音)?(?:吗|么|不)|人呢|"
    rf"{_YOU}(?:怎么|咋)(?:不说话|没声音|没声儿|没动静)(?:了)?|{_YOU}说话呀|哈喽|哈啰|哈罗|[Hh]ello"
)

_SPEAKERS = (
    "机器人?|机器声|人工智能|[Aa][Ii]|[Gg][Pp][Tt]|[Cc]hat[Gg][Pp][Tt]|大模型|智能客服|智能语音|语音助手|电脑|计算机|录音|录好的|"
    "虚拟客服|虚拟人|程序|自动(?:回复|语音|应答|播放)|合成(?:的)?(?:声音|语音)?|真人|活人|大活人|人类|人工客服|真的?人"
)
_MACHINE = (
    rf"{_SPEAKERS}|人工还是(?:智能|机器人?|[Aa][Ii])|是(?:个)?人(?:吗|么|不|还是)|是人是(?:机器|鬼)|"
    "(?:背后|后面|对面|那头)(?:是|有)(?:个)?人"
)
"""Words for who might be speaking, and questions that need none of them."""
_OF_THE_SPEAKER = (
    "你们?|您|我们?|这边|那边|那头|对面|背后|电话里?|这|那|跟|和|与|在|正在|是不是|不是|是|就|到底|究竟|该不会|不会|会不会|其实|"
    "现在|怎么|感觉|觉得|怀疑|听着|听起来|听上去|好像|很?像|说话|讲话|说|讲|接(?:的)?(?:电话|听)?|回答|聊天?|通话|对话|跟我|的|"
    "一?个|一台|还是|或者|声音|客服|助手|人|别装|装的?|真的|假的|告诉我|老实说|说实话|这么|那么|奇怪|怪|不|没错|对吧|确定|"
    "想知道|请回答"
)

_LISTEN = (
    "停(?:一?下|停|住|吧)*|打住|(?:你|您)?(?:先|快|给我)?(?:别|不要|不用)(?:再)?(?:说|讲|念|播)(?:了|话)?|(?:你|您)?(?:先)?听我(?:把话)?(?:说|讲)(?:完|一下)?|"
    "(?:你|您)?(?:先)?让我(?:先)?(?:说|讲)(?:完|一下|两句|一句)?|(?:我)?(?:先)?(?:说|插)一?句(?:话)?|不是(?:这个|这样|不是)*(?:的)?|不对(?:不对)*|"
    "够了|好了好了|行了(?:行了)?|安静(?:一下)?|我?打断(?:你|您)?一下|不用说了|知道了知道了|等等等等|先停|你别打岔|闭嘴|住口"
)
_LEAD_IN = (
    "我?(?:就)?(?:想|要|想要)(?:跟你们?|跟您|向你们?|向您)?(?:问|咨询|请教|了解|打听|说|反映|确认|核实)(?:一?下|问|个|件|一个|一件|你们?|您)*"
    "(?:问题|事情?|事儿|情况|业务)?|我?(?:这边|这里)?有(?:个|一个|几个|件|一件|些|点)?(?:问题|事情?|情况|疑问)(?:想|要)?(?:问|咨询|请教|说|反映)?(?:一?下)?(?:你们?|您)?|"
    "(?:情况|事情)?是(?:这样|这么)(?:的|子的|回事)?|问(?:一?下|个问题|个事)|我?(?:要)?(?:跟|和)(?:你|您)们?(?:说|反映|讲)(?:个|件|一下)(?:事儿?|情况)?|那个就是|就是说?"
)

_FAREWELL = "再见|再会|拜拜|回见|回头见|(?:我|那我)?(?:就|先)*挂(?:电话|断)?了|[Bb]ye(?:bye)?"
_NO_MORE = (
    "(?:我)?(?:这边|这里|暂时|目前|也)*没(?:有)?(?:什么|啥)?(?:别的|其他的?|其它的?)(?:事情?|问题|需要|要问的)?了?|"
    "(?:我)?(?:这边|这里|暂时|目前|也)*没(?:有)?(?:什么|啥)?(?:事情?|问题|要问的|需要)(?:的)?了"
)
_LIKE_THIS = "(?:那|就|先|今天|暂时)*(?:就|先)这样(?:子)?"
_COURTESY = (
    rf"{_AROUND}|对的?|是的?|没事|知道|明白|清楚|了解|非常|十分|感谢(?:你们?|您)?|不用|不需要|不打扰(?:你|您)?|"
    "祝(?:你|您)(?:生活|工作)?(?:愉快|顺利)|就|先|我|回头再(?:说|联系)|改天再(?:说|聊)|下次再(?:说|聊)|再联系"
)


_DRAWLED = re.compile(r"(.)\1{2,}")
_MOST_CHARS = 30
"""Nobody says so much about the conversation only."""
_LONGEST_PART = 20


@lru_cache(maxsize=8192)
def _sound(character: str) -> str:
    """Return one sign for all characters of the same sound: without tone, -ing as -in, -eng as -en."""
    syllable = re.sub(r"(?<=[ie]n)g$", "", lazy_pinyin(character)[0])
    return chr(_FIRST_SIGN + _SIGNS.setdefault(syllable, len(_SIGNS)))


_SIGNS: dict[str, int] = {}
_FIRST_SIGN = 0xE000  # of Unicode's private use, in which nobody speaks
_HANZI = re.compile(r"[\u4e00-\u9fff]")


def by_sound(text: str) -> str:
    """Return a text, or a pattern of one, with a sign of its sound for each character."""
    return _HANZI.sub(lambda found: _sound(found[0]), text)


class _MadeOf:
    """Utterances of at least one ``core``, and nothing but that and ``around`` it, as written or by sound.

    Part by part, each place visited once: as one expression this would take for ever on a long "嗯嗯嗯…".
    """

    def __init__(self, core: str, around: str = _AROUND) -> None:
        self._written = re.compile(core), re.compile(around)
        self._heard = re.compile(by_sound(core)), re.compile(by_sound(around))

    def __call__(self, said: str) -> bool:
        return self._consists(said, *self._written) or self._consists(by_sound(said), *self._heard)

    def _consists(self, said: str, core: re.Pattern[str], around: re.Pattern[str]) -> bool:
        reached: dict[int, bool] = {0: False}  # how far, and whether with a core
        for start in range(len(said)):
            if start not in reached:
                continue
            for end in range(start + 1, min(start + _LONGEST_PART, len(said)) + 1):
                if core.fullmatch(said, start, end):
                    reached[end] = True
                elif not reached.get(end) and around.fullmatch(said, start, end):
                    reached[end] = reached.get(end, False) or reached[start]
        return reached.get(len(said), False)


_GOODBYE = _MadeOf(f"{_FAREWELL}|{_NO_MORE}", f"{_COURTESY}|{_LIKE_THIS}")
_ENOUGH = _MadeOf(_LIKE_THIS, _COURTESY)  # said with thanks
_AGAIN = _MadeOf(f"{_REPEAT}|{_SLOWER}", f"{_AROUND}|{_WAIT}")
_SLOW = re.compile(by_sound(_SLOWER))
_HOLD = _MadeOf(_WAIT)
_ANYBODY = _MadeOf(_THERE)
_STOP = _MadeOf(_LISTEN)
_BEGIN = _MadeOf(_LEAD_IN)
_PERSON = _MadeOf(_MACHINE, f"{_AROUND}|{_OF_THE_SPEAKER}|么")
_ASKS_WHO = re.compile(r"是|吗|么|吧|不|像|跟|和|怎么|在|说|[?？]")


def manner_of(text: str) -> Manner:
    """Return the manner of an utterance; NONE when it says anything else, or nothing."""
    said = _DRAWLED.sub(r"\1\1", _MARKS.sub("", text))
    if len(said) > _MOST_CHARS:
        return Manner.NONE
    if _GOODBYE(said) or ("谢" in said and _ENOUGH(said)):
        return Manner.GOODBYE
    if _AGAIN(said):
        return Manner.SLOWER if _SLOW.search(by_sound(said)) else Manner.REPEAT
    if _HOLD(said):
        return Manner.WAIT
    if _STOP(said):
        return Manner.LISTEN
    if _BEGIN(said):
        return Manner.LEAD_IN
    if _PERSON(said) and _ASKS_WHO.search(text):  # 真人 alone is a wish
        return Manner.MACHINE
    return Manner.THERE if _ANYBODY(said) else Manner.NONE
