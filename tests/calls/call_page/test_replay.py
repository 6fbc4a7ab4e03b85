"""A turn run again over the real adapters, against servers that hear, think and speak by script."""

from __future__ import annotations

import asyncio
import io
import re
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.test import AsyncClient, Client
from django.urls import reverse
from pytest_django.fixtures import Settings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as Address

from aiker.audio.g711 import RATE, decode
from aiker.calls.call_page import views
from aiker.calls.call_page.replay import POSTROLL_MS, clip_of
from aiker.calls.call_page.times import TurnTimes, times_of
from aiker.calls.floor import PREROLL_MS
from aiker.calls.models import Assistant, Call, Turn
from engines.models import BackendProfile, EngineConfig, Route
from knowledge.following import settle
from knowledge.models import Document, IndexVersion, KnowledgeBase
from knowledge.versions import request_version
from tests.calls.call_page import rows
from tests.calls.call_page.conftest import Operator
from tests.knowledge.conftest import bge_only_engine_server, chroma_port, llm_port, move, served
from tests.ports import free_port

__all__ = ["chroma_port", "llm_port"]
pytestmark = pytest.mark.django_db


@dataclass
class Ears:
    """What the stand-in for recognition hears, and what it was sent."""

    says: str = "独立办公室多少钱"
    clips: list[bytes] = field(default_factory=list)
    refuses: bool = False

    async def transcribe(self, request: Request) -> Response:
        form = await request.form()
        self.clips.append(await form["file"].read())  # type: ignore[union-attr]
        if self.refuses:
            return JSONResponse({"error": {"message": "no such model"}}, status_code=404)
        return JSONResponse({"text": self.says})


EARS = Ears()


@pytest.fixture(scope="session")
def engine_server() -> Iterator[int]:
    """Port of the engine server's addresses: recognition and speech are stand-ins, embeddings are real."""
    spoken = bge_only_engine_server()
    routes = [*spoken.routes, Address("/v1/audio/transcriptions", EARS.transcribe, methods=["POST"])]
    yield from served(Starlette(routes=routes))


@pytest.fixture
def engines(settings: Settings, engine_server: int, llm_port: int) -> Settings:
    EARS.__init__()  # type: ignore[misc]
    move(settings, engines_port=engine_server, llm_port=llm_port)
    return settings


def run(client: Client, call: Call, number: int, **data: str) -> str:
    answer = client.post(reverse("call-replay-turn", args=[call.pk, number]), data)
    assert answer.status_code == 200, answer.content.decode()
    return re.sub(r"\s+", " ", answer.content.decode())


def row(text: str, name: str) -> list[str]:
    """Return the cells of a row of the comparison as text."""
    found = re.search(rf"<tr><th>{name}</th>(.*?)</tr>", text)
    assert found, text
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", found[1])]


class TestClip:
    def test_it_is_the_callers_side_of_the_turn(self, anna: Assistant) -> None:
        call = rows.store_call(anna)
        turns = list(call.turns.all())
        pcm = decode(clip_of(call.recording, times_of(turns, call.events)[2]))
        assert len(pcm) == (PREROLL_MS + rows.CALLER_MS + POSTROLL_MS) * RATE // 1000
        loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 200)
        assert loud[0] == pytest.approx(PREROLL_MS * RATE // 1000, abs=20)
        assert loud[-1] == pytest.approx((PREROLL_MS + rows.CALLER_MS) * RATE // 1000, abs=20)

    @pytest.mark.parametrize("times", [TurnTimes(1000), TurnTimes(900_000, 902_000), TurnTimes(5000, 1000)])
    def test_where_nothing_is_known_to_be_said_there_is_none(self, anna: Assistant, times: TurnTimes) -> None:
        assert clip_of(rows.store_call(anna).recording, times) == b""


@pytest.mark.models
@pytest.mark.usefixtures("engines")
class TestRun:
    def test_then_and_now_stand_side_by_side(self, admin_client: Client, anna: Assistant) -> None:
        anna.no_answer = ""
        anna.save()
        call = rows.store_call(anna)
        text = run(admin_client, call, 1)
        assert row(text, "Recognised") == ["独立办公室多少前", "独立办公室多少钱"]
        assert row(text, "Answer") == [rows.ANSWER, "您好。"]
        assert row(text, "Speech recognition") == [
            "whisper-base (cloud-stt: over its time limit)",
            "whisper-base",
        ]
        then, now = row(text, "Recognition")
        assert then == "300 ms"
        took = re.fullmatch(r"(\d+) ms ([+-]?\d+)", now)
        assert took, now
        assert int(took[2]) == int(took[1]) - 300
        for step, was in (("First token", "200 ms"), ("First clause", "250 ms"), ("First audio", "250 ms")):
            then, now = row(text, step)
            assert then == was
            assert re.match(r"\d+ ms", now)
        assert re.search(r"data:audio/wav;base64,\w", text)
        assert re.search(r"\d+ tokens, counted by http://127.0.0.1", text)
        assert "客户问：独立办公室多少钱" in text

    def test_recognition_gets_the_turns_own_sound(self, admin_client: Client, anna: Assistant) -> None:
        run(admin_client, rows.store_call(anna), 3)
        with wave.open(io.BytesIO(EARS.clips[0])) as sent:
            assert sent.getnframes() == (PREROLL_MS + rows.CALLER_MS + POSTROLL_MS) * RATE // 1000

    def test_the_history_is_that_of_the_call(self, admin_client: Client, anna: Assistant) -> None:
        text = run(admin_client, rows.store_call(anna), 3)
        assert "第1次问" in text
        assert f"{rows.ANSWER[:16]}</dd>" in text  # of the second answer the caller heard so much

    def test_another_prompt_is_used_and_not_stored(self, admin_client: Client, anna: Assistant) -> None:
        kept = anna.system_prompt
        text = run(admin_client, rows.store_call(anna), 1, prompt="你是{name}，只说三个字。")
        assert "你是安娜，只说三个字。" in text
        anna.refresh_from_db()
        assert anna.system_prompt == kept

    def test_without_the_recording_the_words_of_then_are_taken(
        self, admin_client: Client, anna: Assistant
    ) -> None:
        text = run(admin_client, rows.store_call(anna, recorded=False), 1)
        assert "Without audio: the words of the record are taken." in text
        assert row(text, "Recognised") == ["独立办公室多少前"] * 2
        assert EARS.clips == []

    def test_an_engine_that_fails_is_told_with_what_to_do(
        self, admin_client: Client, anna: Assistant, settings: Settings
    ) -> None:
        EARS.refuses = True
        call = rows.store_call(anna)
        text = run(admin_client, call, 1)
        assert "The speech recognition refused the request." in text
        assert "Check the model and the key of this engine under Engines." in text
        assert row(text, "Answer") == [rows.ANSWER, "–"]
        EARS.refuses = False
        move(settings, llm_port=free_port())
        assert "The language model could not be reached." in run(admin_client, call, 1)

    def test_words_that_call_a_tool_run_nothing(self, admin_client: Client, anna: Assistant) -> None:
        anna.tools.create(name="转人工", slug="transfer", kind="transfer", phrases="转人工", target="100")
        EARS.says = "转人工"
        text = run(admin_client, rows.store_call(anna), 1)
        assert "These words call the tool 转人工, which is not run here." in text

    def test_a_repetition_repeats_what_was_heard_last(self, admin_client: Client, anna: Assistant) -> None:
        EARS.says = "没听清，再说一遍"
        assert row(run(admin_client, rows.store_call(anna), 2), "Answer")[1] == rows.ANSWER

    def test_when_nothing_is_recognised_it_says_so(self, admin_client: Client, anna: Assistant) -> None:
        EARS.says = ""
        text = run(admin_client, rows.store_call(anna), 1)
        assert "Nothing was recognised this time." in text


def published_profile(settings: Settings) -> BackendProfile:
    """Return a profile whose engines are the stand-ins, by other names than those of this machine."""
    profile = BackendProfile.objects.create(name="Fast", slug="fast", mode="local", is_published=True)
    places = {
        "stt": settings.AIKER.engines_url,
        "llm": settings.AIKER.llm_url,
        "tts": settings.AIKER.engines_url,
    }
    for position, (stage, url) in enumerate(places.items()):
        engine = EngineConfig(
            slug=f"fast-{stage}",
            name=stage,
            backend=f"openai-{stage}",
            parameters={"base_url": url, "model": "any"},
        )
        engine.full_clean()
        engine.save()
        Route.objects.create(profile=profile, engine=engine, position=position, timeout_ms=5000)
    return profile


@pytest.mark.models
class TestProfiles:
    def test_the_chosen_ones_engines_serve_and_the_assistant_keeps_its_own(
        self, admin_client: Client, anna: Assistant, engines: Settings
    ) -> None:
        published_profile(engines)
        text = run(admin_client, rows.store_call(anna), 1, profile="fast")
        served = [
            row(text, stage)[1] for stage in ("Speech recognition", "Language model", "Speech synthesis")
        ]
        assert served == ["fast-stt", "fast-llm", "fast-tts"]
        anna.refresh_from_db()
        assert anna.profile is None

    def test_the_engines_of_this_machine_may_stand_in_for_the_assistants_own(
        self, admin_client: Client, anna: Assistant, engines: Settings
    ) -> None:
        anna.profile = published_profile(engines)
        anna.save()
        call = rows.store_call(anna)
        assert row(run(admin_client, call, 1), "Speech recognition")[1] == "fast-stt"
        assert row(run(admin_client, call, 1, profile="-"), "Speech recognition")[1] == "whisper-base"

    def test_one_that_is_not_published_is_said_to_be_gone(
        self, admin_client: Client, anna: Assistant, engines: Settings
    ) -> None:
        published_profile(engines)
        BackendProfile.objects.update(is_published=False)
        text = run(admin_client, rows.store_call(anna), 1, profile="fast")
        assert "That profile is gone or not published" in text
        assert row(text, "Speech recognition")[1] == "whisper-base"


@pytest.mark.models
class TestVersions:
    @pytest.fixture
    def base(self, engines: Settings, chroma_port: int, anna: Assistant) -> KnowledgeBase:
        """A base whose live version says 9000, and whose version before, ``then``, 8800."""
        move(engines, chroma_port=chroma_port)
        base = KnowledgeBase.objects.create(slug="test", name="测试")
        anna.knowledge_base = base
        anna.save()
        office = Document.objects.create(
            base=base, key="office", title="独立办公室", question="独立办公室多少钱？", answer="每月8800元。"
        )
        settle(base)
        base.refresh_from_db()
        self.then = base.active_version
        request_version(base, reason="prices")
        settle(base)
        office.answer = "每月9000元。"
        office.save()
        settle(base)
        base.refresh_from_db()
        assert base.active_version != self.then
        return base

    def test_the_live_one_that_of_the_turn_or_any_other_is_searched(
        self, admin_client: Client, anna: Assistant, base: KnowledgeBase
    ) -> None:
        assert self.then is not None
        assert base.active_version is not None
        call = rows.store_call(anna)
        Turn.objects.filter(call=call).update(
            retrieval={"version": self.then.collection_name, "query": "办公室"}
        )
        for version, price in (("", "9000"), ("then", "8800"), (str(self.then.pk), "8800")):
            text = run(admin_client, call, 1, version=version)
            searched = self.then if price == "8800" else base.active_version
            assert row(text, "Knowledge version") == [self.then.collection_name, searched.collection_name]
            assert row(text, "Answer")[1] == f"每月{price}元。"
            assert "not found now" in row(text, "Passages")[0]
            assert "new" in row(text, "Passages")[1]
            assert re.match(r"\d+ ms", row(text, "Retrieval")[1])

    def test_a_version_that_is_gone_is_said_to_be(
        self, admin_client: Client, anna: Assistant, base: KnowledgeBase
    ) -> None:
        assert base.active_version is not None
        text = run(admin_client, rows.store_call(anna), 1, version="then")
        assert "That version is gone; this is the live one." in text
        assert row(text, "Knowledge version") == ["test-7", base.active_version.collection_name]


class TestChoices:
    def test_a_profile_that_cannot_be_used_says_why(self, admin_client: Client, anna: Assistant) -> None:
        BackendProfile.objects.create(name="Empty", slug="empty", mode="local", is_published=True)
        call = rows.store_call(anna)
        address = reverse("call-replay-turn", args=[call.pk, 1])
        answer = admin_client.post(address, {"profile": "empty"})
        assert answer.status_code == 400
        assert "No engine for speech recognition." in answer.content.decode()

    def test_the_page_offers_what_there_is(self, admin_client: Client, anna: Assistant) -> None:
        BackendProfile.objects.create(name="Fast", slug="fast", mode="local", is_published=True)
        BackendProfile.objects.create(name="Draft", slug="draft", mode="local")
        base = KnowledgeBase.objects.create(slug="test", name="测试")
        IndexVersion.objects.create(
            base=base, collection_name="b", embedding_model="m", state="ready", reason="prices"
        )
        anna.knowledge_base = base
        anna.save()
        call = rows.store_call(anna)
        text = admin_client.get(reverse("call-replay", args=[call.pk]), {"turn": "2"}).content.decode()
        assert "Fast" in text
        assert "Draft" not in text
        assert "prices" in text
        assert anna.system_prompt in text
        assert re.findall(r'data-turn="[^"]*/replay/(\d+)/"', text) == ["2"]
        text = admin_client.get(reverse("call-replay", args=[call.pk])).content.decode()
        assert re.findall(r'data-turn="[^"]*/replay/(\d+)/"', text) == ["1", "2", "3"]

    def test_it_says_what_cannot_be_run(self, admin_client: Client, anna: Assistant) -> None:
        call = rows.store_call(anna, turns=0)
        address = reverse("call-replay", args=[call.pk])
        assert "This call has no turns." in admin_client.get(address).content.decode()
        assert "This call has no such turn." in admin_client.get(address, {"turn": "4"}).content.decode()
        orphan = rows.store_call(None, turns=1)
        shown = admin_client.get(reverse("call-replay", args=[orphan.pk])).content.decode()
        assert "Without it nothing can be run again." in shown
        answer = admin_client.post(reverse("call-replay-turn", args=[orphan.pk, 1]))
        assert (answer.status_code, "was deleted" in answer.content.decode()) == (400, True)

    def test_it_needs_its_own_permission(self, operator: Operator, anna: Assistant) -> None:
        call = rows.store_call(anna)
        page, one = reverse("call-replay", args=[call.pk]), reverse("call-replay-turn", args=[call.pk, 1])
        browser = operator("view_call")
        assert (browser.get(page).status_code, browser.post(one).status_code) == (403, 403)
        user = User.objects.get(username="operator")
        user.user_permissions.set(Permission.objects.filter(codename="replay_call"))
        assert (browser.get(page).status_code, browser.post(one).status_code) == (403, 403)
        user.user_permissions.add(Permission.objects.get(codename="view_call"))
        assert browser.get(page).status_code == 200
        assert browser.get(one).status_code == 405


@pytest.mark.django_db(transaction=True)
class TestLimits:
    @pytest.fixture
    def begun(self, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
        """Replays never end; this is set when one has begun."""
        begun = asyncio.Event()

        async def wait(*_args: Any, **_fields: Any) -> None:
            begun.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(views, "replay", wait)
        return begun

    async def post(self, admin_user: User, call: Call) -> Any:
        client = AsyncClient()
        await client.aforce_login(admin_user)
        client.cookies["django_language"] = "en"
        return await client.post(reverse("call-replay-turn", args=[call.pk, 1]))

    @pytest.mark.usefixtures("begun")
    async def test_it_is_stopped_in_time(
        self, admin_user: User, monkeypatch: pytest.MonkeyPatch, stored: Call
    ) -> None:
        monkeypatch.setattr(views, "REPLAY_S", 0.2)
        answer = await self.post(admin_user, stored)
        assert answer.status_code == 504
        assert "was stopped" in answer.content.decode()
        assert not views._running

    async def test_one_at_a_time(self, admin_user: User, stored: Call, begun: asyncio.Event) -> None:
        first = asyncio.create_task(self.post(admin_user, stored))
        async with asyncio.timeout(10):
            await begun.wait()
            answer = await self.post(admin_user, stored)
        assert answer.status_code == 409
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert not views._running

    @pytest.fixture
    def stored(self, anna: Assistant) -> Call:
        return rows.store_call(anna)
