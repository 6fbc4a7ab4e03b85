"""The sockets of the page of now, on the real ASGI application, with real calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import DatabaseError

from aiker.calls.consumers import CallConsumer
from aiker.calls.events import CallEvent
from aiker.calls.models import Assistant, Call
from aiker.calls.plan import CallPlan, plan_for
from monitoring import live_consumers
from monitoring.live import Board
from monitoring.live_feed import feed
from tests.calls.scripted import LOUD, ScriptedCall, StandInEngines
from tests.monitoring.operators import make_operator, open_socket
from tests.monitoring.test_live_board import FedCall

pytestmark = pytest.mark.django_db(transaction=True)

NOW = "/ws/now/"
GREETING = "您好，这里是客服。" * 3  # goes on while a socket is opened on a busy machine
PATIENCE_S = 20
SURROUNDINGS = {"assistants": {"anna": "安娜"}, "target_ms": 2000.0, "engines": [], "index": [], "alarms": []}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(feed, "_read", lambda: SURROUNDINGS)
    monkeypatch.setattr(feed, "board", Board(time.monotonic))  # without the calls of other tests
    yield
    assert feed._looking == set()
    assert feed._refreshing is None


@pytest.fixture
def plan() -> CallPlan:
    return plan_for(Assistant.objects.create(slug="anna", name="安娜", greeting="您好。"))


@pytest.fixture
def calls() -> Iterator[list[ScriptedCall]]:
    """Calls of this process: what is appended is found by the consumers."""
    made: list[ScriptedCall] = []
    yield made
    for call in made:
        CallConsumer.live.discard(call.session)


def answer_call(plan: CallPlan, calls: list[ScriptedCall]) -> ScriptedCall:
    call = ScriptedCall(plan, StandInEngines(hears=["几点开门"], answers=["九点开门。"]))
    CallConsumer.live.add(call.session)
    calls.append(call)
    return call


async def test_who_is_not_logged_in_is_refused() -> None:
    for path in (NOW, f"/ws/now/listen/{uuid4()}/"):
        for session_key in ("", "no-such-session"):
            async with open_socket(path, session_key) as socket:
                assert await socket.closed() == 4401


def test_who_may_not_enter_the_admin_or_see_calls_is_refused() -> None:
    outsider = make_operator("view_call", staff=False, name="outsider")
    editor = make_operator("view_sample", name="editor")
    lookout = make_operator("view_call", name="lookout")

    async def scenario() -> None:
        async with outsider.socket(NOW) as socket:
            assert await socket.closed() == 4401
        async with editor.socket(NOW) as socket:
            assert await socket.closed() == 4403
        async with lookout.socket(f"/ws/now/listen/{uuid4()}/") as socket:
            assert await socket.closed() == 4403

    asyncio.run(scenario())


@pytest.mark.parametrize("origin", ["", "https://evil.example"])
def test_pages_of_other_sites_are_refused(origin: str) -> None:
    operator = make_operator("view_call")

    async def scenario() -> None:
        with pytest.raises(AssertionError, match="refused"):
            async with operator.socket(NOW, origin):
                pass

    asyncio.run(scenario())


def test_first_the_snapshot_then_what_happens(plan: CallPlan, calls: list[ScriptedCall]) -> None:
    operator = make_operator("view_call")

    async def scenario() -> None:
        call = answer_call(replace(plan, greeting=GREETING), calls)
        await call.waits(0.2)
        async with operator.socket(NOW) as socket:
            first = await socket.update()
            assert first["rights"] == {"listen": False, "hang_up": False}
            assert str(call.session.id) in first["live"]
            shown = next(c for c in first["calls"] if c["id"] == str(call.session.id))
            assert (shown["state"], shown["lines"][0]["reply"]) == ("speaking", GREETING)
            async with asyncio.timeout(PATIENCE_S):
                while not call.all("phrase_finished"):
                    await call.waits(0.2)
            await call.speaks(0.5)
            await call.waits(2.5)
            seen: list[dict[str, Any]] = []
            while not any(line["voice_to_voice_ms"] for line in lines_of(seen, call)):
                seen.append(await socket.update())
            assert "rights" not in seen[0]
            last = lines_of(seen, call)[-1]
            assert (last["caller"], last["heard"]) == ("几点开门", "九点开门。")
            (turn,) = call.all("turn_finished")
            assert last["voice_to_voice_ms"] == turn["voice_to_voice_ms"]
            assert last["largest"]["ms"] == max(share["ms"] for share in turn["contributions"])
            await call.hangs_up()
            ended = (await socket.until("calls"))["calls"][0]
            assert (ended["state"], ended["reason"]) == ("ended", "hung_up")

    asyncio.run(scenario())


def lines_of(updates: list[dict[str, Any]], call: ScriptedCall) -> list[dict[str, Any]]:
    return [
        line
        for update in updates
        for shown in update.get("calls", [])
        if shown["id"] == str(call.session.id)
        for line in shown["lines"]
    ]


def test_a_slow_page_gets_fewer_and_larger_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = make_operator("view_call")
    monkeypatch.setattr(live_consumers, "PAUSE_S", 0.01)

    async def scenario() -> None:
        async with operator.socket(NOW) as slow, operator.socket(NOW) as quick:
            first = await slow.message()
            await quick.until("calls")
            call = FedCall(feed)
            seen = 0
            for number in range(20):
                call.tells(CallEvent.TRANSCRIPT, number, text="几点", final=True)
                seen += len((await quick.until("calls"))["calls"])
            assert seen >= 20
            assert await slow.nothing(0.2)
            await slow.send({"seen": first["number"]})
            update = await slow.until("calls")
            assert [len(c["lines"]) for c in update["calls"] if c["id"] == str(call.id)] == [20]

    asyncio.run(scenario())


def test_a_page_that_never_answers_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = make_operator("view_call")
    monkeypatch.setattr(live_consumers, "PATIENCE_S", 0.1)

    async def scenario() -> None:
        async with operator.socket(NOW) as socket:
            assert await socket.closed() == 4408

    asyncio.run(scenario())


@pytest.mark.parametrize("nonsense", ["", "[]", "{", "9" * 2000, "[" * 900])
def test_nonsense_ends_the_socket(nonsense: str) -> None:
    operator = make_operator("view_call")

    async def scenario() -> None:
        async with operator.socket(NOW) as socket:
            await socket.send(nonsense or " ")
            assert await socket.closed() == 4400

    asyncio.run(scenario())


def test_each_part_is_shown_to_those_who_may_see_it() -> None:
    few = make_operator("view_call", name="few")
    everything = make_operator(
        "view_call",
        "view_sample",
        "view_alarm",
        "view_indexversion",
        "listen_call",
        "hang_up_call",
        name="all",
    )

    async def scenario() -> None:
        async with few.socket(NOW) as socket:
            shown = (await socket.until("surroundings"))["surroundings"]
            assert shown == {"assistants": {"anna": "安娜"}, "target_ms": 2000.0}
        async with everything.socket(NOW) as socket:
            first = await socket.update()
            assert first["rights"] == {"listen": True, "hang_up": True}
            shown = first.get("surroundings") or (await socket.until("surroundings"))["surroundings"]
            assert shown == SURROUNDINGS

    asyncio.run(scenario())


def test_what_cannot_be_read_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = make_operator("view_call", "view_alarm")
    works: list[bool] = []

    def read() -> Any:
        if not works:
            raise RuntimeError("a bug")
        return SURROUNDINGS

    monkeypatch.setattr(feed, "_read", read)
    monkeypatch.setattr("monitoring.live_feed.REFRESH_S", 0.05)

    async def scenario() -> None:
        async with operator.socket(NOW) as socket:
            assert (await socket.until("surroundings"))["surroundings"]["alarms"] is None
            works.append(True)
            while (await socket.until("surroundings"))["surroundings"]["alarms"] is None:
                pass

    asyncio.run(scenario())


def test_the_socket_ends_with_the_login_or_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    out, demoted = make_operator("view_call", name="out"), make_operator("view_call", name="demoted")
    monkeypatch.setattr(live_consumers, "RIGHTS_EVERY_S", 0.05)

    async def scenario() -> None:
        async with out.socket(NOW) as first, demoted.socket(NOW) as second:
            await first.update()
            await second.update()
            await sync_to_async(Session.objects.filter(pk=out.session_key).delete)()
            assert await first.closed() == 4401
            await sync_to_async(demoted.user.user_permissions.clear)()
            assert await second.closed() == 4403

    asyncio.run(scenario())


def test_hanging_up_ends_the_call_and_is_recorded(plan: CallPlan, calls: list[ScriptedCall]) -> None:
    operator = make_operator("view_call", "hang_up_call")

    async def scenario() -> None:
        call = answer_call(plan, calls)
        await call.waits(0.2)
        async with operator.socket(NOW) as socket:
            await socket.update()
            await socket.send({"hang_up": str(call.session.id)})
            while (await socket.until("calls"))["calls"][-1]["state"] != "ended":
                pass
            await call.session._stored.wait()
        assert call.closed == 1000
        assert call.all("call_ended")[0]["reason"] == "operator"
        assert call.all("operator") == []  # the caller's side is not told who

    asyncio.run(scenario())
    call = Call.objects.get()
    assert call.end_reason == "operator"
    (event,) = [event for event in call.events if event["event"] == "operator"]
    assert (event["action"], event["by"]) == ("hang_up", "li")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.get_edited_object()) == (operator.user, str(call.pk), call)
    assert entry.change_message == "挂断了通话。"


def test_hanging_up_needs_its_permission_a_call_and_the_record(
    plan: CallPlan, calls: list[ScriptedCall], monkeypatch: pytest.MonkeyPatch
) -> None:
    lookout = make_operator("view_call", "listen_call", name="lookout")
    operator = make_operator("view_call", "hang_up_call")

    def fails(*_: Any) -> None:
        raise DatabaseError("the disk is full")

    async def scenario() -> None:
        call = answer_call(plan, calls)
        hang_up = {"hang_up": str(call.session.id)}
        async with lookout.socket(NOW) as socket:
            await socket.send(hang_up)
            assert (await socket.until("failed"))["why"] == "not_permitted"
        async with operator.socket(NOW) as socket:
            await socket.send({"hang_up": str(uuid4())})
            assert (await socket.until("failed"))["why"] == "gone"
            monkeypatch.setattr(live_consumers, "record", fails)
            await socket.send(hang_up)
            assert (await socket.until("failed"))["why"] == "not_recorded"
        assert not call.session.finished
        await call.hangs_up()

    asyncio.run(scenario())
    assert Call.objects.get().end_reason == "hung_up"
    assert not LogEntry.objects.exists()


def test_listening_in_is_heard_and_recorded(plan: CallPlan, calls: list[ScriptedCall]) -> None:
    operator = make_operator("view_call", "listen_call")

    async def scenario() -> None:
        call = answer_call(replace(plan, greeting=GREETING), calls)
        async with operator.socket(f"/ws/now/listen/{call.session.id}/") as socket:
            while not listeners(call):
                await call.waits(0.05)
            heard = {"caller": b"", "assistant": b""}
            seen = 0

            async def listen_until_loud(side: str) -> None:
                nonlocal seen
                async with asyncio.timeout(PATIENCE_S):
                    while LOUD not in heard[side]:
                        piece = (await socket.receive())["bytes"]
                        end = 2 + int.from_bytes(piece[:2], "big")
                        heard["caller"] += piece[2:end]
                        heard["assistant"] += piece[end:]
                        seen += len(piece)
                        await socket.send({"seen": seen})

            await listen_until_loud("assistant")
            assert LOUD not in heard["caller"]
            talking = asyncio.create_task(call.speaks(1.5))  # which ends the greeting
            await listen_until_loud("caller")
            await talking
            await call.hangs_up()
            assert await socket.closed() == 1000
        assert call.all("operator") == []

    asyncio.run(scenario())
    assert LogEntry.objects.get().change_message == "旁听了通话。"
    told = [event for event in Call.objects.get().events if event["event"] == "operator"]
    assert [(event["action"], event["by"]) for event in told] == [("listen", "li")]


def test_who_stops_listening_is_noted_too(plan: CallPlan, calls: list[ScriptedCall]) -> None:
    operator = make_operator("view_call", "listen_call")

    async def scenario() -> None:
        call = answer_call(plan, calls)
        async with operator.socket(f"/ws/now/listen/{call.session.id}/"):
            while not listeners(call):
                await call.waits(0.05)
        assert listeners(call) == []
        await call.hangs_up()

    asyncio.run(scenario())
    told = [event["action"] for event in Call.objects.get().events if event["event"] == "operator"]
    assert told == ["listen", "stop_listening"]


def test_a_listener_who_is_slow_is_let_go_and_the_call_goes_on(
    plan: CallPlan, calls: list[ScriptedCall], monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = make_operator("view_call", "listen_call")
    monkeypatch.setattr(live_consumers, "PATIENCE_S", 0.3)
    monkeypatch.setattr("monitoring.live_audio.MAX_UNSEEN", 4000)

    async def scenario() -> None:
        call = answer_call(plan, calls)
        async with operator.socket(f"/ws/now/listen/{call.session.id}/") as socket:
            assert await socket.closed() == 4408
        assert not call.session.finished
        await call.hangs_up()

    asyncio.run(scenario())


def test_a_call_of_another_process_or_none_is_said_so() -> None:
    operator = make_operator("view_call", "listen_call")

    async def scenario() -> None:
        async with operator.socket(f"/ws/now/listen/{uuid4()}/") as socket:
            assert await socket.closed() == 4404

    asyncio.run(scenario())


def listeners(call: ScriptedCall) -> list[str]:
    found = next(c for c in feed.board.changes(0).calls if c["id"] == str(call.session.id))
    names: list[str] = found["listeners"]
    return names
