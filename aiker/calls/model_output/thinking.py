"""Words in which a model talks to itself about the caller, without saying so with a tag. Pure.

::

    possible("我需要查一下资料")       # True: a thought, if </think> follows
    certain("用户在问价格，")          # True: nobody says that to a caller
"""

from __future__ import annotations

import re

_SUBJECT = r"(?:用户|客户|来电者|提问者|该用户|这位?用户|这个(?:用户|客户))"
_CERTAIN = re.compile(
    rf"^\s*(?:嗯|唔|好的?|首先|现在|那么|因为|由于|看起来|看来|ok(?:ay)?)?[，,、 ]?{_SUBJECT}"
    r"(?:现在|刚刚?|刚才|这次|可能|应该|似乎|又|其实|这里|是)*"
    r"(?:在?问[的了]?|在?询问|想问|想要?知道|想要?了解|在?咨询|在?提问|提到|的问题|的意图|的意思|说的?是|表示|希望我|要求我|让我)",
    re.IGNORECASE,
)
_POSSIBLE = re.compile(
    rf"^\s*(?:嗯|唔|好的?|首先|现在|那么)?[，,、 ]?(?:{_SUBJECT}|让我(?:先)?(?:想|看|查|分析|思考|回忆|理)|"
    r"我(?:现在)?(?:需要|应该|得|必须|要)先?(?:查|看|找|分析|思考|想|根据|从|回忆|确定|检查|回答|理解|用|按)|"
    r"(?:思考|思路|分析|推理)(?:过程)?\s*[：:]|根据(?:系统|提示|指令|上下文|设定|system)|"
    r"(?:okay|ok|alright|hmm|well)?,?\s*(?:so\s+)?(?:the user|let me|let's|i need to|we need to|"
    r"i should|first, i)\b)",
    re.IGNORECASE,
)


def certain(clause: str) -> bool:
    """Whether ``clause`` is a thought."""
    return _CERTAIN.match(clause) is not None


def possible(clause: str) -> bool:
    """Whether ``clause`` may be the start of a thought."""
    return _POSSIBLE.match(clause) is not None
