"""A second opinion on an answer by the language model that is installed; its evidence must be quoted.

::

    opinion = read_opinion(written, sources=("日卡80元一天。",), answer="日卡90元一天。")
    opinion.verdict, opinion.quote, opinion.void

A verdict whose quote stands neither in the passages nor in the answer, word for word, is void. An opinion
decides nothing: small models are wrong too often. It stands beside the rules, for whoever confirms an answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiker.calls.engines import make_llm
from aiker.calls.plan import CallPlan
from aiker.calls.prompt import harmless
from engines.adapters.llm_adapter import Message
from engines.errors import EngineError

SYSTEM = (
    "你是质检员，判断客服的回答是否与资料相符。只写两行："
    "第一行“结论：相符”或“结论：不符”；第二行“依据：”后面逐字抄一句资料或回答里的原话，不要改动。"
)
EXAMPLES: tuple[Message, ...] = (
    {"role": "user", "content": "问题：打印一张多少钱\n资料：黑白打印每页0.5元。\n回答：黑白打印每页0.5元。"},
    {"role": "assistant", "content": "结论：相符\n依据：黑白打印每页0.5元"},
    {"role": "user", "content": "问题：能带猫吗\n资料：办公区不可以带宠物。\n回答：可以带猫。"},
    {"role": "assistant", "content": "结论：不符\n依据：办公区不可以带宠物"},
)
_VERDICT = re.compile(r"结论[:：]\s*(不符|不相符|相符)")
_QUOTE = re.compile(r"依据[:：]\s*[“\"「]?(.+?)[”\"」]?\s*$", re.MULTILINE)
MIN_QUOTE = 4


@dataclass(frozen=True, slots=True)
class Opinion:
    """``verdict``: supported, contradicted, or empty where none could be read; ``void``: not proved."""

    verdict: str = ""
    quote: str = ""
    void: bool = True

    def as_dict(self) -> dict[str, Any]:
        return {"verdict": self.verdict, "quote": self.quote, "void": self.void}


def messages(question: str, sources: Sequence[str], answer: str) -> list[Message]:
    """Return what the judge is asked. Pure."""
    facts = harmless("".join(sources)) or "（无）"
    asked = f"问题：{harmless(question)}\n资料：{facts}\n回答：{harmless(answer)}"
    return [{"role": "system", "content": SYSTEM}, *EXAMPLES, {"role": "user", "content": asked}]


def read_opinion(written: str, sources: Sequence[str], answer: str) -> Opinion:
    """Return what the judge wrote, void unless its quote is there. Pure."""
    verdict, quote = _VERDICT.search(written), _QUOTE.search(written)
    if verdict is None:
        return Opinion()
    said = "supported" if verdict[1] == "相符" else "contradicted"
    words = quote[1].strip() if quote else ""
    held = len(words) >= MIN_QUOTE and any(words in harmless(text) for text in (*sources, answer))
    return Opinion(said, words, void=not held)


async def ask_opinion(plan: CallPlan, question: str, sources: Sequence[str], answer: str) -> Opinion:
    """Return the opinion of the plan's language model; one that fails has none."""
    written = ""
    try:
        async for text in make_llm(plan).stream(messages(question, sources, answer), lambda _served: None):
            written += text
    except EngineError:
        return Opinion()
    return read_opinion(written, sources, answer)
