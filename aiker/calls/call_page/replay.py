"""A turn of a stored call, run again: the caller's audio, through what a call uses, one step after another.

::

    clip = clip_of(call.recording, times[3])                    # blocks: for a thread
    replayed = await replay(plan, asked_in(turns, 3, apology), clip, version=version)
    replayed.text, replayed.search, replayed.answer, replayed.stt_ms, replayed.errors

Steps do not overlap here, and nobody waits for the end of the turn: times are each step's own. Tools are
named, not run, and not offered to the language model: they act on other systems. Errors are part of what is
returned.
"""

from __future__ import annotations

import time
import wave
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db.models.fields.files import FieldFile

from aiker.audio import g711
from aiker.calls.call_page.given import Asked
from aiker.calls.call_page.times import TurnTimes
from aiker.calls.engines import make_reranker, make_stt
from aiker.calls.floor import PREROLL_MS
from aiker.calls.manners import Manner, manner_of
from aiker.calls.plan import CallPlan
from aiker.calls.tools.desk import ToolDesk
from aiker.calls.tools.http import send
from aiker.calls.trying import Answer, Search, milliseconds_since, recite, try_answer, try_search
from engines.errors import EngineError
from engines.routing import Served
from knowledge.models import IndexVersion

POSTROLL_MS = 160  # recognition is asked when the detector has seen this much silence
LONGEST_MS = 60_000


@dataclass(slots=True)
class Replayed:
    """``spoken`` is false where there was no audio and the words of the record were taken."""

    spoken: bool
    heard: str = ""
    text: str = ""
    manner: Manner = Manner.NONE
    tool: str = ""
    search: Search | None = None
    answer: Answer | None = None
    stt_ms: float | None = None
    served: dict[str, Served] = field(default_factory=dict)
    errors: list[EngineError] = field(default_factory=list)

    def note(self, served: Served) -> None:
        self.served[served.stage] = served

    @property
    def steps(self) -> dict[str, float]:
        """What each step took, in ms, by the names of ``latency``."""
        answer, search = self.answer, self.search
        found = {
            "stt": self.stt_ms,
            "retrieval": search.found.result.total_ms if search and search.found else None,
            "llm_first_token": answer.first_token_ms if answer else None,
            "first_clause": (answer.first_clause_ms or 0) - (answer.first_token_ms or 0)
            if answer and answer.first_clause_ms is not None
            else None,
            "tts_first_audio": answer.first_audio_ms if answer else None,
        }
        return {name: ms for name, ms in found.items() if ms is not None}


def clip_of(recording: FieldFile, times: TurnTimes) -> bytes:
    """Return the caller's words of a turn as mu-law, as recognition got them; empty: nothing was said."""
    if times.zero_ms is None:
        return b""
    start = max(0.0, times.began_ms - PREROLL_MS)
    length = min(LONGEST_MS, times.zero_ms + POSTROLL_MS - start)
    with recording.open() as file, wave.open(file) as stored:
        first = round(start * stored.getframerate() / 1000)
        if first >= stored.getnframes() or length <= 0:
            return b""
        stored.setpos(first)
        data = stored.readframes(round(length * stored.getframerate() / 1000))
        caller = np.frombuffer(data, "<i2").reshape(-1, stored.getnchannels())[:, 0]
    return g711.encode(np.ascontiguousarray(caller))


async def replay(
    plan: CallPlan, asked: Asked, clip: bytes, *, said: str, version: IndexVersion | None, aloud: bool = True
) -> Replayed:
    """Run a turn again; ``said`` is what was recognised then, for a turn without audio.

    ``aloud``: the answer is spoken, too.
    """
    done = Replayed(spoken=bool(clip), heard=said)
    try:
        if clip:
            await _hear(done, plan, clip)
        done.text = plan.lexicon.correct(done.heard)
        done.manner = manner_of(done.text)
        if done.text:
            await _answer(done, plan, asked, version, aloud=aloud)
    except EngineError as exc:
        done.errors.append(exc)
    return done


async def _hear(done: Replayed, plan: CallPlan, clip: bytes) -> None:
    began = time.perf_counter()
    done.heard = ""
    done.heard = await make_stt(plan).transcribe(clip, done.note)
    done.stt_ms = milliseconds_since(began)


async def _answer(
    done: Replayed, plan: CallPlan, asked: Asked, version: IndexVersion | None, *, aloud: bool
) -> None:
    if called := ToolDesk(plan.tools, _tell_nobody, send).by_words(done.text, None):
        done.tool = called.tool.name
        return
    if done.manner.repeats and asked.last_answer:
        done.answer = await recite(plan, asked.last_answer) if aloud else Answer(asked.last_answer)
    else:
        if version and not done.manner:
            done.search = await try_search(
                version, done.text, before=asked.before, k=plan.passages, reranker=make_reranker(plan)
            )
        found = done.search.found if done.search else None
        done.answer = await try_answer(plan, done.text, found, asked.history, aloud=aloud)
        if found and found.result.reranked:
            done.note(found.result.reranked)
    done.served |= done.answer.served
    done.errors += done.answer.errors


def _tell_nobody(*_args: Any, **_data: Any) -> None:
    """Nothing runs, so there is nothing to tell."""
