"""The HTTP request of a tool, as it will be sent and as it may be shown. Pure.

::

    request = build(tool, {"order": "1024"}, about={"call_id": "..."}, request_id="...", now_s=time.time())
    request.url                # "https://crm.example.com/orders/1024"
    shown(request)             # the same without the values of headers

A look-up with GET carries its arguments in the address, everything else as JSON (docs/tools.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from aiker.calls.tools.spec import Kind, ToolError, ToolSpec
from aiker.calls.tools.template import PLACE
from aiker.signing import SIGNATURE, sign

OWN_HEADERS = {"content-type", "content-length", "host", "connection", "transfer-encoding", "accept-encoding"}
"""What the transport says itself."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = b""
    timeout_s: float = 5.0


def build(
    tool: ToolSpec, arguments: dict[str, Any], about: Mapping[str, Any], *, request_id: str, now_s: float
) -> Request:
    """Return the request; ``about`` is what the receiver is told of the call. Raises ToolError."""
    if tool.broken:
        raise ToolError("secrets", tool.broken)
    url, rest = _address(tool.url, arguments)
    headers = {**dict(tool.headers), "Accept": "application/json", "X-Aiker-Request": request_id}
    if tool.kind is Kind.LOOKUP and tool.method == "GET":
        return Request("GET", _with_query(url, rest), headers, timeout_s=tool.timeout_s)
    content = {"tool": tool.slug, "kind": tool.kind.value, "request_id": request_id, **about}
    if tool.target:
        content["target"] = tool.target
    content["arguments"] = arguments
    body = json.dumps(content, ensure_ascii=False).encode()
    headers["Content-Type"] = "application/json"
    if tool.signing_key:
        headers[SIGNATURE] = sign(tool.signing_key, body, now_s=now_s)
    return Request("POST", url, headers, body, tool.timeout_s)


def shown(request: Request, secret_names: set[str]) -> dict[str, Any]:
    """Return the request as an operator may see it: of the headers in ``secret_names`` only the names."""
    headers = {
        name: "••••••" if name in secret_names or name == SIGNATURE else value
        for name, value in request.headers.items()
    }
    body = json.dumps(json.loads(request.body), ensure_ascii=False, indent=2) if request.body else ""
    return {"method": request.method, "url": request.url, "headers": headers, "body": body}


def _address(url: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the address with its places filled, and the arguments that had none."""
    used: set[str] = set()

    def value(name: str) -> str:
        used.add(name)
        given = arguments.get(name)
        text = json.dumps(given) if isinstance(given, bool) else str(given)
        # A value of dots would climb out of its part of the path.
        if given is None or isinstance(given, dict | list) or not text.strip("."):
            raise ToolError("arguments", f"“{name}” is needed for the address")
        return quote(text, safe="")

    filled = PLACE.sub(lambda place: value(place[1]), url)
    return filled, {name: given for name, given in arguments.items() if name not in used}


def _with_query(url: str, arguments: dict[str, Any]) -> str:
    if not arguments:
        return url
    parts = urlsplit(url)
    texts = {name: v if isinstance(v, str) else json.dumps(v) for name, v in arguments.items()}
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *texts.items()])
    return urlunsplit(parts._replace(query=query))
