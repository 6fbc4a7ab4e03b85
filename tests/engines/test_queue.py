import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from engines.local.base import BadRequestError
from engines.server.queue import BatchLimit, QueueFullError, StageQueue

Task = asyncio.Task[int]


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
    await asyncio.sleep(0)  # which puts it into the line; the thread may be done with it at once
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


LIMIT = BatchLimit(items=8, weight=100)


class Doubler:
    """Doubles numbers, notes what came together, and is not free before its gate is open."""

    def __init__(self) -> None:
        self.runs: list[list[int]] = []
        self.gate = Gate()

    def run_many(self, items: Sequence[int]) -> list[int]:
        self.runs.append(list(items))
        if len(self.runs) == 1:
            self.gate()
        if 13 in items:
            raise BadRequestError("13 brings bad luck")
        return [2 * item for item in items]


async def queued(queue: StageQueue, doubler: Doubler, *items: int, limit: BatchLimit = LIMIT) -> list[Task]:
    """Return the tasks of items that wait behind a first one, 0, that runs."""
    first = asyncio.create_task(queue.batched(0, doubler.run_many, limit))
    await doubler.gate.entered.wait()
    tasks = [first]
    for item in items:
        tasks.append(asyncio.create_task(queue.batched(item, doubler.run_many, limit, weight=item)))
        await waits(queue, len(tasks))
    return tasks


@pytest.fixture
def roomy() -> Iterator[StageQueue]:
    queue = StageQueue("stage", limit=16)
    yield queue
    queue.close()


async def test_what_waits_runs_together_and_each_gets_its_own(roomy: StageQueue) -> None:
    doubler = Doubler()
    tasks = await queued(roomy, doubler, 1, 2, 3, 4)
    doubler.gate.open()

    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
    assert doubler.runs == [[0], [1, 2, 3, 4]]
    await waits(roomy, 0)


@pytest.mark.parametrize(
    ("limit", "runs"),
    [
        (BatchLimit(items=2, weight=100), [[0], [5, 4], [3, 2], [9]]),
        (BatchLimit(items=8, weight=9), [[0], [5, 4], [3, 2], [9]]),
        (BatchLimit(items=8, weight=8), [[0], [5], [4, 3], [2], [9]]),
    ],
    ids=["number", "weight", "one alone may weigh more"],
)
async def test_a_batch_keeps_its_limit_and_the_order(
    roomy: StageQueue, limit: BatchLimit, runs: list[list[int]]
) -> None:
    doubler = Doubler()
    tasks = await queued(roomy, doubler, 5, 4, 3, 2, 9, limit=limit)
    doubler.gate.open()

    assert await asyncio.gather(*tasks) == [0, 10, 8, 6, 4, 18]
    assert doubler.runs == runs


async def test_a_bad_item_does_not_spoil_the_others(roomy: StageQueue) -> None:
    doubler = Doubler()
    tasks = await queued(roomy, doubler, 1, 13, 2)
    doubler.gate.open()
    first, one, bad, two = await asyncio.gather(*tasks, return_exceptions=True)

    assert (first, one, two) == (0, 2, 4)
    assert isinstance(bad, BadRequestError)
    assert doubler.runs == [[0], [1, 13, 2], [1], [13], [2]]


async def test_a_run_that_loses_a_result_is_an_error(roomy: StageQueue) -> None:
    with pytest.raises(RuntimeError, match="1 items gave 0 results"):
        await roomy.batched(1, lambda _items: [], LIMIT)


async def test_a_cancelled_item_is_not_run(roomy: StageQueue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    doubler = Doubler()
    tasks = await queued(roomy, doubler, 1, 2, 3)
    for cancelled in (tasks[0], tasks[2]):  # one runs, one waits
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
    assert roomy.depth == 3
    doubler.gate.open()

    assert await asyncio.gather(tasks[1], tasks[3]) == [2, 6]
    assert doubler.runs == [[0], [1, 3]]
    await waits(roomy, 0)
    assert "dropped from the queue" in caplog.text


async def test_a_full_queue_refuses_an_item_at_once(queue: StageQueue) -> None:
    doubler = Doubler()
    tasks = await queued(queue, doubler, 1, 2)
    with pytest.raises(QueueFullError, match="3 requests already wait for stage"):
        await queue.batched(3, doubler.run_many, LIMIT)

    doubler.gate.open()
    assert await asyncio.gather(*tasks) == [0, 2, 4]


async def test_different_work_is_not_mixed(roomy: StageQueue) -> None:
    one, other = Doubler(), Doubler()
    other.gate.open()
    tasks = await queued(roomy, one, 1)
    tasks.append(asyncio.create_task(roomy.batched(5, other.run_many, LIMIT)))
    tasks.append(asyncio.create_task(roomy.run(lambda: -1)))
    await waits(roomy, 4)
    one.gate.open()

    assert await asyncio.gather(*tasks) == [0, 2, 10, -1]
    assert (one.runs, other.runs) == ([[0], [1]], [[5]])


async def test_a_closed_queue_lets_go_of_what_waits(roomy: StageQueue) -> None:
    doubler = Doubler()
    first, second = await queued(roomy, doubler, 1)
    roomy.close()
    with pytest.raises(asyncio.CancelledError):
        await second
    doubler.gate.open()

    assert await first == 0
