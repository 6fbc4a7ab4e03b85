"""Calls as they are stored, with sound: the caller a low tone, the assistant a high one.

::

    call = store_call(assistant, turns=3)

A turn each 8 s: 2 s of the caller, 1.2 s of waiting, 3 s of answer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.utils import timezone

from aiker.audio.g711 import RATE, Pcm
from aiker.audio.wav import wav_bytes
from aiker.calls.latency import Timeline
from aiker.calls.models import Assistant, Call, Turn

TURN_MS, CALLER_MS, WAIT_MS, ANSWER_MS = 8000, 2000, 1200, 3000
FIRST_MS = 1000
ANSWER = "独立办公室四人间每月八千八百元，六人间每月一万二千元，都可以按年付。"
PASSAGES = [
    {"key": "office", "title": "独立办公室", "text": "独立办公室4人间8800元一个月。", "score": 0.83},
    {"key": "year", "title": "按年付款", "text": "所有产品都可以按年付款。", "score": 0.612},
]


def store_call(assistant: Assistant | None, turns: int = 3, *, recorded: bool = True, **fields: Any) -> Call:
    """Store a call; the second of its turns was interrupted."""
    length = FIRST_MS + turns * TURN_MS
    fields = {
        "started_at": timezone.now() - timedelta(minutes=5),
        "duration_ms": length,
        "end_reason": "hung_up",
        "wire": "softphone",
        "caller": "13800138000",
        "engines": {"stt": "whisper-base", "llm": "qwen", "tts": "kokoro"},
        "events": [event for number in range(1, turns + 1) for event in events_of(number)],
        **fields,
    }
    call = Call.objects.create(assistant=assistant, **fields)
    Turn.objects.bulk_create(turn_of(call, number) for number in range(1, turns + 1))
    if recorded:
        call.recording.save("x.wav", ContentFile(sound(turns)))
    return call


def began(number: int) -> int:
    return FIRST_MS + (number - 1) * TURN_MS


def zero(number: int) -> int:
    return began(number) + CALLER_MS


def timeline() -> Timeline:
    return Timeline(
        speech_end=0, committed=700, transcript=420, passages=450, first_token=650, first_clause=900,
        first_audio=1150, audible=WAIT_MS,
    )  # fmt: skip


def turn_of(call: Call, number: int) -> Turn:
    cut = number == 2
    moments = timeline().as_dict() | {
        "end_of_turn": {"silence_ms": 700, "speculative_runs": 1},
        "speech_end_at": zero(number),
    }
    return Turn(
        call=call,
        number=number,
        at_ms=began(number),
        user_text=f"独立办公室多少钱，第{number}次问",
        heard_as="独立办公室多少前" if number == 1 else "",
        assistant_text=ANSWER,
        heard_text=ANSWER[:16] if cut else ANSWER,
        interrupted=cut,
        barge_ins=[barge_in(number)] if cut else [],
        voice_to_voice_ms=WAIT_MS,
        contributions=[share._asdict() for share in timeline().contributions()],
        moments=moments,
        passages=PASSAGES,
        retrieval={
            "version": "test-7",
            "query": "独立办公室多少钱",
            "confidence": 0.83,
            "total_ms": 25.0,
            "audio": "",
        },
        engines={"stt": "whisper-base", "llm": "qwen", "tts": "kokoro"},
        routing={
            "stt": {"engine": "whisper-base", "skipped": [{"engine": "cloud-stt", "why": "timeout"}]},
            "llm": {"engine": "qwen", "skipped": []},
            "tts": {"engine": "kokoro", "skipped": []},
        },
    )


def barge_in(number: int) -> dict[str, Any]:
    at = zero(number) + WAIT_MS + 1500
    return {"at_ms": at, "stop_ms": 130, "held_ms": 640, "outcome": "words", "said": "等等"}


def events_of(number: int) -> list[dict[str, Any]]:
    end = zero(number) + WAIT_MS + ANSWER_MS
    return [
        {"event": "speech_paused", "at_ms": zero(number) + 120, "turn": number},
        {"event": "turn_committed", "at_ms": zero(number) + 700, "turn": number},
        {"event": "interrupted" if number == 2 else "reply_finished", "at_ms": end, "turn": number},
    ]


def sound(turns: int) -> bytes:
    """Return the stereo recording of ``turns``."""
    caller, assistant = (np.zeros((FIRST_MS + turns * TURN_MS) * RATE // 1000, np.int16) for _ in range(2))
    for number in range(1, turns + 1):
        _put(caller, began(number), _tone(CALLER_MS, 200))
        _put(assistant, zero(number) + WAIT_MS, _tone(ANSWER_MS, 800))
    return wav_bytes(RATE, caller, assistant)


def _put(pcm: Pcm, at_ms: int, piece: Pcm) -> None:
    start = at_ms * RATE // 1000
    pcm[start : start + len(piece)] = piece


def _tone(ms: int, hertz: int) -> Pcm:
    at = np.arange(ms * RATE // 1000) / RATE
    loudness = 0.3 + 0.7 * np.abs(np.sin(2 * np.pi * 1.7 * at))  # syllables
    return (12_000 * loudness * np.sin(2 * np.pi * hertz * at)).astype(np.int16)
