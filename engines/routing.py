"""Which engine of a stage is asked now, and what happens when it fails.

::

    routes = Routes("stt", [endpoint_a, endpoint_b], breakers)
    text, served = await routes.first(lambda endpoint: ask(endpoint))
    served.engine, served.skipped       # "b", (Skipped("a", "timeout"),)

The order is the operator's. An engine that errs or is over its time limit is passed over for this
request; after ``FAILURES`` in a row its breaker opens and it is not asked for ``REST_S`` seconds. Then
one request tries it again: it comes back by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from engines.errors import EngineError
from engines.usage import Usage

logger = logging.getLogger(__name__)
T = TypeVar("T")

FAILURES = 3
REST_S = 30.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One engine as a client reaches it: an OpenAI-compatible address and a model name there.

    ``timeout_s`` is until its first result; ``voice`` is what this engine calls the assistant's voice.
    ``revision`` changes with what a speech engine is made of (``engines.revisions``).
    """

    engine: str
    url: str
    model: str
    api_key: str = field(default="local", repr=False)
    timeout_s: float = 15.0
    voice: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An engine that was passed over; ``why`` is a code of EngineError, or ``breaker_open``."""

    engine: str
    why: str


@dataclass(frozen=True, slots=True)
class Served:
    """Who served one request of a stage, and who did not, in order.

    ``certainty`` is what a recogniser said of itself (``avg_logprob``, ``no_speech_prob``), empty where it
    does not say.
    """

    stage: str
    engine: str
    skipped: tuple[Skipped, ...] = ()
    certainty: dict[str, float] = field(default_factory=dict, compare=False)

    def as_dict(self) -> dict[str, object]:
        shown: dict[str, object] = {
            "engine": self.engine,
            "skipped": [{"engine": skipped.engine, "why": skipped.why} for skipped in self.skipped],
        }
        return shown | {"certainty": self.certainty} if self.certainty else shown


class Breaker:
    """Pure: time in seconds is handed in."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_from = 0.0

    def allows(self, now: float) -> bool:
        """Whether a request may go there; the first one after the rest is the trial."""
        if self._failures < FAILURES:
            return True
        if now < self._closed_from:
            return False
        self._closed_from = now + REST_S  # others wait for what the trial shows
        return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self, now: float) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._closed_from = now + REST_S


class Breakers:
    """The breakers of a process, one an address and model, shared by all calls."""

    def __init__(self) -> None:
        self._breakers: dict[tuple[str, str], Breaker] = {}

    def of(self, endpoint: Endpoint) -> Breaker:
        return self._breakers.setdefault((endpoint.url, endpoint.model), Breaker())


class Routes:
    """The engines of one stage for one call, in their order; see the module."""

    def __init__(
        self, stage: str, endpoints: Sequence[Endpoint], breakers: Breakers, usage: Usage | None = None
    ) -> None:
        if not endpoints:
            raise ValueError(f"the stage {stage} has no engine")
        self.stage = stage
        self.usage = usage if usage is not None else Usage()
        self.endpoints = tuple(endpoints)
        self._breakers = breakers

    async def first(self, ask: Callable[[Endpoint], Awaitable[T]]) -> tuple[T, Served]:
        """Return the first result that an engine gives in time; EngineError of the last when none does."""
        skipped: list[Skipped] = []
        error: EngineError | None = None
        # When all of them rest, asking is the caller's only chance.
        for only_allowed in (True, False):
            for endpoint in self.endpoints:
                if only_allowed and not self._breakers.of(endpoint).allows(_now()):
                    skipped.append(Skipped(endpoint.engine, "breaker_open"))
                    continue
                try:
                    return await self._ask(endpoint, ask), Served(self.stage, endpoint.engine, tuple(skipped))
                except EngineError as exc:
                    error = exc
                    skipped.append(Skipped(endpoint.engine, exc.code))
                    logger.warning("%s: %s passed over: %s", self.stage, endpoint.engine, exc.message)
            if error:
                raise error
            skipped.clear()
        raise AssertionError("there is at least one engine")

    def failed(self, endpoint: Endpoint) -> None:
        """Count a failure that came after the first result."""
        self._breakers.of(endpoint).failed(_now())

    async def _ask(self, endpoint: Endpoint, ask: Callable[[Endpoint], Awaitable[T]]) -> T:
        breaker = self._breakers.of(endpoint)
        try:
            async with asyncio.timeout(endpoint.timeout_s):
                result = await ask(endpoint)
        except TimeoutError as exc:
            breaker.failed(_now())
            message = f"{endpoint.url} gave no result within {endpoint.timeout_s:g} s"
            raise EngineError(self.stage, "timeout", message) from exc
        except EngineError:
            breaker.failed(_now())
            raise
        breaker.succeeded()
        return result


def _now() -> float:
    return asyncio.get_running_loop().time()
