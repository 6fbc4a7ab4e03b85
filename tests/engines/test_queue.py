import asyncio
import threading
from collections.abc import Iterator

import pytest

from engines.server.queue import QueueFullError, StageQueue


@pytest.fixture
def queue() -> Iterator[StageQueue]:
    queue = StageQueue("stage", limit=3)
    yield queue
    queue.close()


class Gate:
    """Work that says when it runs and waits to be let through."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._open = threading.Event()

    def __call__(self) -> str:
        self._loop.call_soon_threadsafe(self.entered.set)
        assert self._open.wait(10)
        return "passed"

    def open(self) -> None:
        self._open.set()


async def waits(queue: StageQueue, depth: int) -> None:
    async with asyncio.timeout(10):
        while queue.depth != depth:  # noqa: ASYNC110 - the worker thread announces nothing
            await asyncio.sleep(0)


async def test_work_runs_in_order_of_arrival(queue: StageQueue) -> None:
    order: list[int] = []

    await asyncio.gather(*(queue.run(lambda n=n: order.append(n)) for n in range(3)))  # type: ignore[misc]

    assert order == [0, 1, 2]


async def test_the_event_loop_is_free_while_work_runs(queue: StageQueue) -> None:
    gate = Gate()
    task = asyncio.create_task(queue.run(gate))
    await gate.entered.wait()
    assert queue.depth == 1
    gate.open()

    assert await task == "passed"
    await waits(queue, 0)


async def test_a_full_queue_refuses_at_once(queue: StageQueue) -> None:
    gate = Gate()
    tasks = [asyncio.create_task(queue.run(gate)) for _ in range(3)]
    await waits(queue, 3)

    with pytest.raises(QueueFullError, match="3 requests already wait for stage"):
        await queue.run(lambda: None)

    gate.open()
    assert await asyncio.gather(*tasks) == ["passed"] * 3


async def test_cancelled_work_is_dropped_before_its_turn(
    queue: StageQueue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    gate, done = Gate(), []
    running = asyncio.create_task(queue.run(gate))
    await gate.entered.wait()
    waiting = asyncio.create_task(queue.run(lambda: done.append("never")))
    await waits(queue, 2)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert queue.depth == 1
    gate.open()
    await running
    await queue.run(lambda: done.append("after"))
    assert done == ["after"]
    assert "dropped from the queue" in caplog.text


async def test_a_stream_gives_way_to_others_between_pieces(queue: StageQueue) -> None:
    order: list[str] = []

    def pieces() -> Iterator[int]:
        for n in range(3):
            order.append(f"piece {n}")
            yield n

    async def other() -> None:
        await queue.run(lambda: order.append("other"))

    stream = queue.stream(pieces())
    first = await anext(stream)
    waiting = asyncio.create_task(other())
    await waits(queue, 1)
    rest = [piece async for piece in stream]
    await waiting

    assert [first, *rest] == [0, 1, 2]
    assert order == ["piece 0", "other", "piece 1", "piece 2"]


async def test_a_stream_stops_between_pieces_when_its_reader_is_cancelled(queue: StageQueue) -> None:
    gate = Gate()
    made: list[int] = []

    def pieces() -> Iterator[int]:
        for n in range(5):
            if n == 1:
                gate()
            made.append(n)
            yield n

    async def read() -> None:
        async for _ in queue.stream(pieces()):
            pass

    reader = asyncio.create_task(read())
    await gate.entered.wait()
    reader.cancel()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await queue.run(lambda: None)

    assert made == [0, 1]


async def test_an_error_of_the_work_reaches_the_caller(queue: StageQueue) -> None:
    def fails() -> None:
        raise ValueError("bad audio")

    with pytest.raises(ValueError, match="bad audio"):
        await queue.run(fails)
    assert await queue.run(lambda: 1) == 1
