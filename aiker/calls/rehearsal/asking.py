"""A scene played on both sides: spoken over the telephone band, recognised, answered as in a call.

::

    async for told in play(scene, draft, Mouth()):
        told.turn, told.question, told.live, told.draft     # mu-law of the question, an Answered each

Engines are those of calls. What fails is part of what is returned; EngineError only when no caller can speak.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings

from aiker.calls import answering
from aiker.calls.answer_check import DECLINES
from aiker.calls.answering import Way
from aiker.calls.call_page.given import Asked
from aiker.calls.call_page.replay import Replayed, replay
from aiker.calls.memory import remember
from aiker.calls.phrases import PhraseCache
from aiker.calls.plan import CallPlan
from aiker.calls.rehearsal.drafts import Draft, Side, patient
from aiker.calls.rehearsal.examiners import SyntheticCaller
from aiker.calls.rehearsal.judging import Expected, Said, spellings
from aiker.calls.rehearsal.line import over_line
from aiker.calls.rehearsal.scenes import Scene, SceneTurn
from engines.adapters.tts_adapter import TTSAdapter
from engines.errors import EngineError
from engines.profiles import default_plan
from engines.routing import Breakers, Routes
from engines.voices.scorecard import error_rate
from knowledge.golden_file import says
from knowledge.rag import topic_of

ATTEMPTS = 3
MAX_ERROR_RATE = 0.5
"""Of the characters of a question that recognition got wrong; above it, another question was heard."""


class Mouth:
    """The synthetic callers' voices, on this machine's speech engine; what they said is kept on disk."""

    def __init__(self) -> None:
        self._kept = PhraseCache(settings.AIKER.data_dir / "callers")
        self._routes = Routes("tts", patient(default_plan().tts), Breakers())

    async def say(self, caller: SyntheticCaller, text: str, seed: int = 0) -> bytes:
        """Return mu-law as the exchange gets it; raises EngineError."""
        tts = TTSAdapter(self._routes, caller.voice, caller.speed)
        speech = await self._kept.fetch(tts, text)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                speech = speech or await self._kept.make(tts, text)
            except EngineError:
                if attempt == ATTEMPTS:
                    raise
        return over_line(speech or b"", caller.snr_db, seed)


@dataclass(slots=True)
class Answered:
    """What one side heard and said. ``passages`` as ``answering.shown`` has them; ``steps`` in ms by name."""

    heard: str = ""
    text: str = ""
    passages: list[dict[str, Any]] = field(default_factory=list)
    spoken: str = ""  # the entry that is spoken as written
    tool: str = ""
    error: str = ""
    steps: dict[str, float] = field(default_factory=dict)
    topic: str = ""
    way: str = ""
    repeats: bool = False
    manner: str = ""

    @classmethod
    def of(cls, done: Replayed) -> Answered:
        found = done.search.found if done.search else None
        errors = [str(error.message) for error in done.errors]
        if done.search and done.search.error:
            errors.append(done.search.error.message)
        return cls(
            heard=done.text,
            text=done.answer.text.strip() if done.answer else "",
            passages=answering.shown(found.passages) if found else [],
            spoken=found.spoken if found else "",
            tool=done.tool,
            error="; ".join(errors),
            steps={name: round(ms) for name, ms in done.steps.items()},
            topic=found.topic if found else "",
            way=done.answer.way.value if done.answer and done.answer.way else "",
            repeats=done.manner.repeats,
            manner=done.manner.value,
        )

    @property
    def latency_ms(self) -> float:
        """From the end of the question to the first clause; what is spoken of it is the voice's part."""
        return sum(self.steps.values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "heard": self.heard,
            "text": self.text,
            "passages": self.passages,
            "way": self.way,
            "tool": self.tool,
            "error": self.error,
            "steps": self.steps,
            "ms": round(self.latency_ms),
        }

    def said(self, plan: CallPlan, expected: Expected, asked: str, stands: str = "") -> Said:
        """Return what is judged: without what the clock adds, which is another a minute later.

        ``asked`` are the caller's words, ``expected.question`` the question in them.
        """
        text = self.spoken if self.spoken and self.text.endswith(self.spoken) else self.text
        sources = [f"{passage['title']}：{passage['text']}" for passage in self.passages]
        fixed = (
            plan.system_prompt,
            plan.no_answer,
            plan.greeting,
            plan.goodbye,
            plan.there_answer,
            plan.hold_answer,
        )
        told = bool(expected.must_say) and all(says(text, spellings(fact)) for fact in expected.must_say)
        declined = not self.spoken and not told and bool(DECLINES.search(text))
        return Said(
            "" if self.way == Way.COMPUTED else text,
            tuple(sources + [self.spoken] * bool(self.spoken)),
            "。".join(fixed),
            stands,
            declined or self.way == Way.REFUSED,
            self.error,
            nearest=self.way == Way.NEAREST,
            understood=error_rate(asked, self.heard) <= MAX_ERROR_RATE,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """One turn on both sides; ``stands`` is what each had answered to the question that it presses."""

    turn: SceneTurn
    question: bytes
    live: Answered
    draft: Answered
    live_stands: str = ""
    draft_stands: str = ""


async def play(scene: Scene, draft: Draft, mouth: Mouth, seed: int = 0) -> AsyncIterator[Told]:
    """Yield each turn of a scene. Where both sides cannot differ, one is asked."""
    live_asked = draft_asked = scene.asked
    live_stands = draft_stands = ""
    for turn in scene.turns:
        clip = turn.clip or (await mouth.say(scene.caller, turn.text, seed) if scene.caller else b"")
        live, new = await both(draft, live_asked, draft_asked, clip, turn.text, draft_first=seed % 2 == 1)
        if turn.expected.presses:
            yield Told(turn, clip, live, new, live_stands, draft_stands)
        else:
            live_stands, draft_stands = live.text, new.text
            yield Told(turn, clip, live, new)
        live_asked, draft_asked = after(live_asked, live), after(draft_asked, new)


async def both(
    draft: Draft, live_asked: Asked, draft_asked: Asked, clip: bytes, said: str, *, draft_first: bool
) -> tuple[Answered, Answered]:
    """Return the answers of both sides.

    The second one finds the prompt in the language model's cache, so they take turns at being first; it is
    given what the first one recognised where both would recognise the same.
    """
    if not draft.answers_change:
        live = await answer(draft.live, live_asked, clip, said)
        return live, live
    sides = [(draft.live, live_asked), (draft.draft, draft_asked)]
    (one, one_asked), (other, other_asked) = reversed(sides) if draft_first else sides
    first = await answer(one, one_asked, clip, said)
    if hears_alike(draft):
        second = await answer(other, other_asked, b"", first.heard)
        second.steps = {name: ms for name, ms in first.steps.items() if name == "stt"} | second.steps
    else:
        second = await answer(other, other_asked, clip, said)
    return (second, first) if draft_first else (first, second)


async def answer(side: Side, asked: Asked, clip: bytes, said: str) -> Answered:
    """Return what a side says; asked again when an engine fails: calls may have the machine meanwhile."""
    for _ in range(ATTEMPTS):
        done = await replay(side.plan, asked, clip, said=said, version=side.version, aloud=False)
        found = done.search.found if done.search else None
        if (
            not done.errors
            and not (done.search and done.search.error)
            and not (found and found.result.failed)
        ):
            break
    return Answered.of(done)


def hears_alike(draft: Draft) -> bool:
    """Whether both sides recognise the same words in the same audio."""
    before, after_ = draft.live.plan, draft.draft.plan
    return (before.engines.stt, before.hot_words) == (after_.engines.stt, after_.hot_words)


def after(asked: Asked, answered: Answered) -> Asked:
    """Return the conversation behind a turn, as a call remembers it. Pure."""
    if answered.repeats or answered.manner or not answered.heard:
        return asked
    history = list(asked.history)
    remember(history, answered.heard, answered.text)
    topic = answered.topic or topic_of(answered.heard, asked.before)
    return replace(asked, history=history, before=topic, last_answer=answered.text)
