"""The clauses of a language model's answer that may be spoken, and what is spoken instead of the others.

::

    grounding = Grounding(Guard(question, sources), otherwise="月卡开通后不能退款。")
    async for clause in grounding.clauses(llm.stream(messages)):
        ...                       # supported, or of ``otherwise``
    grounding.guard.stopped       # [("可以，", Stop("yes_no", "yes: 退款"))]

The first clause that is not supported ends the answer: what follows would stand on it. The entry's own words
are said in its place.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from aiker.calls.clauses import ClauseSplitter, clauses_of
from knowledge.grounding.guard import Guard


@dataclass(slots=True)
class Grounding:
    """See the module. Without a guard, where an assistant has no knowledge, everything may be spoken."""

    guard: Guard | None = None
    otherwise: str = ""

    @property
    def stopped(self) -> list[dict[str, str]]:
        """What was not spoken and why, for the turn's record."""
        return [
            {"clause": clause, **stop._asdict()}
            for clause, stop in (self.guard.stopped if self.guard else [])
        ]

    async def clauses(self, pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
        """Yield what may be spoken of a text that is being written, clause by clause."""
        spoken: list[str] = []
        async with aclosing(cut(pieces)) as clauses:
            async for clause in clauses:
                if self.guard and self.guard.check(clause):
                    break
                spoken.append(clause)
                yield clause
            else:
                return
        for clause in clauses_of(self.otherwise):
            if clause not in spoken:
                yield clause


async def cut(pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """Yield a text that is being written, clause by clause; one that is left early is not written on."""
    splitter = ClauseSplitter()
    try:
        async for text in pieces:
            for clause in splitter.feed(text):
                yield clause
        for clause in splitter.finish():
            yield clause
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
