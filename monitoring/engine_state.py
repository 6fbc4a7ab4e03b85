"""Which engines a call needs here, and whether they answer.

::

    for needed in engine_addresses():     # reads the database
        needed.name, needed.url           # "llm", "http://127.0.0.1:8102/health"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from aiker.calls.models import Assistant
from engines.models import StageChoice
from engines.servers import servers_to_run
from monitoring.stored_metrics import reading

LIMIT_S = 2.0
REQUESTS = frozenset(
    {
        "llamacpp:requests_processing",
        "llamacpp:requests_deferred",
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
        "tgi_batch_current_size",
        "tgi_queue_size",
    }
)
"""Requests that run or wait, as the servers of language models call them."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A server on this machine; it is well when a GET of ``url`` answers 200."""

    name: str
    url: str
    kind: str = ""  # the stage, where the server has one


def engine_addresses() -> list[Needed]:
    """Return the servers that calls need: the engine server, and those of language models in use.

    A vendor's API is not among them: it answers nothing without a key, and a profile has its fallbacks.
    """
    config = settings.AIKER
    found = [Needed("engines", f"http://127.0.0.1:{config.engines_port}/health")]
    if Assistant.objects.filter(is_active=True, profile=None).exists():
        found.append(Needed("llm", f"http://127.0.0.1:{config.llm_port}/health", StageChoice.LLM.value))
    return found + [
        Needed(slug, server.health_url, StageChoice.LLM.value)
        for slug, (_engine, server) in servers_to_run().items()
    ]


def engine_readings() -> dict[str, float]:
    """Ask every server how its engines are: up or not, how many requests wait, what memory each took."""
    found: dict[str, float] = {}
    with httpx.Client(timeout=LIMIT_S, trust_env=False) as client:
        for needed in engine_addresses():
            report = _health(client, needed.url)
            stages = report.get("engines", []) if report is not None else []
            if not needed.kind and report is not None:
                for stage in stages:
                    found |= _stage_readings(stage)
            else:
                kind = needed.kind or "server"
                found[reading("engine_up", kind, needed.name)] = float(report is not None)
                if (requests := requests_at(client, needed.url)) is not None:
                    found[reading("engine_queue", kind, needed.name)] = requests
    return found


def _stage_readings(stage: dict[str, Any]) -> dict[str, float]:
    labels = (str(stage["kind"]), str(stage["model"]))
    found = {
        reading("engine_up", *labels): float(stage["state"] == "ready"),
        reading("engine_queue", *labels): float(stage["queue"]),
    }
    if stage.get("memory_mb") is not None:
        found[reading("engine_memory_mb", *labels)] = float(stage["memory_mb"])
    return found


def _health(client: httpx.Client, url: str) -> dict[str, Any] | None:
    """Return what a server says of itself; None when it does not answer, {} when it says nothing more.

    The engine server answers 503 while a model loads or is broken, and names it.
    """
    try:
        answer = client.get(url)
        body = answer.json() if answer.content else {}
    except httpx.HTTPError:
        return None
    except ValueError:
        body = {}
    known = isinstance(body, dict) and "engines" in body
    return body if known else {} if answer.status_code == 200 else None


def requests_at(client: httpx.Client, health_url: str) -> float | None:
    """Return how many requests a language model's server runs or has waiting; None where it does not tell."""
    try:
        answer = client.get(health_url.removesuffix("health") + "metrics")
        families = list(text_string_to_metric_families(answer.text)) if answer.status_code == 200 else []
    except (httpx.HTTPError, ValueError):
        return None
    found = [sample.value for family in families for sample in family.samples if sample.name in REQUESTS]
    return sum(found) if found else None
