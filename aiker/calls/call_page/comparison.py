"""A turn as it was, beside the same turn run again. Pure.

::

    compared = compare(turn, spans, replayed)
    compared.steps[0].label, compared.steps[0].then_ms, compared.steps[0].now_ms, compared.steps[0].change
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiker.calls import answering
from aiker.calls.call_page.replay import Replayed
from aiker.calls.call_page.waterfall import Span
from aiker.calls.models import Turn
from aiker.calls.templatetags.calls_extras import latency_name, stage_name, why_skipped

STEPS = ("stt", "retrieval", "llm_first_token", "first_clause", "tts_first_audio")


@dataclass(frozen=True, slots=True)
class StepPair:
    """One step's own time then and now; None where it did not run."""

    label: str
    then_ms: int | None
    now_ms: int | None

    @property
    def change(self) -> int | None:
        return None if self.then_ms is None or self.now_ms is None else self.now_ms - self.then_ms


@dataclass(frozen=True, slots=True)
class Pair:
    """One thing that was said, found or used; ``differs`` where it is another now."""

    then: str
    now: str

    @property
    def differs(self) -> bool:
        return self.then != self.now


@dataclass(frozen=True, slots=True)
class PassageSeen:
    """``other`` is whether the other side has it not."""

    title: str
    text: str
    score: float
    other: bool


@dataclass(frozen=True, slots=True)
class Compared:
    heard: Pair
    asked: Pair
    query: Pair
    version: Pair
    answer: Pair
    passages_then: list[PassageSeen]
    passages_now: list[PassageSeen]
    steps: list[StepPair]
    engines: list[tuple[str, Pair]]


def compare(turn: Turn, spans: Sequence[Span], replayed: Replayed) -> Compared:
    found = replayed.search.found if replayed.search else None
    now = answering.shown(found.passages) if found else []
    return Compared(
        heard=Pair(turn.heard_as or turn.user_text, replayed.heard),
        asked=Pair(turn.user_text, replayed.text),
        query=Pair(turn.retrieval.get("query", ""), found.result.query if found else ""),
        version=Pair(turn.retrieval.get("version", ""), found.index_version if found else ""),
        answer=Pair(turn.assistant_text, replayed.answer.text if replayed.answer else ""),
        passages_then=_seen(turn.passages, now),
        passages_now=_seen(now, turn.passages),
        steps=_steps({span.name: span.ms for span in spans}, replayed.steps),
        engines=_engines(turn, replayed),
    )


def _seen(these: Sequence[dict[str, Any]], those: Sequence[dict[str, Any]]) -> list[PassageSeen]:
    known = {(p["title"], p["text"]) for p in those}
    return [
        PassageSeen(p["title"], p["text"], p["score"], (p["title"], p["text"]) not in known) for p in these
    ]


def _steps(then: dict[str, float], now: dict[str, float]) -> list[StepPair]:
    def ms(times: dict[str, float], name: str) -> int | None:
        return round(times[name]) if name in times else None

    return [
        StepPair(latency_name(name), ms(then, name), ms(now, name))
        for name in STEPS
        if name in then or name in now
    ]


def _engines(turn: Turn, replayed: Replayed) -> list[tuple[str, Pair]]:
    """Return who served each stage, and who was passed over and why."""
    now = {stage: served.as_dict() for stage, served in replayed.served.items()}
    stages = [stage for stage in ("stt", "rerank", "llm", "tts") if stage in turn.routing or stage in now]
    return [
        (stage_name(stage), Pair(_named(turn.routing.get(stage)), _named(now.get(stage)))) for stage in stages
    ]


def _named(served: Any) -> str:
    if not served:
        return ""
    passed = [f"{skipped['engine']}: {why_skipped(skipped['why'])}" for skipped in served["skipped"]]
    return f"{served['engine']} ({'; '.join(passed)})" if passed else str(served["engine"])
