"""What the language model is given.

::

    messages = conversation(system_prompt, history, question("周六开门吗", passages))

What never changes comes first and what is new last, so that an engine which
keeps the prefix it has read (llama.cpp, vLLM) reads only the new part of a turn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from engines.adapters.llm_adapter import Message

# Three exchanges teach a small model the manner: a short spoken answer, a negation kept, and what to
# say when the passages are silent. The passages stand behind the question: the other way round Qwen2.5
# 0.5B often repeats the question instead of answering it (docs/performance.md).
EXAMPLES: tuple[Message, ...] = (
    {
        "role": "user",
        "content": "客户问：打印一张多少钱\n资料：\n- 打印价格：黑白打印每页0.5元，彩色每页2元。",
    },
    {"role": "assistant", "content": "黑白打印每页0.5元，彩色每页2元。"},
    {"role": "user", "content": "客户问：能带猫去上班吗\n资料：\n- 宠物：办公区不可以带宠物，导盲犬除外。"},
    {"role": "assistant", "content": "不可以，办公区不可以带宠物，导盲犬除外。"},
    {"role": "user", "content": "客户问：你们卖手机吗"},
    {"role": "assistant", "content": "这个我不太清楚。"},
)


# What a chat template reads as its own: an article that holds it could speak as the system or the assistant.
CONTROL = re.compile(r"<\|[^|>]{0,40}\|>|</?s>|\[/?INST\]|<</?SYS>>", re.IGNORECASE)


def harmless(text: str) -> str:
    """Return a text of the knowledge base or a caller as words only, in one line, without control tokens."""
    return " ".join(CONTROL.sub(" ", text).split())


def question(text: str, passages: Sequence[dict[str, Any]] = ()) -> str:
    """Return the caller's words with the passages they are to be answered from."""
    facts = "".join(f"\n- {harmless(p['title'])}：{harmless(p['text'])}" for p in passages)
    asked = f"客户问：{harmless(text)}"
    return f"{asked}\n资料：{facts}" if facts else asked


def conversation(system_prompt: str, history: Sequence[Message], *new: str) -> list[Message]:
    """Return the messages of a request; ``new`` is the turn to be answered, if there is one."""
    system: Message = {"role": "system", "content": system_prompt}
    return [system, *EXAMPLES, *history, *(Message(role="user", content=text) for text in new)]
