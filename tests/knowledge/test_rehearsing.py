"""Drafts rehearsed from end to end: real search and index, stand-ins that speak, recognise and word answers.

``python -m bench rehearsal`` does the same with the real engines.
"""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from io import StringIO
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import translation
from pytest_django.fixtures import Settings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aiker.calls.models import Assistant, Rehearsal, RehearsalAnswer
from aiker.calls.rehearsal.carry_out import begin, carry_out
from knowledge.contents import contents_of
from knowledge.editing import bulk
from knowledge.following import follow, settle
from knowledge.models import Document, GoldenQuestion, IndexVersion, KnowledgeBase
from knowledge.models.content import Phrasing
from knowledge.versions import request_version
from tests.knowledge.conftest import bge_only_engine_server, move, served

pytestmark = [pytest.mark.django_db, pytest.mark.models]

SHORTEST_S, STEP_S = 0.3, 0.02
REFUSES = "一律说不清楚"
MUMBLES = "mumble"
_said: list[str] = []


def length_of(text: str) -> float:
    """Return how long the stand-in speaks: each text has a length of its own, by which it is recognised."""
    if text not in _said:
        _said.append(text)
    return SHORTEST_S + STEP_S * _said.index(text)


async def speech(request: Request) -> Response:
    asked = await request.json()
    text = asked["input"][::2] if asked["voice"] == MUMBLES else asked["input"]
    tone = np.full(round(24_000 * length_of(text)), 8000, "<i2")
    return Response(tone.tobytes(), media_type="application/octet-stream")


async def transcriptions(request: Request) -> JSONResponse:
    form = await request.form()
    with wave.open(io.BytesIO(await form["file"].read())) as clip:  # type: ignore[union-attr]
        seconds = clip.getnframes() / clip.getframerate()
    return JSONResponse({"text": _said[round((seconds - SHORTEST_S) / STEP_S)]})


async def chat(request: Request) -> Response:
    """Read the passage out, or refuse where the instructions say so."""
    messages = (await request.json())["messages"]
    asked = messages[-1]["content"]
    said = asked.rpartition("：")[2] if "资料：" in asked else "您好。"
    if REFUSES in messages[0]["content"]:
        said = "这个问题我不太清楚。"
    body = f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': said}}]})}\n\ndata: [DONE]\n\n"
    return Response(body, media_type="text/event-stream")


async def count(request: Request) -> JSONResponse:
    return JSONResponse({"prompt": "", "tokens": [0] * len(await request.body())})


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[int]:
    """Port of an engine server with the real embeddings."""
    others = [route for route in bge_only_engine_server().routes if "speech" not in route.path]  # type: ignore[attr-defined]
    own = {
        "/v1/audio/speech": speech,
        "/v1/audio/transcriptions": transcriptions,
        "/v1/chat/completions": chat,
        "/apply-template": count,
        "/tokenize": count,
    }
    yield from served(
        Starlette(routes=[*others, *(Route(path, view, methods=["POST"]) for path, view in own.items())])
    )


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def anna(processes: Settings, stand_ins: int, base: KnowledgeBase) -> Assistant:
    move(processes, engines_port=stand_ins, llm_port=stand_ins)
    KnowledgeBase.objects.update(phrasing=Phrasing.MODEL)
    entries = {
        "day": ("日卡", "日卡多少钱？", "日卡80元一天，当天9点到18点使用。"),
        "refund": ("月卡退款", "月卡可以退吗？", "月卡开通后不能退款，但可以暂停1次。"),
        "cleaning": ("保洁", "办公室多久打扫一次？", "保洁每天打扫2次，晚尚19点开始。"),
    }
    for key, (title, question, answer) in entries.items():
        Document.objects.create(base=base, key=key, title=title, question=question, answer=answer)
    settle(base)
    for key, asked, must in (("day", "日卡一天多少钱", [["80", "八十"]]), ("refund", "月卡能退吗", ["不能"])):
        golden = GoldenQuestion.objects.create(base=base, question=asked, must_say=must)
        golden.expected.add(base.documents.get(key=key))
    GoldenQuestion.objects.create(base=base, question="火星上有没有水", answerable=False)
    base.refresh_from_db()
    return Assistant.objects.create(slug="anna", name="安娜", knowledge_base=base)


def draft_of(base: KnowledgeBase, key: str, **fields: Any) -> IndexVersion:
    document = base.documents.get(key=key)
    for name, value in fields.items():
        setattr(document, name, value)
    with bulk():
        document.save()
    version = request_version(base, "draft", publish=False)
    for seen in follow(version):
        version = seen
    return version


def rehearsed(assistant: Assistant, version: IndexVersion | None = None, **settings: Any) -> Rehearsal:
    fields: dict[str, Any] = {"callers": 2, "max_past_turns": 0, "conversations": False}
    return carry_out(begin(assistant, version, **(fields | settings)))


BAD = {
    "flipped negation": ("refund", "月卡开通后能退款，也可以暂停1次。", {"changed", "lost"}),
    "wrong price": ("day", "日卡90元一天，当天9点到18点使用。", {"changed", "lost"}),
    "expired offer": ("day", "日卡80元一天，优惠价40元到2025年6月30日截止。", {"false", "changed"}),
}
GOOD: dict[str, tuple[str, dict[str, Any]]] = {
    "reworded": ("day", {"answer": "日卡一天八十块钱，当天上午9点到下午6点都能用。"}),
    "another wording": ("cleaning", {"alternative_questions": ["保洁阿姨几天来一次"]}),
    "typo": ("cleaning", {"answer": "保洁每天打扫2次，晚上19点开始。"}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_edit_is_caught(anna: Assistant, name: str) -> None:
    key, answer, codes = BAD[name]
    assert anna.knowledge_base is not None
    row = rehearsed(anna, draft_of(anna.knowledge_base, key, answer=answer))
    assert (row.error, row.passed) == ("", False)
    assert {code for code, _ in row.reasons} == codes
    assert row.version is not None
    row.version.refresh_from_db()
    assert row.version.rehearsed == ""


@pytest.mark.parametrize("name", GOOD)
def test_a_good_edit_passes(anna: Assistant, name: str) -> None:
    key, fields = GOOD[name]
    assert anna.knowledge_base is not None
    row = rehearsed(anna, draft_of(anna.knowledge_base, key, **fields), conversations=True)
    assert (row.error, row.passed, row.reasons) == ("", True, [])
    assert row.version is not None
    row.version.refresh_from_db()
    assert row.version.rehearsed == contents_of(row.version)
    kinds = set(row.answers.values_list("kind", flat=True))
    assert {RehearsalAnswer.Kind.QUESTION, RehearsalAnswer.Kind.CONVERSATION} <= kinds


def test_a_broken_prompt_is_caught_and_a_shorter_one_passes(anna: Assistant) -> None:
    broken = rehearsed(anna, changes={"system_prompt": REFUSES})
    assert (broken.passed, broken.reasons) == (False, [["lost", 2]])
    answer = broken.answers.filter(rank=1).first()
    assert answer is not None
    assert all(answer.audio_files)
    assert len(answer.audio_files) == 3
    assert rehearsed(anna, changes={"system_prompt": "只照资料说。"}).passed


def test_a_worse_voice_is_caught_and_an_equal_one_passes(anna: Assistant) -> None:
    worse = rehearsed(anna, changes={"voice": MUMBLES})
    assert (worse.passed, worse.reasons) == (False, [["voice", 1]])
    assert worse.figures["voice"]["draft"] > 0.4
    assert rehearsed(anna, changes={"voice": "zf_xiaoxiao"}).passed


def test_the_command_prints_both_answers(anna: Assistant) -> None:
    assert anna.knowledge_base is not None
    version = draft_of(anna.knowledge_base, "day", answer="日卡90元一天，当天9点到18点使用。")
    out = StringIO()
    arguments = [
        "test",
        "--index-version",
        str(version.pk),
        "--no-conversations",
        "--past",
        "0",
        "--callers",
        "1",
    ]
    with pytest.raises(CommandError, match="1 question with changed facts to confirm; 1 question lost"):
        call_command("rehearse", *arguments, stdout=out)
    assert "live: 日卡80元一天，当天9点到18点使用。\n  draft: 日卡90元一天" in out.getvalue()
    assert "a figure that callers are not told today：90元" in out.getvalue()
