"""Whether a text says yes or no to what can be denied: may one, must one, is there, does it cost. Pure.

::

    signs("月卡开通后不能退款")                      # {"may": {False}, "refund": {False}}
    answer_signs("可以，最长30天。", "刚买的能退款吗")  # "refund" is affirmed, too
    opposed(signs(answer), signs(passage))          # ["refund"]: one says only yes, the other only no

A text that says both of one thing (办公室不可以，工位可以) opposes nothing. Questions assert nothing.
As figures, this is read apart from ``knowledge.grounding`` on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Signs = Mapping[str, frozenset[bool]]

# What denies is looked for first and taken out, so that 不可以 is not found as 可以.
_TOPICS: dict[str, tuple[str, str]] = {
    "may": (
        r"不(?:可以|能够|能|可(?!或缺|避免)|行|允许|支持|让|准|得(?!不))|无法|没法|禁止|严禁|谢绝|不许|禁烟",
        r"可以|能够|能(?![源量力耗])|允许|支持|准许",
    ),
    "refund": (
        r"(?:不|无法|不能|不可以|不予|不支持|概不)[^，。；！？]{0,4}退",
        r"(?:可以|能|可|全额|支持|给)[^，。；！？不]{0,4}退(?!租)",
    ),
    "there_is": (r"没有|暂无|还没|没开|未开", r"(?<![没所具只仍还])有(?![限关效人些时没])"),
    "costs": (
        r"免费|不(?:另外?|再|用|需要)?收|不收费|不(?:用|要|花)钱|免(?:收|手续费)",
        r"(?:另外|另|要|需|会|加)收|收费|收取|要交|要付|要钱",
    ),
    "must": (r"不(?:用|需要|必|要求|需)|无需|无须", r"必须|需要|务必"),
    "is_open": (
        r"休息|不营业|不上班|不开门|关门|没(?:有)?人(?:接|在|值)",
        r"(?<!不)(?:营业|开门|上班)|有人(?:接|在|值)?",
    ),
    "included": (r"不(?:包含|含|包括|包)|另算|自理", r"包含|包括|含在|都含"),
}  # fmt: skip
_PATTERNS = {name: (re.compile(no), re.compile(yes)) for name, (no, yes) in _TOPICS.items()}
_SENTENCE = re.compile(r"[^。！？!?；;\n]+[。！？!?；;\n]?")
_ASKS = re.compile(r"[吗呢吧]?[？?]\s*$|[吗呢]\s*[。！]?\s*$")
_BOTH = re.compile(r"(可以|能|有|是|行|用|要|会)(?:不|没)\1?(?:\1|可以)|能不能|可不可以|有没有|是不是|要不要")

_LEAD = re.compile(r"(?P<no>不可以|不能|不行|不支持|没办法|抱歉，?不)|可以|能|行|是的|没问题|当然")


def asserted(text: str) -> str:
    """Return the sentences of a text that are no questions."""
    return "".join(part for part in _SENTENCE.findall(text) if not _ASKS.search(part))


def signs(text: str) -> Signs:
    """Return what a text affirms (True) and denies (False), by topic."""
    said = _BOTH.sub(" ", asserted(text))
    found: dict[str, frozenset[bool]] = {}
    for topic, (no, yes) in _PATTERNS.items():
        rest = no.sub(" ", said)
        values = {False} if rest != said else set()
        if yes.search(rest):
            values.add(True)
        if values:
            found[topic] = frozenset(values)
    return found


def answer_signs(answer: str, question: str) -> Signs:
    """Return the signs of an answer; a bare 可以 or 不行 in front is about what the question asks for."""
    found = dict(signs(answer))
    lead = _LEAD.match(answer.strip())
    if lead and "退" in question and "refund" not in found:
        found["refund"] = frozenset({lead["no"] is None})
    return found


def opposed(ours: Signs, theirs: Signs) -> list[str]:
    """Return the topics that one side only affirms and the other only denies."""
    return sorted(
        topic
        for topic in ours.keys() & theirs.keys()
        if len(ours[topic]) == len(theirs[topic]) == 1 and ours[topic] != theirs[topic]
    )
