"""Telling the engine server that its engines have changed."""

from __future__ import annotations

import logging

import httpx
from django.conf import settings

logger = logging.getLogger(__name__)

TIMEOUT_S = 3.0


def request_reload() -> bool:
    """Ask the engine server to serve what is configured now; False when it cannot be reached.

    It reads the configuration when it starts, so nothing is lost then. For ``transaction.on_commit``.
    """
    url = f"{settings.AIKER.engines_url}/models/reload"
    try:
        httpx.post(url, timeout=TIMEOUT_S).raise_for_status()
    except httpx.HTTPError as exc:
        logger.warning("the engine server was not told of the change (%s); it will read it at its start", exc)
        return False
    return True
