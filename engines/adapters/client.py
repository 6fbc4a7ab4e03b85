"""One kind of client for every engine: the OpenAI API, wherever the engine runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, AsyncOpenAI

from engines.errors import EngineError

# Long enough for a slow engine on two busy cores, short enough for a caller to still be there.
TIMEOUT_S = 15.0


def make_client(base_url: str, api_key: str = "local") -> AsyncOpenAI:
    """Return a client that keeps its connections open and never retries behind the caller's back."""
    return AsyncOpenAI(base_url=base_url, api_key=api_key, timeout=TIMEOUT_S, max_retries=0)


@contextmanager
def engine_errors(stage: str, url: str) -> Iterator[None]:
    """Turn what the client raises into EngineError with ``stage``."""
    try:
        yield
    except APITimeoutError as exc:
        raise EngineError(stage, "timeout", f"{url} did not answer within {TIMEOUT_S:.0f} s") from exc
    except APIConnectionError as exc:
        raise EngineError(
            stage, "unreachable", f"{url} cannot be reached; is its process running? ({exc.__cause__ or exc})"
        ) from exc
    except APIStatusError as exc:
        raise EngineError(stage, "refused", f"{url} answered {exc.status_code}: {exc.message}") from exc
    except (APIError, httpx2.HTTPError) as exc:  # a body that breaks off reaches us as httpx2 raised it
        raise EngineError(stage, "broken", f"{url} broke off: {exc}") from exc
