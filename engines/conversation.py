"""The engines of a profile behind one facade, for Python code without Django views or a telephone.

::

    plan = engine_plan(profile, "zh")               # or engine_plan(None, "zh"): this machine's engines
    manager = LocalAIConversationManager(plan, voice="zf_xiaobei", instructions="你是客服，用一句话回答。")
    question = await manager.hear(mulaw)
    async for text in manager.answer(question):
        print(text)
    async for mulaw in manager.speak("好的，再见。"):
        play(mulaw)                                 # 8 kHz mu-law, as on a telephone line
    manager.served["llm"].engine                    # who answered last, and who was passed over

A live call does more (turns, barge-in, knowledge, clauses): see ``aiker.calls.session``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from engines.adapters.llm_adapter import LLMAdapter, Message
from engines.adapters.stt_adapter import STTAdapter
from engines.adapters.tts_adapter import TTSAdapter
from engines.models import Mode
from engines.profiles import EnginePlan
from engines.routing import Breakers, Routes, Served


class AIConversationManager:
    """Hear, answer and speak with vendors' engines first (mode ``api``); see the module.

    Raises EngineError of the stage when none of its engines serves, ValueError for a plan of another mode.
    One manager is one conversation; ``history`` holds what was asked and answered.
    """

    modes: ClassVar[frozenset[str]] = frozenset({Mode.API})

    def __init__(self, plan: EnginePlan, voice: str, instructions: str = "", language: str = "zh") -> None:
        if plan.mode not in self.modes:
            wanted = " or ".join(sorted(self.modes))
            raise ValueError(f"{type(self).__name__} takes a plan of mode {wanted}, not {plan.mode}")
        breakers = Breakers()
        self._stt = STTAdapter(Routes("stt", plan.stt, breakers), language)
        self._llm = LLMAdapter(Routes("llm", plan.llm, breakers))
        self._tts = TTSAdapter(Routes("tts", plan.tts, breakers), voice)
        self.history: list[Message] = [{"role": "system", "content": instructions}] if instructions else []
        self.served: dict[str, Served] = {}

    async def hear(self, mulaw: bytes) -> str:
        """Return what is said in 8 kHz ``mulaw``; an empty string when nobody speaks."""
        return await self._stt.transcribe(mulaw, self._note)

    async def answer(self, question: str) -> AsyncIterator[str]:
        """Yield the answer as it is written; it enters the history as far as it came."""
        self.history.append({"role": "user", "content": question})
        said = ""
        try:
            async for text in self._llm.stream(self.history, self._note):
                said += text
                yield text
        finally:
            self.history.append({"role": "assistant", "content": said})

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """Yield ``text`` as 8 kHz mu-law while it is made."""
        async for mulaw in self._tts.stream(text, self._note):
            yield mulaw

    def _note(self, served: Served) -> None:
        self.served[served.stage] = served


class LocalAIConversationManager(AIConversationManager):
    """The same with engines of this house, alone (``local``) or first (``hybrid``)."""

    modes = frozenset({Mode.LOCAL, Mode.HYBRID})
