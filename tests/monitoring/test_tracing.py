"""Traces of scripted calls: true times, bounded attributes, no words where they may not go."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import REGISTRY

from aiker.calls import observing
from aiker.calls.models import Assistant, Call
from aiker.calls.plan import plan_for
from aiker.calls.tools.models import Tool
from aiker.config import BASE_DIR, load_config
from engines.errors import EngineError
from monitoring import otlp
from monitoring.bounded_writer import BoundedWriter
from monitoring.otlp import Sender
from monitoring.tracing import CallTraces, SpanData, stages
from tests.calls.scripted import ScriptedCall, StandInEngines, play
from tests.monitoring.collector import attributes, collecting

pytestmark = pytest.mark.django_db(transaction=True)
ANSWERED_NS = 1_795_000_000_000_000_000
MS = 1_000_000
ATTRIBUTES = {
    "call": {"call_id", "assistant", "profile", "wire", "turns", "end_reason"},
    "turn": {
        "assistant", "profile", "turn", "outcome", "passages", "barge_ins", "voice_to_voice_ms",
        "knowledge_version", "error_stage",
    },
    "tool": {"tool"},
    "reply": set(),
}  # fmt: skip
STAGE = {"stage", "share_ms", "engine", "engines_skipped"}
WORDS = {"user_text", "assistant_text", "heard_text", "caller"}


@pytest.fixture
def plan() -> Any:
    return plan_for(Assistant.objects.create(slug="anna", name="安娜"))


@contextmanager
def listening(put: Callable[[SpanData], None], *, texts: bool = False) -> Iterator[CallTraces]:
    traces = CallTraces(put, texts=texts, wall_ns=lambda: ANSWERED_NS)
    observing.call_event.connect(traces.on_event)
    try:
        yield traces
    finally:
        observing.call_event.disconnect(traces.on_event)


def call_of_one_turn(plan: Any, **engines: Any) -> list[dict[str, Any]]:
    """Play a call with one question; return its events."""
    events: list[dict[str, Any]] = []

    async def scenario() -> None:
        script: dict[str, Any] = {"hears": ["几点开门"], "answers": ["九点开门。"]} | engines
        call = ScriptedCall(plan, StandInEngines(**script))
        await call.waits(2)
        await call.speaks(1)
        await call.waits(6)
        await call.hangs_up()
        events.extend(call.events)

    play(scenario)
    return events


def traced(plan: Any, *, texts: bool = False, **engines: Any) -> tuple[list[SpanData], list[dict[str, Any]]]:
    spans: list[SpanData] = []
    with listening(spans.append, texts=texts):
        events = call_of_one_turn(plan, **engines)
    return spans, events


def ms(ns: int) -> float:
    return (ns - ANSWERED_NS) / MS


def named(spans: list[SpanData], name: str) -> SpanData:
    (found,) = [span for span in spans if span.name == name]
    return found


def test_a_call_is_a_trace_with_a_span_for_its_turn_and_each_step_below(plan: Any) -> None:
    spans, events = traced(plan)
    call, turn = named(spans, "call"), named(spans, "turn")
    assert (call.call, call.parent, turn.parent) == (Call.objects.get().pk, 0, call.id)
    steps = {span.name for span in spans if span.parent == turn.id}
    assert steps == {
        "endpoint_wait", "stt", "llm_first_token", "first_clause", "tts_first_audio", "playout", "reply",
    }  # fmt: skip
    assert len({span.id for span in spans}) == len(spans) == len(steps) + 2
    (ended,) = [event for event in events if event["event"] == "call_ended"]
    assert (ms(call.start_ns), ms(call.end_ns)) == (0, ended["at_ms"])
    assert call.attributes["aiker.end_reason"] == "hung_up"


def test_the_times_are_those_of_what_happened(plan: Any) -> None:
    spans, events = traced(plan, recognition_s=0.3, thinks_s=0.25)

    def at(name: str, which: int = 0) -> int:
        return [event["at_ms"] for event in events if event["event"] == name][which]

    # How long the stand-ins take, by themselves; each began when what it needs was there.
    durations = {span.name: ms(span.end_ns) - ms(span.start_ns) for span in spans}
    assert durations["stt"] == pytest.approx(300, abs=5)
    assert durations["llm_first_token"] == pytest.approx(250, abs=5)
    assert durations["tts_first_audio"] == pytest.approx(100, abs=5)
    # When the call itself said so.
    assert ms(named(spans, "stt").start_ns) == pytest.approx(at("speech_paused", -1), abs=2)
    assert ms(named(spans, "stt").end_ns) == pytest.approx(at("transcript"), abs=2)
    assert ms(named(spans, "endpoint_wait").end_ns) == pytest.approx(at("turn_committed"), abs=2)
    turn = named(spans, "turn")
    assert ms(turn.start_ns) == pytest.approx(at("speech_started"), abs=2)
    assert ms(turn.end_ns) == at("turn_finished")
    for span in spans:
        assert span.start_ns <= span.end_ns
        if span.parent:
            assert named(spans, "call").start_ns <= span.start_ns
            assert span.end_ns <= named(spans, "call").end_ns


def test_what_the_caller_waited_for_adds_up(plan: Any) -> None:
    spans, events = traced(plan)
    (finished,) = [event for event in events if event["event"] == "turn_finished"]
    shares = [int(span.attributes.get("aiker.share_ms", 0)) for span in spans]
    assert sum(shares) == finished["voice_to_voice_ms"] > 0
    turn, playout = named(spans, "turn"), named(spans, "playout")
    assert turn.attributes["aiker.voice_to_voice_ms"] == finished["voice_to_voice_ms"]
    waited = ms(playout.end_ns) - ms(named(spans, "endpoint_wait").start_ns)
    assert waited == pytest.approx(finished["voice_to_voice_ms"], abs=2)


@pytest.mark.parametrize("texts", [False, True])
def test_attributes_are_of_a_known_set_and_words_only_where_allowed(plan: Any, texts: bool) -> None:
    spans, _ = traced(plan, texts=texts)
    for span in spans:
        known = ATTRIBUTES.get(span.name, STAGE) | (WORDS if texts and span.name == "turn" else set())
        assert {name.removeprefix("aiker.") for name in span.attributes} <= known
    everything = str([span.attributes for span in spans])
    assert ("几点开门" in everything, "九点开门" in everything) == (texts, texts)


def test_a_failure_is_an_error_of_the_turn(plan: Any) -> None:
    spans, _ = traced(plan, answers=[EngineError("llm", "timeout", "几点开门: no answer")])
    turn = named(spans, "turn")
    assert (turn.error, turn.attributes["aiker.outcome"]) == ("timeout", "failed")
    assert turn.attributes["aiker.error_stage"] == "llm"
    assert "几点开门" not in str(spans)  # nor in what engines say of it


def test_an_interrupting_turn_begins_where_the_caller_did(plan: Any) -> None:
    spans: list[SpanData] = []
    events: list[dict[str, Any]] = []

    async def scenario() -> None:
        call = ScriptedCall(
            plan, StandInEngines(hears=["说说看", "停"], answers=["很长的一段话。" * 5, "好。"])
        )
        await call.waits(2)
        await call.speaks(1)
        await call.waits(3)
        await call.speaks(1)
        await call.waits(5)
        await call.hangs_up()
        events.extend(call.events)

    with listening(spans.append):
        play(scenario)
    first, second = sorted((s for s in spans if s.name == "turn"), key=lambda span: span.start_ns)
    assert first.attributes["aiker.outcome"] == "interrupted"
    starts = [event["at_ms"] for event in events if event["event"] == "speech_started"]
    assert [ms(first.start_ns), ms(second.start_ns)] == pytest.approx(starts, abs=2)


def test_calls_leave_nothing_behind(plan: Any) -> None:
    with listening(lambda _span: None) as traces:
        call_of_one_turn(plan)
        assert traces._live == {}


def test_a_step_that_waited_for_the_turn_to_be_over_did_not_begin_before() -> None:
    moments = {"committed": 600.0, "transcript": 300.0, "first_token": 900.0, "end_of_turn": {}}
    assert list(stages(moments, 20.0)) == [
        ("endpoint_wait", 0.0, 600.0), ("stt", 20.0, 300.0), ("llm_first_token", 600.0, 900.0),
    ]  # fmt: skip
    guessed = moments | {"end_of_turn": {"speculative_runs": 1}, "first_token": 500.0}
    assert list(stages(guessed, 20.0))[-1] == ("llm_first_token", 300.0, 500.0)


# -- as OpenTelemetry sees them


def test_opentelemetry_has_the_same_spans(plan: Any) -> None:
    data, _ = traced(plan, answers=[EngineError("llm", "timeout", "no answer")])
    exporter = InMemorySpanExporter()
    Sender(exporter, texts=False).send(data)
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert len(spans) == len(data)
    for given in data:
        made = spans[given.name]
        assert (made.start_time, made.end_time) == (given.start_ns, given.end_ns)
        assert made.context.trace_id == Call.objects.get().pk.int
        assert made.context.span_id == given.id
        assert (made.parent.span_id if made.parent else 0) == given.parent
        assert dict(made.attributes or {}).items() >= given.attributes.items()
    assert spans["call"].kind is SpanKind.SERVER
    assert spans["turn"].status.status_code is StatusCode.ERROR
    assert (spans["turn"].attributes or {})["error.type"] == "timeout"
    assert spans["stt"].resource.attributes["service.name"] == "aiker"


@pytest.mark.parametrize("texts", [False, True])
def test_the_callers_number_goes_only_where_allowed(plan: Any, texts: bool) -> None:
    data, _ = traced(plan)
    Call.objects.update(caller="13800000000")
    exporter = InMemorySpanExporter()
    Sender(exporter, texts=texts).send(data)
    found = [dict(span.attributes or {}).get("aiker.caller") for span in exporter.get_finished_spans()]
    assert found.count("13800000000") == texts


@pytest.fixture
def connected() -> Iterator[Callable[[str], CallTraces]]:
    made: list[CallTraces] = []

    def connect(url: str) -> CallTraces:
        made.append(otlp.connect(url, texts=False))
        return made[-1]

    yield connect
    for traces in made:
        observing.call_event.disconnect(traces.on_event)


def dropped() -> float:
    return REGISTRY.get_sample_value("aiker_trace_spans_dropped_total") or 0.0


def test_a_collector_gets_the_trace_over_http(plan: Any, connected: Callable[[str], CallTraces]) -> None:
    with collecting() as collector:
        traces = connected(collector.url)
        began = time.time_ns()
        events = call_of_one_turn(plan)
        spans = collector.wait_for(9)
        assert traces._live == {}
    assert {span.trace_id for span in spans} == {Call.objects.get().pk.bytes}
    by_name = {span.name: span for span in spans}
    assert set(by_name) >= {"call", "turn", "stt", "llm_first_token", "tts_first_audio", "playout"}
    assert by_name["call"].parent_span_id == b""
    assert by_name["turn"].parent_span_id == by_name["call"].span_id
    assert by_name["stt"].parent_span_id == by_name["turn"].span_id
    assert by_name["call"].start_time_unix_nano == pytest.approx(began, abs=60e9)
    (finished,) = [event for event in events if event["event"] == "turn_finished"]
    total = attributes(by_name["turn"].attributes)["aiker.voice_to_voice_ms"]
    assert total == finished["voice_to_voice_ms"]
    assert collector.resources[0]["service.name"] == "aiker"


def test_a_collector_that_refuses_costs_spans_and_nothing_else(
    plan: Any, connected: Callable[[str], CallTraces], caplog: pytest.LogCaptureFixture
) -> None:
    before = dropped()
    with collecting() as collector:
        collector.status = 400
        connected(collector.url)
        events = call_of_one_turn(plan)
        deadline, pause = time.monotonic() + 20, threading.Event()
        while dropped() - before < 9 and time.monotonic() < deadline:
            pause.wait(0.02)
    assert dropped() - before == 9
    assert "spans are lost" in caplog.text
    assert [event["heard_text"] for event in events if event["event"] == "turn_finished"] == ["九点开门。"]


def test_a_collector_that_hangs_fills_the_line_and_the_rest_is_counted(
    plan: Any, monkeypatch: pytest.MonkeyPatch, connected: Callable[[str], CallTraces]
) -> None:
    monkeypatch.setattr(otlp, "LIMIT", 5)
    before = dropped()
    with collecting() as collector:
        collector.let_go.clear()
        connected(collector.url)
        began = time.monotonic()
        for _ in range(3):
            call_of_one_turn(plan)
        assert time.monotonic() - began < 10  # as the calls are scripted: no wait for the collector
        # Three calls of nine spans; the thread holds at most the first ones, five wait.
        assert 3 * 9 - 5 - 9 <= dropped() - before <= 3 * 9 - 5
        collector.let_go.set()


def test_spans_cost_the_event_loop_microseconds(plan: Any) -> None:
    traces = CallTraces(BoundedWriter[SpanData](lambda _: None, 100_000).put, texts=False)
    events: list[tuple[Any, Any]] = []

    def keep(call: Any, event: Any, **_: Any) -> None:
        events.append((call, event))

    observing.call_event.connect(keep)
    try:
        call_of_one_turn(plan)
    finally:
        observing.call_event.disconnect(keep)
    times = []
    for _ in range(50):
        began = time.thread_time()
        for call, event in events:
            traces.on_event(call, event)
        times.append(time.thread_time() - began)
    # A whole call of a turn; time that other processes had does not count.
    print(f"a call of one turn: {min(times) * 1e6:.0f} µs for {len(events)} events")
    assert min(times) < 0.002


@pytest.mark.usefixtures("plan")
def test_a_tool_is_a_span_of_its_turn() -> None:
    assistant = Assistant.objects.get()
    tool = Tool.objects.create(
        slug="transfer",
        name="转人工",
        kind="transfer",
        phrases="转人工",
        target="8001",
        answer="正在为您转接。",
    )
    tool.assistants.add(assistant)
    spans, events = traced(plan_for(assistant), hears=["转人工"], answers=[])
    tool_span, turn = named(spans, "tool"), named(spans, "turn")
    assert (tool_span.parent, tool_span.attributes) == (turn.id, {"aiker.tool": "transfer"})
    times = [e["at_ms"] for e in events if e["event"] in ("tool_started", "tool_finished")]
    assert [ms(tool_span.start_ns), ms(tool_span.end_ns)] == times


def test_the_endpoint_of_the_settings_connects_a_process(tmp_path: Path) -> None:
    code = (
        "import django; django.setup()\n"
        "from aiker.calls.observing import call_event\n"
        "print(len(call_event.receivers))"
    )
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "aiker.settings", "AIKER_DATA_DIR": str(tmp_path)}
    listeners = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=BASE_DIR,
            env=env | {"AIKER_OTLP_ENDPOINT": endpoint},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for endpoint in ("", "http://127.0.0.1:4318")
    ]
    assert int(listeners[1]) == int(listeners[0]) + 1  # and nothing listens unless it is set


def test_an_endpoint_that_is_no_address_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIKER_OTLP_ENDPOINT", "collector:4318")
    with pytest.raises(ImproperlyConfigured, match="AIKER_OTLP_ENDPOINT"):
        load_config()
