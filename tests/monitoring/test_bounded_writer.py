"""Samples that cannot be stored in time are dropped and counted; nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from monitoring.bounded_writer import BoundedWriter

PATIENCE_S = 10


def test_samples_are_stored_in_order() -> None:
    stored: list[int] = []
    done = threading.Event()

    def store(samples: Sequence[int]) -> None:
        stored.extend(samples)
        if len(stored) == 5:
            done.set()

    writer = BoundedWriter(store)
    for number in range(5):
        writer.put(number)
    assert done.wait(PATIENCE_S)
    assert stored == [0, 1, 2, 3, 4]


def test_a_full_line_drops_and_counts() -> None:
    storing, go_on = threading.Event(), threading.Event()

    def store(_samples: Sequence[int]) -> None:
        storing.set()
        go_on.wait(PATIENCE_S)

    writer = BoundedWriter(store, limit=3)
    writer.put(0)
    assert storing.wait(PATIENCE_S)  # the thread holds the first, and the database is slow
    for number in range(10):
        writer.put(number)
    assert (writer.waiting, writer.dropped) == (3, 7)
    go_on.set()


def test_a_store_that_fails_is_tried_again_with_the_next_sample() -> None:
    stored: list[int] = []
    failed, done = threading.Event(), threading.Event()

    def store(samples: Sequence[int]) -> None:
        if not failed.is_set():
            failed.set()
            raise OSError("the disk is full")
        stored.extend(samples)
        done.set()

    writer = BoundedWriter(store)
    writer.put(1)
    assert failed.wait(PATIENCE_S)
    writer.put(2)
    assert done.wait(PATIENCE_S)
    assert (stored, writer.dropped) == ([2], 1)
