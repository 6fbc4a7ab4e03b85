"""Questions answered as a call answers them, in text: for operators, integrators and tests.

::

    conversation = Conversation.of(plan)             # one caller; may raise nothing, opens nothing
    reply = await conversation.ask("周六开门吗")
    reply.text, reply.way, reply.sources, reply.stopped
    await conversation.ask("周日呢")                  # leans on the question before

Recognition and voice are left out; the search, the decision, the language model and the guard are those of
calls. Tools are named, not run.
"""

from __future__ import annotations

import datetime
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils import timezone

from aiker.calls import answering
from aiker.calls.answering import Way
from aiker.calls.engines import make_llm, make_reranker
from aiker.calls.manners import manner_of
from aiker.calls.memory import remember
from aiker.calls.plan import CallPlan
from aiker.calls.tools.desk import ToolDesk
from aiker.calls.tools.http import send
from aiker.calls.tools.spec import Called
from aiker.calls.trying import Answer, milliseconds_since, word
from engines.adapters.llm_adapter import LLMAdapter, Message
from engines.errors import EngineError
from knowledge.errors import RetrievalError
from knowledge.rag import Found, RAGSystem


@dataclass(slots=True)
class Reply:
    """What is said to one question, from which passages; ``ms`` is the time until all was known."""

    question: str
    text: str = ""
    way: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)
    confidence: float | None = None
    written: str = ""  # what the language model wrote, before the guard
    stopped: list[dict[str, str]] = field(default_factory=list)
    tool: str = ""  # the tool that a call would run
    error: str = ""
    ms: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class Conversation:
    """See the module. ``now`` is the local time of the next question; None: the clock's."""

    plan: CallPlan
    knowledge: RAGSystem | None
    llm: LLMAdapter
    now: datetime.datetime | None = None
    _history: list[Message] = field(default_factory=list)
    _topic: str = ""
    _last: str = ""
    _pending: Called | None = None  # the tool that the next utterance may say yes to

    @classmethod
    def of(cls, plan: CallPlan, knowledge: RAGSystem | None = None) -> Conversation:
        """Return a conversation with the live knowledge of a plan, or with ``knowledge``."""
        if knowledge is None and plan.knowledge_base is not None:
            knowledge = RAGSystem(plan.knowledge_base, make_reranker(plan))
        return cls(plan, knowledge, make_llm(plan))

    async def ask(self, question: str) -> Reply:
        """Return what a caller would hear; failures are part of it."""
        began, reply = time.perf_counter(), Reply(question)
        try:
            await self._answer(reply)
        except EngineError as exc:
            reply.error, reply.text = exc.message, self.plan.apology
        reply.ms = round(milliseconds_since(began), 1)
        self._last = reply.text
        return reply

    async def _answer(self, reply: Reply) -> None:
        question, now = reply.question, self.now or timezone.localtime()
        desk = ToolDesk(self.plan.tools, _tell_nobody, send)
        pending, self._pending = self._pending, None
        if called := desk.by_words(question, pending):
            reply.tool = called.tool.slug
            return
        manner = manner_of(question)
        if manner.repeats and self._last:
            reply.way, reply.text = Way.MANNER, self._last
            return
        found = None if manner else await self._search(reply, now)
        answer = Answer()
        await word(answer, self.plan, question, found, self.llm, self._history, now)
        reply.text, reply.way, reply.written = answer.text, (answer.way or Way.MODEL).value, answer.written
        reply.stopped = answer.stopped
        self._pending = desk.offered_by(reply.text, question) or (pending if manner else None)
        if answer.errors:
            reply.error = answer.errors[0].message
        if not manner:
            self._topic = answering.topic_after(question, found, self._topic)
            remember(self._history, question, reply.text)

    async def _search(self, reply: Reply, now: datetime.datetime) -> Found | None:
        if self.knowledge is None:
            return None
        try:
            before = answering.context_of(reply.question, self._topic)
            found = await self.knowledge.search(
                reply.question, before=before, k=self.plan.passages, today=now.date()
            )
        except RetrievalError as exc:
            reply.error = exc.message
            return None
        reply.sources, reply.confidence = answering.shown(found.passages), round(found.confidence, 3)
        return found


def _tell_nobody(*_args: Any, **_data: Any) -> None:
    """Nothing runs, so there is nothing to tell."""
