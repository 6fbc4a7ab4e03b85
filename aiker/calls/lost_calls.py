"""Rows of calls that nobody answered: refused, or lost before they began.

::

    lost_calls.note(EndReason.REFUSED, "no valid token", slug="anna", wire="twilio")

Somebody who knocks a thousand times a minute must not fill the database: ``MOST_A_MINUTE`` are kept, the
rest is counted in the log. Lives on the event loop, and never makes it wait.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from aiker.calls.allowance import Allowance
from aiker.calls.models import Assistant, Call, EndReason
from aiker.calls.records import in_database
from aiker.calls.wire.base import CallStarted

logger = logging.getLogger(__name__)

MOST_A_MINUTE = 30


class LostCalls:
    """See the module. One a process."""

    def __init__(self) -> None:
        self._allowance = Allowance(MOST_A_MINUTE, MOST_A_MINUTE / 60)
        self._not_kept = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def note(
        self,
        reason: EndReason,
        detail: str,
        *,
        slug: str,
        wire: str,
        started: CallStarted | None = None,
        duration_ms: float = 0,
    ) -> None:
        """Keep a row; ``started`` is what the carrier told of the call, where it came so far."""
        if not self._allowance.take(1, asyncio.get_running_loop().time() * 1000):
            self._not_kept += 1
            return
        if self._not_kept:
            logger.warning("%d lost calls are not in the list: too many at once", self._not_kept)
            self._not_kept = 0
        fields: dict[str, Any] = {"wire": wire, "end_reason": reason.value, "end_detail": detail[:200]}
        fields |= {"duration_ms": max(0, round(duration_ms))}
        if started:
            fields["carrier_call_id"] = started.carrier_call_id
            fields["caller"] = started.parameters.get("caller", "")[:64]
        task = asyncio.create_task(self._keep(slug, timezone.now(), fields))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stored(self) -> None:
        """Return when what was noted is stored."""
        await asyncio.gather(*self._tasks)

    async def _keep(self, slug: str, at: datetime, fields: dict[str, Any]) -> None:
        try:
            await in_database(_create, slug, at, fields)
        except DatabaseError as exc:
            logger.warning("a lost call is not in the list: %s: %s", exc, fields["end_detail"])


def _create(slug: str, at: datetime, fields: dict[str, Any]) -> None:
    assistant = Assistant.objects.filter(slug=slug).only("pk").first()
    Call.objects.create(assistant=assistant, started_at=at, **fields)
