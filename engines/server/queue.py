"""The line in front of one model: one worker thread, first come first served, bounded."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

logger = logging.getLogger(__name__)
T = TypeVar("T")


class QueueFullError(Exception):
    """Too many requests wait for this stage; the caller should come back in ``retry_after_s`` seconds."""

    def __init__(self, stage: str, depth: int) -> None:
        super().__init__(f"{depth} requests already wait for {stage}. Try again in a moment.")
        self.retry_after_s = 1


class StageQueue:
    """Runs blocking work of one stage in its own thread.

    ::

        queue = StageQueue("stt", limit=16)
        transcript = await queue.run(lambda: stt.transcribe(samples))
        async for pcm in queue.stream(tts.pieces(text)):       # each piece takes its turn in the line
            ...

    Cancelling the awaiting task drops the work if its turn has not come; work that runs is finished
    and its result thrown away. ``depth`` counts work that waits or runs.
    """

    def __init__(self, stage: str, limit: int = 16) -> None:
        self.stage = stage
        self.limit = limit
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=stage)
        self._lock = threading.Lock()
        self._depth = 0
        self._streams = 0

    @property
    def depth(self) -> int:
        return self._depth

    @property
    def busy(self) -> bool:
        """Whether a request is under way; a stream is between its pieces, too."""
        return self._depth > 0 or self._streams > 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, or raise QueueFullError at once when the line is full."""
        if self._depth >= self.limit:
            raise QueueFullError(self.stage, self._depth)
        return await self._submit(work)

    async def stream(self, pieces: Iterator[T]) -> AsyncIterator[T]:
        """Yield from a blocking iterator. Only its first step can be refused: what was begun is finished."""
        done = object()
        self._streams += 1
        try:
            piece = await self.run(lambda: next(pieces, done))
            while piece is not done:
                yield piece  # type: ignore[misc]
                piece = await self._submit(lambda: next(pieces, done))
        finally:
            self._streams -= 1

    def close(self) -> None:
        """Forget what waits; what runs comes to its end in the thread."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _submit(self, work: Callable[[], T]) -> T:
        self._count(1)
        future = self._executor.submit(work)
        future.add_done_callback(lambda _: self._count(-1))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if future.cancel():
                logger.info("%s: the client went away, its request was dropped from the queue", self.stage)
            else:
                logger.info("%s: the client went away, the rest of its request is not made", self.stage)
            raise

    def _count(self, change: int) -> None:
        with self._lock:
            self._depth += change
