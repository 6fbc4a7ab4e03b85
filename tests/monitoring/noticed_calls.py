"""Calls of every kind that the page of the quality notices, the same each time.

::

    make_calls(60, now)     # a call every few minutes back from now, two assistants, three to five turns each
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from aiker.calls.models import Assistant, Call, Turn
from monitoring.quality.counting import ended_calls, take_up_calls
from monitoring.turns import take_up_turns

QUESTIONS = (
    "请问停车场收费吗？",
    "停车场收费吗",
    "嗯，我想问一下会议室多少钱",
    "会议室多少钱一小时",
    "周末开门吗",
    "=SUM(A1:A9)有优惠吗",
    "套餐一个月多少钱呀",
    "你好",
)
USAGE = {
    "stt": {"whisper-base": {"seconds": 2.5}},
    "llm": {"qwen2.5-1.5b": {"prompt_tokens": 400, "completion_tokens": 25, "estimated_tokens": 0}},
    "tts": {"kokoro-int8": {"characters": 18}},
}


def make_calls(count: int, until: datetime, every: timedelta = timedelta(minutes=7), seed: int = 3) -> None:
    rng = random.Random(seed)
    assistants = [
        Assistant.objects.get_or_create(slug=slug, defaults={"name": slug.title()})[0]
        for slug in ("anna", "bo")
    ]
    for number in range(count):
        call = Call.objects.create(
            assistant=rng.choice(assistants),
            wire="softphone",
            started_at=until - every * (number + 1),
            duration_ms=rng.randint(20_000, 90_000),
            end_reason=rng.choice(["hung_up", "goodbye", "transferred", "connection_lost"]),
            usage={"llm": {"qwen2.5-1.5b": {"prompt_tokens": 7, "completion_tokens": 1}}},
        )
        turns = rng.randint(3, 5)
        for place in range(1, turns + 1):
            Turn.objects.create(**_turn(rng, call, place, last=place == turns))


def _turn(rng: random.Random, call: Call, number: int, *, last: bool) -> dict[str, Any]:
    manner = "repeat" if number > 1 and rng.random() < 0.15 else ""
    found = rng.random() < 0.7
    refused = not found and rng.random() < 0.7
    failed = rng.random() < 0.05
    transfer = last and call.end_reason == "transferred"
    certainty = {"avg_logprob": -round(rng.random() * 1.1, 2), "no_speech_prob": 0.02}
    routing: dict[str, dict[str, Any]] = {"stt": {"engine": "whisper-base", "skipped": []}}
    if rng.random() < 0.8:
        routing["stt"]["certainty"] = certainty
    searched = {"version": "kb-1", "audio": "cache" if refused else "", "verbatim": False}
    searched["way"] = "nearest" if found and number % 4 == 0 else "model"
    return {
        "call": call,
        "number": number,
        "at_ms": number * 4000,
        "user_text": "你再说一遍" if manner else rng.choice(QUESTIONS),
        "assistant_text": "这个我不太清楚，需要为您转人工确认吗？" if refused else "每小时五元。",
        "heard_text": "每小时",
        "interrupted": rng.random() < (0.5 if last else 0.1),
        "voice_to_voice_ms": None if failed else rng.randint(900, 2500),
        "passages": [{"key": "a", "title": "价格", "text": "每小时五元。", "score": 0.8}] if found else [],
        "retrieval": {} if manner else searched,
        "engines": {"stt": "whisper-base"},
        "routing": routing,
        "error": {"stage": "llm", "code": "timeout", "message": "gone"} if failed else {},
        "tools": [{"name": "person", "kind": "transfer", "error": {}}] if transfer else [],
        "manner": manner,
        "usage": USAGE,
    }


def take_up() -> None:
    """Take up all turns and calls, as the sampler does."""
    while True:
        ended = ended_calls()
        while take_up_turns():
            pass
        if not ended:
            return
        take_up_calls(ended)
