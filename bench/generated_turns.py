"""Calls and turns for the benches of pages: as many as wanted, over thirty days, the same each time.

::

    fill(1_000_000, datetime.now(UTC))       # into the database of the settings
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from aiker.calls.models import Assistant, Call, Turn

DAYS = 30
TURNS_A_CALL = 10
BATCH = 5000
ASSISTANTS = ("anna", "bo", "chen")
PROFILES = ("", "fast", "hybrid")
OWNERS = {"stt": "stt", "retrieval": "knowledge", "llm_first_token": "llm", "tts_first_audio": "tts"}


def fill(turns: int, until: datetime, seed: int = 7) -> None:
    """Write calls with ``turns`` turns in all, the last of them just before ``until``."""
    rng = random.Random(seed)
    assistants = [
        Assistant.objects.get_or_create(slug=slug, defaults={"name": slug.title()})[0] for slug in ASSISTANTS
    ]
    calls = max(1, turns // TURNS_A_CALL)
    between = timedelta(days=DAYS) / calls
    made = (_call(rng, until - between * (calls - number), assistants) for number in range(calls))
    for part in _batches(made, BATCH // TURNS_A_CALL):
        Call.objects.bulk_create(part)
        Turn.objects.bulk_create(
            (_turn(rng, call, number) for call in part for number in range(1, TURNS_A_CALL + 1)),
            batch_size=BATCH,
        )


def _call(rng: random.Random, at: datetime, assistants: list[Assistant]) -> Call:
    return Call(
        id=uuid.UUID(int=rng.getrandbits(128), version=4),
        assistant=rng.choice(assistants),
        wire="softphone",
        started_at=at,
        duration_ms=TURNS_A_CALL * 8000,
        end_reason="hung_up",
        profile=rng.choice(PROFILES),
    )


def _turn(rng: random.Random, call: Call, number: int) -> Turn:
    slow = 1.6 if call.profile == "hybrid" else 1.0
    shares = {
        "endpoint_wait": rng.randint(560, 640),
        "stt": round(rng.lognormvariate(5.2, 0.5) * slow),
        "retrieval": rng.randint(5, 60),
        "llm_first_token": round(rng.lognormvariate(5.6, 0.6) * slow),
        "first_clause": round(rng.lognormvariate(4.2, 0.5)),
        "tts_first_audio": round(rng.lognormvariate(4.9, 0.4)),
        "playout": rng.randint(0, 25),
    }
    return Turn(
        call=call,
        number=number,
        at_ms=number * 8000 - 6000,
        user_text="套餐一个月多少钱",
        assistant_text="一个月三十元，按年付。",
        heard_text="一个月三十元，按年付。",
        voice_to_voice_ms=sum(shares.values()),
        contributions=[{"name": n, "ms": ms, "owner": OWNERS.get(n, "media")} for n, ms in shares.items()],
        engines={"stt": "whisper-base", "llm": "qwen2.5-1.5b", "tts": "kokoro-int8"},
        retrieval={"version": f"onesuite-{call.started_at:%d}"[:-1]},
    )


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
