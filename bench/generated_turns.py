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
THINGS = (
    "套餐",
    "会议室",
    "停车场",
    "打印机",
    "快递柜",
    "工位",
    "门禁卡",
    "发票",
    "押金",
    "合同",
    "空调",
    "茶水间",
)
ASKED = (
    "一个月多少钱", "周末开放吗", "怎么预约", "可以退吗", "在几楼", "坏了找谁", "最多用几个小时",
    "要提前几天说",
    "能不能带客人用", "有没有优惠", "怎么付款", "需要什么证件", "丢了怎么办", "可以转给别人吗", "几点关门",
)  # fmt: skip
USAGE = {
    "stt": {"whisper-base": {"seconds": 2.4}},
    "llm": {"qwen2.5-1.5b": {"prompt_tokens": 420, "completion_tokens": 24}},
    "tts": {"kokoro-int8": {"characters": 17}},
}
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
        user_text=_question(rng),
        assistant_text="一个月三十元，按年付。",
        heard_text="一个月三十元，按年付。",
        **_noticed(rng, f"onesuite-{call.started_at:%d}"[:-1], last=number == TURNS_A_CALL),
        voice_to_voice_ms=sum(shares.values()),
        contributions=[{"name": n, "ms": ms, "owner": OWNERS.get(n, "media")} for n, ms in shares.items()],
        engines={"stt": "whisper-base", "llm": "qwen2.5-1.5b", "tts": "kokoro-int8"},
        usage=USAGE,
    )


def _question(rng: random.Random) -> str:
    """Return a question; some are asked much more often than others."""
    thing = THINGS[min(int(rng.expovariate(0.4)), len(THINGS) - 1)]
    return thing + ASKED[min(int(rng.expovariate(0.3)), len(ASKED) - 1)]


def _noticed(rng: random.Random, version: str, *, last: bool) -> dict[str, Any]:
    """Return what the page of the quality notices, of one turn in three."""
    unknown, refused = rng.random() < 0.12, rng.random() < 0.8
    certainty = {"avg_logprob": -round(rng.lognormvariate(-1.4, 0.6), 3), "no_speech_prob": 0.01}
    return {
        "retrieval": {"version": version, "audio": "cache" if unknown and refused else ""},
        "passages": [] if unknown else [{"key": "a", "title": "价格", "text": "三十元。", "score": 0.8}],
        "routing": {"stt": {"engine": "whisper-base", "skipped": [], "certainty": certainty}},
        "interrupted": rng.random() < (0.3 if last else 0.12),
        "manner": "repeat" if rng.random() < 0.03 else "",
        "error": {"stage": "llm", "code": "timeout", "message": ""} if rng.random() < 0.005 else {},
        "tools": [{"name": "person", "kind": "transfer", "error": {}}] if rng.random() < 0.01 else [],
    }


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
