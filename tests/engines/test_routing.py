"""Which engine is asked, by a scripted clock."""

import asyncio

import pytest

from engines.errors import EngineError
from engines.routing import FAILURES, REST_S, Breaker, Breakers, Endpoint, Routes, Skipped
from tests.calls.scripted import play

A = Endpoint("a", "http://a/v1", "m", timeout_s=1.0)
B = Endpoint("b", "http://b/v1", "m", timeout_s=1.0)


class Engines:
    """What each engine does: an answer, an EngineError, or seconds to think before the answer."""

    def __init__(self, **does: object) -> None:
        self.does = does
        self.asked: list[str] = []

    async def __call__(self, endpoint: Endpoint) -> str:
        self.asked.append(endpoint.engine)
        act = self.does[endpoint.engine]
        if isinstance(act, EngineError):
            raise act
        if isinstance(act, float):
            await asyncio.sleep(act)
        return f"from {endpoint.engine}"


DOWN = EngineError("stt", "unreachable", "down")


def test_the_first_is_asked_alone_while_it_works() -> None:
    async def scenario() -> None:
        engines = Engines(a=0.5, b=0.0)
        result, served = await Routes("stt", [A, B], Breakers()).first(engines)

        assert (result, served.engine, served.skipped) == ("from a", "a", ())
        assert engines.asked == ["a"]

    play(scenario)


@pytest.mark.parametrize(("act", "why"), [(DOWN, "unreachable"), (5.0, "timeout")])
def test_the_next_serves_when_one_errs_or_is_late(act: object, why: str) -> None:
    async def scenario() -> None:
        result, served = await Routes("stt", [A, B], Breakers()).first(Engines(a=act, b=0.0))

        assert (result, served.skipped) == ("from b", (Skipped("a", why),))
        assert asyncio.get_running_loop().time() <= A.timeout_s

    play(scenario)


def test_when_none_serves_the_last_error_is_raised_with_its_stage() -> None:
    async def scenario() -> None:
        with pytest.raises(EngineError, match="gave no result within 1 s") as raised:
            await Routes("stt", [A, B], Breakers()).first(Engines(a=DOWN, b=9.0))
        assert (raised.value.stage, raised.value.code) == ("stt", "timeout")

    play(scenario)


def test_a_broken_engine_rests_and_comes_back_by_itself() -> None:
    async def scenario() -> None:
        engines, routes = Engines(a=DOWN, b=0.0), Routes("stt", [A, B], Breakers())
        for _ in range(FAILURES):
            await routes.first(engines)
        engines.asked.clear()
        _, served = await routes.first(engines)
        assert (engines.asked, served.skipped) == (["b"], (Skipped("a", "breaker_open"),))

        await asyncio.sleep(REST_S)
        engines.does["a"] = 0.0
        _, served = await routes.first(engines)
        assert (served.engine, served.skipped) == ("a", ())
        assert (await routes.first(engines))[1].engine == "a"

    play(scenario)


def test_when_all_rest_they_are_asked_all_the_same() -> None:
    async def scenario() -> None:
        engines, routes = Engines(a=DOWN), Routes("stt", [A], Breakers())
        for _ in range(FAILURES):
            with pytest.raises(EngineError):
                await routes.first(engines)
        engines.does["a"] = 0.0

        assert (await routes.first(engines))[1].engine == "a"

    play(scenario)


def test_one_request_tries_a_resting_engine_at_a_time() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(0.0)

    assert not breaker.allows(REST_S - 1)
    assert [breaker.allows(REST_S), breaker.allows(REST_S)] == [True, False]
    assert breaker.allows(2 * REST_S)


def test_cancelling_the_caller_is_no_failure_of_the_engine() -> None:
    async def scenario() -> None:
        engines, routes = Engines(a=0.5, b=0.0), Routes("stt", [A, B], Breakers())
        for _ in range(FAILURES + 1):
            asked = asyncio.create_task(routes.first(engines))
            await asyncio.sleep(0.1)
            asked.cancel()
            await asyncio.wait([asked])

        assert (await routes.first(engines))[1].engine == "a"

    play(scenario)
