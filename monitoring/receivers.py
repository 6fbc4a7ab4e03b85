"""What is heard of calls becomes metrics; on the event loop, so nothing here waits for anything."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from aiker.calls import observing
from aiker.calls.events import CallEvent, Event
from aiker.calls.observing import CallIdentity
from aiker.loop_lag import loop_lagged
from monitoring import metrics
from monitoring.outcomes import outcome_of
from monitoring.web_samples import web_samples

# The close codes of ``aiker.calls.consumers``.
REFUSALS = {
    4401: "token",
    4404: "unknown_assistant",
    4406: "profile",
    4408: "no_start",
    4409: "twice",
    4415: "codec",
    4429: "too_many",
}


@receiver(observing.call_event)
def on_event(call: CallIdentity, event: Event, **_: Any) -> None:
    if handler := _HANDLERS.get(event.kind):
        handler(call, event.data)


@receiver(observing.call_refused)
def on_refused(code: int, **_: Any) -> None:
    metrics.CALLS.labels(outcome=f"refused_{REFUSALS.get(code, 'other')}").inc()


@receiver(observing.frames_dropped)
def on_dropped(reason: str, frames: int, **_: Any) -> None:
    metrics.FRAMES_DROPPED.labels(reason=reason).inc(frames)


@receiver(loop_lagged)
def on_lag(seconds: float, **_: Any) -> None:
    metrics.LOOP_LAG.observe(seconds)
    web_samples.lagged(seconds)


def _started(_call: CallIdentity, _data: dict[str, Any]) -> None:
    metrics.CALLS_ACTIVE.inc()
    web_samples.calls += 1


def _ended(_call: CallIdentity, data: dict[str, Any]) -> None:
    metrics.CALLS_ACTIVE.dec()
    web_samples.calls -= 1
    metrics.CALLS.labels(outcome=data["reason"]).inc()


def _held(_call: CallIdentity, data: dict[str, Any]) -> None:
    metrics.BARGE_IN_STOP.observe(data["stop_ms"] / 1000)


def _interrupted(_call: CallIdentity, _data: dict[str, Any]) -> None:
    metrics.BARGE_INS.inc()


def _turn_finished(call: CallIdentity, data: dict[str, Any]) -> None:
    total_ms = data["voice_to_voice_ms"]
    metrics.TURNS.labels(outcome=outcome_of(data)).inc()
    for stop in data["retrieval"].get("guard", {}).get("stopped", ()):
        metrics.GUARD_STOPS.labels(kind=stop["kind"]).inc()
    if total_ms is None:
        return
    shares = {share["name"]: share["ms"] for share in data["contributions"]}
    for stage, ms in {**shares, "total": total_ms}.items():
        metrics.TURN_LATENCY.labels(stage=stage, profile=call.profile).observe(ms / 1000)


def _error(_call: CallIdentity, data: dict[str, Any]) -> None:
    metrics.ENGINE_ERRORS.labels(stage=data["stage"], code=data["code"]).inc()


_HANDLERS = {
    CallEvent.CALL_STARTED: _started,
    CallEvent.CALL_ENDED: _ended,
    CallEvent.REPLY_HELD: _held,
    CallEvent.INTERRUPTED: _interrupted,
    CallEvent.TURN_FINISHED: _turn_finished,
    CallEvent.ERROR: _error,
}
