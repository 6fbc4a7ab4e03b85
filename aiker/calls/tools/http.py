"""Send a tool's request: to an allowed host, to the address that was checked, within its time.

::

    response = await send(request)       # raises ToolError: host, unreachable, timeout, status, redirect, ...
    response.result                      # what JSON said, or a short text

Redirects are not followed and no proxy of the environment is used: both would lead elsewhere. The connection
goes to the very address that was checked, so a name cannot mean another one a moment later.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from django.conf import settings

from aiker.calls.tools.hosts import USUAL_PORTS, check_address, host_problem
from aiker.calls.tools.request import Request
from aiker.calls.tools.spec import ToolError

MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """What came: the status, the JSON value or text (None: nothing), and the ms it took."""

    status: int
    result: Any
    ms: int


Send = Callable[[Request], Awaitable[Response]]


async def send(request: Request) -> Response:
    """Return the answer to ``request`` of a tool; ToolError when there is none that can be used."""
    began = time.perf_counter()
    status, content_type, body = await exchange(request, settings.AIKER.tool_hosts)
    host = urlsplit(request.url).hostname or ""
    return Response(status, _result(host, content_type, body), round((time.perf_counter() - began) * 1000))


async def exchange(
    request: Request, allowed: Sequence[str], setting: str = "AIKER_TOOL_HOSTS"
) -> tuple[int, str, bytes]:
    """Return status (2xx), content type and body, whatever it is; ToolError when ``request`` failed.

    ``allowed`` are the hosts that it may go to, from the setting named.
    """
    host = urlsplit(request.url).hostname or ""
    try:
        async with asyncio.timeout(request.timeout_s):
            status, content_type, body = await _exchange(request, allowed, setting)
    except TimeoutError:
        raise ToolError("timeout", f"{host} gave no answer within {request.timeout_s:g} s") from None
    except (httpx.HTTPError, OSError, ssl.SSLError) as exc:
        raise ToolError("unreachable", f"{host} cannot be reached ({type(exc).__name__}: {exc})") from exc
    if 300 <= status < 400:
        raise ToolError("redirect", f"{host} answered {status}: redirects are not followed")
    if not 200 <= status < 300:
        raise ToolError("status", f"{host} answered {status}")
    return status, content_type, body


async def _exchange(request: Request, allowed: Sequence[str], setting: str) -> tuple[int, str, bytes]:
    error: Exception | None = None
    url = httpx.URL(request.url)
    for address in await _addresses(request.url, allowed, setting):
        # A client for each request: connections kept open would be found again by their address alone.
        trusted = await asyncio.to_thread(_certificates)
        async with httpx.AsyncClient(verify=trusted, trust_env=False, timeout=None) as client:
            try:
                return await _ask(client, request, url, address)
            except httpx.ConnectError as exc:  # nothing was sent yet
                error = exc
    assert error is not None
    raise error


async def _ask(
    client: httpx.AsyncClient, request: Request, url: httpx.URL, address: str
) -> tuple[int, str, bytes]:
    host = url.netloc.decode("ascii")
    message = client.build_request(
        request.method,
        url.copy_with(host=address),
        headers={**request.headers, "Host": host, "Accept-Encoding": "identity"},
        content=request.body or None,
        extensions={"sni_hostname": url.host},
    )
    response = await client.send(message, stream=True)
    try:
        body = b""
        async for piece in response.aiter_raw(8192):
            body += piece
            if len(body) > MOST_BYTES:
                raise ToolError("too_large", f"{host} answered with more than {MOST_BYTES // 1024} KiB")
    finally:
        await response.aclose()
    return response.status_code, response.headers.get("content-type", ""), body


async def _addresses(url: str, allowed: Sequence[str], setting: str) -> list[str]:
    """Return what the host stands for; ToolError when it, or any of that, is not allowed."""
    if problem := host_problem(url, allowed, setting):
        raise ToolError("host", problem)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or USUAL_PORTS[parts.scheme]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        check_address(host, address, settings.AIKER.local_hosts)
    return addresses


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Return who is trusted, read once: it takes the event loop tens of milliseconds."""
    return ssl.create_default_context()


def _result(host: str, content_type: str, body: bytes) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    if not body.strip():
        return None
    if kind == "text/plain":
        return body.decode("utf-8", "replace").strip()
    if kind.endswith("json") or not kind:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise ToolError("not_json", f"{host} answered with broken JSON") from None
    raise ToolError("not_json", f"{host} answered with {kind} instead of JSON or plain text")
