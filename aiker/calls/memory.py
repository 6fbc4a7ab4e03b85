"""What a call remembers of its conversation: what was asked, and what of the answers was heard.

::

    memory = Memory(apology="抱歉，…")
    memory.take(reply, record)       # a turn is over
    memory.messages                  # what the language model is told of it
    memory.question_before, memory.earlier, memory.versions
"""

from __future__ import annotations

from aiker.calls import prompt
from aiker.calls.earlier import Earlier, mend
from aiker.calls.records import TurnRecord
from aiker.calls.reply import Reply
from engines.adapters.llm_adapter import Message

MOST_MESSAGES = 16


class Memory:
    """See the module. ``apology`` stands for an answer that failed before anything of it was heard."""

    def __init__(self, apology: str) -> None:
        self.messages: list[Message] = []
        self.question_before = ""
        self.earlier: Earlier | None = None
        self._apology = apology
        self._versions: dict[str, None] = {}

    @property
    def last_said(self) -> str:
        return str(self.messages[-1]["content"]) if self.messages else ""

    @property
    def versions(self) -> str:
        """Versions of the knowledge, in the order of their use."""
        return ", ".join(self._versions)

    def forget(self) -> None:
        """Let go of all audio, see ``Recorder.forget``."""
        self.earlier = None

    def take(self, reply: Reply, record: TurnRecord) -> None:
        """Remember a turn that is over: what was heard, and only that."""
        if version := record.retrieval.get("version"):
            self._versions[version] = None
        # What a tool did is not done again, however much of it was said.
        answered = reply.error is None or reply.recovered
        whole = (reply.done or reply.tools.acted) and answered
        if reply.manner.repeats:
            mend(self.messages, record.heard_text)
            if self.earlier and not self.earlier.clauses:
                self.earlier = Earlier.of(self.earlier.question, reply.spoken.segments, whole=whole)
        elif reply.user_text and not reply.manner:
            self.question_before = reply.topic
            self.earlier = Earlier.of(reply.asked, reply.spoken.segments, whole=whole)
            said = self._apology if reply.error and not record.heard_text else record.heard_text
            remember(self.messages, reply.asked, said)


def remember(messages: list[Message], asked: str, said: str) -> None:
    """Add an exchange to what the language model is told, and drop what is too long ago."""
    messages.append({"role": "user", "content": prompt.question(asked)})
    messages.append({"role": "assistant", "content": said})
    if len(messages) > MOST_MESSAGES:
        # Half at once: each cut costs the engine's prefix cache.
        del messages[: MOST_MESSAGES // 2]
