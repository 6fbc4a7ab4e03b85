"""One kind of client for every engine: the OpenAI API, wherever the engine runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from weakref import WeakKeyDictionary

import httpx2
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, AsyncOpenAI

from engines.errors import EngineError
from engines.routing import Endpoint, Routes, Served

T = TypeVar("T")
Note = Callable[[Served], None]

# The longest that a connection may be silent; the time limit of an endpoint is usually shorter.
SILENCE_S = 30.0
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], AsyncOpenAI]] = (
    WeakKeyDictionary()
)


def client_for(endpoint: Endpoint) -> AsyncOpenAI:
    """Return the client of ``endpoint`` that belongs to the running event loop.

    It keeps its connections open and never retries behind the caller's back.
    """
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    key = (endpoint.url, endpoint.api_key)
    if key not in clients:
        clients[key] = AsyncOpenAI(base_url=key[0], api_key=key[1], timeout=SILENCE_S, max_retries=0)
    return clients[key]


@contextmanager
def engine_errors(stage: str, url: str) -> Iterator[None]:
    """Turn what the client raises into EngineError with ``stage``."""
    try:
        yield
    except APITimeoutError as exc:
        raise EngineError(stage, "timeout", f"{url} was silent for {SILENCE_S:.0f} s") from exc
    except APIConnectionError as exc:
        raise EngineError(
            stage, "unreachable", f"{url} cannot be reached; is its process running? ({exc.__cause__ or exc})"
        ) from exc
    except APIStatusError as exc:
        raise EngineError(stage, "refused", f"{url} answered {exc.status_code}: {exc.message}") from exc
    # A body that breaks off reaches us as httpx2 raised it, one that is no JSON as the decoder did.
    except (APIError, httpx2.HTTPError, ValueError) as exc:
        raise EngineError(stage, "broken", f"{url} broke off: {exc}") from exc


async def routed_stream(
    routes: Routes,
    open_stream: Callable[[Endpoint], AsyncGenerator[T, None]],
    note: Note,
    stall_s: float = SILENCE_S,
) -> AsyncGenerator[T, None]:
    """Yield what the first engine gives that gives anything in time.

    Once it has begun, another engine cannot take over in the middle: a stream that breaks off, or gives
    nothing for ``stall_s`` or the endpoint's time limit, raises EngineError.
    """

    async def begin(endpoint: Endpoint) -> tuple[T | None, AsyncGenerator[T, None], Endpoint]:
        stream = open_stream(endpoint)
        try:
            return await anext(stream, None), stream, endpoint
        except BaseException:
            await stream.aclose()
            raise

    (item, stream, endpoint), served = await routes.first(begin)
    note(served)
    try:
        while item is not None:
            yield item
            async with asyncio.timeout(min(stall_s, endpoint.timeout_s)):
                item = await anext(stream, None)
    except TimeoutError as exc:
        routes.failed(endpoint)
        message = f"{endpoint.url} fell silent for {min(stall_s, endpoint.timeout_s):g} s"
        raise EngineError(routes.stage, "timeout", message) from exc
    except EngineError as exc:
        routes.failed(endpoint)
        if exc.code == "unreachable":  # how the client calls a connection that is lost on the way
            raise EngineError(exc.stage, "broken", exc.message) from exc
        raise
    finally:
        await stream.aclose()
