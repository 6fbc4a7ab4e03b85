"""What an answer needs of its call: the engines, the knowledge, the way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiker.calls import answering
from aiker.calls.events import Emit
from aiker.calls.fillers import Fillers
from aiker.calls.model_output.filter import OutputSettings
from aiker.calls.phrases import PhraseCache
from aiker.calls.speaker import Speaker
from aiker.calls.tools.desk import ToolDesk
from engines.adapters.llm_adapter import LLMAdapter
from engines.adapters.stt_adapter import STTAdapter
from engines.adapters.tts_adapter import TTSAdapter
from knowledge.rag import Found


class Knowledge(Protocol):
    async def search(self, question: str, *, before: str = "", k: int = 3) -> Found: ...


@dataclass(frozen=True, slots=True)
class Voice:
    """See the module."""

    stt: STTAdapter
    llm: LLMAdapter
    tts: TTSAdapter
    phrases: PhraseCache
    knowledge: Knowledge | None
    passages: int
    words: answering.Words
    fillers: Fillers
    system_prompt: str
    output: OutputSettings
    correct: Callable[[str], str]  # the transcript, before anything is made of it
    speaker: Speaker
    emit: Emit
    now: Callable[[], float]
    desk: ToolDesk
