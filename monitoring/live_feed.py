"""What the web process knows of its calls and their surroundings, for the pages that look at it.

::

    with feed.subscription() as news:      # on the event loop
        await news.wait()                  # something happened
        news.clear()
        feed.board.changes(since), feed.surroundings

The board is fed whether anyone looks or not: a page that is opened in the middle of a call shows what went
before. Engines, index and alarms are read only while a page is open, once for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.dispatch import receiver

from aiker.calls import observing
from aiker.calls.events import Event
from aiker.calls.observing import CallIdentity
from monitoring.live import Board
from monitoring.live_state import PERMISSIONS, read_surroundings

logger = logging.getLogger(__name__)

REFRESH_S = 3.0
T = TypeVar("T")

# One for what is read every few seconds, which an engine that hangs may hold for seconds; one for operators.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="now")


async def in_thread(work: Callable[..., T], *args: Any) -> T:
    """Run ``work`` on a thread of these pages: never one that calls or other pages wait for."""
    return await asyncio.get_running_loop().run_in_executor(_threads, work, *args)


class Feed:
    """See the module. ``surroundings_revision`` counts how often ``read`` gave the surroundings."""

    def __init__(self, board: Board, read: Callable[[], dict[str, Any]] = read_surroundings) -> None:
        self.board = board
        self.surroundings: dict[str, Any] = {}
        self.surroundings_revision = 0
        self._read = read
        self._looking: set[asyncio.Event] = set()
        self._refreshing: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def subscription(self) -> Iterator[asyncio.Event]:
        """Return an event that is set when there is something new, and at the start."""
        news = asyncio.Event()
        news.set()
        self._looking.add(news)
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh(), name="now-surroundings")
        try:
            yield news
        finally:
            self._looking.discard(news)
            if not self._looking and self._refreshing:
                self._refreshing.cancel()
                self._refreshing = None
                self.surroundings = {}  # nobody is shown how it was when someone looked last

    def take(self, call: CallIdentity, event: Event) -> None:
        self.board.take(call, event)
        self._tell()

    def _tell(self) -> None:
        for news in self._looking:
            news.set()

    async def _refresh(self) -> None:
        while True:
            try:
                self.surroundings = await in_thread(self._read)
            except Exception:
                # A bug in one of its parts must not leave a page that looks alive and is not.
                logger.exception("engines, index and alarms could not be read; it is tried again")
                self.surroundings = dict.fromkeys(PERMISSIONS)
            self.surroundings_revision += 1
            self._tell()
            await asyncio.sleep(REFRESH_S)


feed = Feed(Board(time.monotonic))


@receiver(observing.call_event)
def on_event(call: CallIdentity, event: Event, **_: Any) -> None:
    feed.take(call, event)
