"""Tell what a model writes about the speaking, or for somebody else, from what it says to the caller. Pure.

::

    spoken_aside("微笑", "（")          # "": a stage direction
    spoken_aside("含税", "（")          # "（含税）": a fact
    label("客户问：")                    # Label.OTHER: the model goes on in the caller's place
"""

from __future__ import annotations

import re
from enum import Enum, auto

from aiker.calls.model_output.characters import SAYABLE

_STAGE = re.compile(
    r"微笑|大笑|轻笑|偷笑|苦笑|傻笑|笑着|笑了|笑声|^笑$|叹气|叹息|叹了|停顿|沉默|思考|沉思|思索|点头|摇头|鞠躬|挥手|眨眼|"
    r"皱眉|耸肩|鼓掌|轻声|低声|小声|大声|柔声|温柔|温和|亲切|热情|耐心地|礼貌地|真诚|认真地|严肃|关切|歉意|语气|语调|"
    r"语速|声音|嗓音|口吻|表情|神情|动作|旁白|画外音|背景音|音乐|音效|铃声|提示音|敲击声|键盘声?|内心|心想|深呼吸|"
    r"吸气|呼气|嗓子|咳嗽|翻阅|翻看|倾听|聆听|查询中|查看中|处理中|转接中|接通|挂断|挂机|电话那头|哽咽|哭泣|惊讶|"
    r"开心|高兴|兴奋|激动|害羞|尴尬|无奈|疑惑|好奇|等待(?:客户|用户|顾客|对方|您|回)|(?:地|着)说?$|^(?:停|顿|稍停|略停)$|"
    r"^系统(?:提示|消息|指令|通知|提醒)?$|^(?:系统|内部)(?:提示|消息|指令|备注)"
)
# What binds an offer is said whatever words it holds.
_FACT = re.compile(
    r"\d|除外|免费|另|含|仅|限|元|以内|需要?|可以|不可|不能|不得|收费|[一二两三四五六七八九十]+[天年月个位折]"
)
_STAGE_ENGLISH = re.compile(
    r"^[a-z ,.'…-]*\b(?:smil\w*|laugh\w*|sigh\w*|paus\w*|chuckl\w*|cough\w*|nod\w*|whisper\w*|soft\w*|"
    r"warm\w*|cheer\w*|gent\w*|polite\w*|tone|voice|breath\w*|beat|silence|music|think\w*|typing|clear\w*|um+|uh+|hm+|grin\w*)\b",
    re.IGNORECASE,
)
_STAGE_LABEL = re.compile(
    r"^(?:旁白|画外音|内心\w{0,2}|心理\w{0,2}|OS|系统\w{0,2}|场景|动作|表情|语气|神态)\s*[：:]", re.IGNORECASE
)
_LONGEST_STAGE = 20


class Label(Enum):
    """Whose words a label such as ``客服：`` announces."""

    OWN = auto()
    OTHER = auto()
    MATERIAL = auto()  # what the model was given


_OWN = (
    r"(?:人工|智能|在线|电话|AI)?客服(?:人员|代表|小姐|专员)?|坐席|座席|接线员|(?:AI|智能|小)?助[手理]|机器人|"
    r"assistant|ai|bot|agent|model|answer|response|operator|final\s*answer|最终(?:答案|回答|回复)|答案?|回答|回复|答复"
)
_OTHER = (
    r"(?:客户|客人|顾客|用户|来电者|来电人|对方|买家|咨询者|提问者)(?:[A-Z甲乙丙一二三]|\d)?|user|human|customer|caller|client|q|"
    r"问|提问|追问|system|系统|instruction|observation|thoughts?|action(?:\s*input)?|tool"
)
_MATERIAL = r"(?:参考)?资料|已知信息|上下文|知识库|context|passages?"
_LABEL = re.compile(
    rf"(?:^|\s)[-—>#*_【\[「\s]*(?:(?P<own>{_OWN})|(?P<other>{_OTHER})|(?P<material>{_MATERIAL}))"
    r"(?:[（(][^（）()]*[)）])?(?:又|继续|接着|再)?(?:问|说|提问|追问|反问|表示|答|回答|回复|道){0,2}[*_】\]」\s]*[：:]\s*$",
    re.IGNORECASE,
)


def spoken_aside(content: str, bracket: str) -> str:
    """Return what is said of ``content`` that stood in brackets, which ``bracket`` opened (or ``*``)."""
    content = content.strip()
    if not SAYABLE.search(content) or _is_stage(content):
        return ""
    if bracket in "（(":
        return f"{bracket}{content}{'）' if bracket == '（' else ')'}"
    return f"{content}，" if bracket in "【〔［" else content


def _is_stage(content: str) -> bool:
    if _STAGE_LABEL.match(content):
        return True
    if len(content) > _LONGEST_STAGE and content.isascii() is False:
        return False
    if content.isascii():
        return _STAGE_ENGLISH.match(content) is not None
    return _STAGE.search(content) is not None and not _FACT.search(content)


def label(clause: str, *, answering: bool = False) -> tuple[Label, str] | None:
    """Return whose words follow a ``clause`` that ends with a speaker's label, and what stands before it.

    ``answering``: a question was repeated, so that ``A:`` is a label too, and not a name.
    """
    if answering and re.fullmatch(r"\s*A\s*[:：]\s*", clause):
        return Label.OWN, ""
    found = _LABEL.search(clause)
    if found is None:
        return None
    whose = Label.OWN if found["own"] else Label.OTHER if found["other"] else Label.MATERIAL
    return whose, clause[: found.start()]
