"""The line in front of one model: one worker thread, first come first served, bounded."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
T = TypeVar("T")


class QueueFullError(Exception):
    """Too many requests wait for this stage; the caller should come back in ``retry_after_s`` seconds."""

    def __init__(self, stage: str, depth: int) -> None:
        super().__init__(f"{depth} requests already wait for {stage}. Try again in a moment.")
        self.retry_after_s = 1


@dataclass(frozen=True, slots=True)
class BatchLimit:
    """How much runs together: so many items, of so much weight in all. An item alone may weigh more."""

    items: int
    weight: int


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    item: Any
    weight: int
    result: Future[Any] = field(default_factory=Future)


class StageQueue:
    """Runs blocking work of one stage in its own thread.

    ::

        queue = StageQueue("stt", limit=16)
        transcript = await queue.run(lambda: stt.transcribe(samples))
        async for pcm in queue.stream(tts.pieces(text)):       # each piece takes its turn in the line
            ...
        vectors = await queue.batched(texts, embed_many, BatchLimit(16, 32), weight=len(texts))

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
        self._batches: dict[Callable[..., Any], deque[_Waiting]] = {}

    @property
    def depth(self) -> int:
        return self._depth

    @property
    def busy(self) -> bool:
        """Whether a request is under way; a stream is between its pieces, too."""
        return self._depth > 0 or self._streams > 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, or raise QueueFullError at once when the line is full."""
        self._admit()
        return await self._submit(work)

    async def batched(
        self,
        item: Item,
        run_many: Callable[[Sequence[Item]], Sequence[T]],
        limit: BatchLimit,
        weight: int = 1,
    ) -> T:
        """Return what ``run_many([..., item, ...])`` gives for ``item``, or raise QueueFullError at once.

        Items that wait with an equal ``run_many`` (a function or a bound method, not a new lambda each time)
        when the thread becomes free are handed to it together, those that came first, up to ``limit``. When
        it raises, each item is run alone, so that an item's error reaches only the one who sent it.
        """
        self._admit()
        waiting = _Waiting(item, weight)
        with self._lock:
            self._batches.setdefault(run_many, deque()).append(waiting)
        turn = self._executor.submit(self._run_batch, waiting, run_many, limit)
        turn.add_done_callback(lambda turn: turn.cancelled() and waiting.result.cancel())
        return await self._result_of(waiting.result)

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

    def _admit(self) -> None:
        if self._depth >= self.limit:
            raise QueueFullError(self.stage, self._depth)

    async def _submit(self, work: Callable[[], T]) -> T:
        return await self._result_of(self._executor.submit(work))

    async def _result_of(self, future: Future[T]) -> T:
        self._count(1)
        future.add_done_callback(lambda _: self._count(-1))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if future.cancel():
                logger.info("%s: the client went away, its request was dropped from the queue", self.stage)
            else:
                logger.info("%s: the client went away, the rest of its request is not made", self.stage)
            raise

    def _run_batch(self, turn_of: _Waiting, run_many: Callable[..., Any], limit: BatchLimit) -> None:
        """Run what waits, in the thread; nothing when the item whose turn it is went with an earlier one."""
        with self._lock:
            line = self._batches.get(run_many, deque())
            taken = _take(line, limit) if turn_of in line else []
            if not line:
                self._batches.pop(run_many, None)
        # Marks them as running: from here on they cannot be cancelled. Outside the lock, which that takes.
        batch = [waiting for waiting in taken if waiting.result.set_running_or_notify_cancel()]
        if batch:
            _run_together(batch, run_many)

    def _count(self, change: int) -> None:
        with self._lock:
            self._depth += change


def _take(line: deque[_Waiting], limit: BatchLimit) -> list[_Waiting]:
    """Remove and return the first items of the line that may run together, at least one."""
    taken = [line.popleft()]
    weight = taken[0].weight
    while line and len(taken) < limit.items and (weight := weight + line[0].weight) <= limit.weight:
        taken.append(line.popleft())
    return taken


def _run_together(batch: Sequence[_Waiting], run_many: Callable[..., Any]) -> None:
    try:
        results = run_many([waiting.item for waiting in batch])
        if len(results) != len(batch):
            raise RuntimeError(f"{len(batch)} items gave {len(results)} results")
    except Exception as exc:
        # Whatever it is, it goes to the one whose item raises it again alone.
        if len(batch) == 1:
            batch[0].result.set_exception(exc)
        for waiting in batch if len(batch) > 1 else ():
            _run_together([waiting], run_many)
    else:
        for waiting, result in zip(batch, results, strict=True):
            waiting.result.set_result(result)
