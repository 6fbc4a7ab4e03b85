"""How many tokens a language model is given, by its own server where that counts.

::

    count = await count_tokens(llm.routes.endpoints[0], messages)
    count.tokens, count.counted_by        # 412, "http://127.0.0.1:8102"; "" when it is an estimate

llama.cpp counts a text (``/apply-template`` makes it of the messages), vLLM counts messages; both at
``/tokenize``, beside the OpenAI API.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from engines.adapters.llm_adapter import Message
from engines.routing import Endpoint
from knowledge.fusion import tokens

TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class TokenCount:
    tokens: int
    counted_by: str = ""


async def count_tokens(endpoint: Endpoint, messages: Sequence[Message]) -> TokenCount:
    """Return the tokens of ``messages`` as the server counts them, else an estimate from above."""
    root = endpoint.url.removesuffix("/").removesuffix("/v1")
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    async with httpx.AsyncClient(base_url=root, headers=headers, timeout=TIMEOUT_S) as client:
        try:
            counted = await _llama_cpp(client, messages) or await _vllm(client, endpoint.model, messages)
        except (httpx.HTTPError, ValueError):  # no such address, or something else answers there
            counted = 0
    if counted:
        return TokenCount(counted, root)
    return estimate(messages)


def estimate(messages: Sequence[Message]) -> TokenCount:
    """Return an estimate from above, for when no server counts."""
    return TokenCount(sum(tokens(message["content"]) for message in messages))


async def _llama_cpp(client: httpx.AsyncClient, messages: Sequence[Message]) -> int:
    written = await _post(client, "/apply-template", {"messages": list(messages)})
    if "prompt" not in written:
        return 0
    body = {"content": written["prompt"], "add_special": True, "parse_special": True}
    return len((await _post(client, "/tokenize", body)).get("tokens", []))


async def _vllm(client: httpx.AsyncClient, model: str, messages: Sequence[Message]) -> int:
    answer = await _post(client, "/tokenize", {"model": model, "messages": list(messages)})
    return int(answer.get("count", 0))


async def _post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    if answer.is_error:
        return {}
    value = answer.json()
    return value if isinstance(value, dict) else {}
