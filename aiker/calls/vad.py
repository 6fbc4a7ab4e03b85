"""Silero VAD at the telephone's own 8 kHz, on one thread for all calls.

::

    vad = VadThread(model_path); vad.start()
    stream = vad.open(loop, on_window)      # one a call
    stream.feed(mulaw)                      # from the event loop, microseconds
    # on_window(start_ms, probability) runs on the loop for every 32 ms

The model costs 0.2 ms a window, which the event loop must not pay: it runs on
a thread of its own, and onnxruntime releases the GIL meanwhile.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

from aiker.audio import g711

logger = logging.getLogger(__name__)

WINDOW = 256  # samples of new audio a step
WINDOW_MS = WINDOW * 1000 / g711.RATE
_CONTEXT = 32  # samples of the window before, which the model wants in front

OnWindow = Callable[[float, float], None]


class SileroVad:
    """The model: ``probability, state = vad.score(samples, state)``.

    ``samples`` is float32[32 + 256] in -1..1: the last 32 samples of the window
    before, then the window. ``state`` starts as ``SileroVad.START``.
    """

    START = np.zeros((2, 1, 128), dtype=np.float32)

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._rate = np.array(g711.RATE, dtype=np.int64)

    def score(self, samples: np.ndarray, state: np.ndarray) -> tuple[float, np.ndarray]:
        probability, state = self._session.run(
            None, {"input": samples[np.newaxis], "state": state, "sr": self._rate}
        )
        return float(probability[0, 0]), state


class VadStream:
    """The VAD of one call: cuts audio into windows and keeps the model's state."""

    def __init__(self, thread: VadThread, loop: asyncio.AbstractEventLoop, on_window: OnWindow) -> None:
        self._thread = thread
        self._loop = loop
        self._on_window = on_window
        self._buffer = bytearray()
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._state = SileroVad.START
        self._windows = 0
        self._closed = False

    def feed(self, mulaw: bytes) -> None:
        """Take caller audio of any length; whole windows go to the thread."""
        self._buffer += mulaw
        while len(self._buffer) >= WINDOW:
            self._thread.submit(self, bytes(self._buffer[:WINDOW]))
            del self._buffer[:WINDOW]

    def close(self) -> None:
        """Stop calling ``on_window``."""
        self._closed = True

    def run(self, model: SileroVad, window: bytes) -> None:
        """Score a window (on the thread) and report it to the loop."""
        if self._closed:
            return
        samples = np.concatenate([self._context, g711.decode(window).astype(np.float32) / 32768])
        probability, self._state = model.score(samples, self._state)
        self._context = samples[-_CONTEXT:]
        start_ms = self._windows * WINDOW_MS
        self._windows += 1
        self._loop.call_soon_threadsafe(self._report, start_ms, probability)

    def _report(self, start_ms: float, probability: float) -> None:
        if not self._closed:
            self._on_window(start_ms, probability)


class VadThread:
    """One thread that scores the windows of every call in the order they come."""

    def __init__(self, path: Path) -> None:
        self._model = SileroVad(path)
        self._queue: queue.SimpleQueue[tuple[VadStream, bytes]] = queue.SimpleQueue()
        self._worker = threading.Thread(target=self._run, name="vad", daemon=True)

    def start(self) -> None:
        self._worker.start()

    def open(self, loop: asyncio.AbstractEventLoop, on_window: OnWindow) -> VadStream:
        return VadStream(self, loop, on_window)

    def submit(self, stream: VadStream, window: bytes) -> None:
        self._queue.put((stream, window))

    def _run(self) -> None:
        while True:
            stream, window = self._queue.get()
            try:
                stream.run(self._model, window)
            except Exception:
                # One call's trouble (its event loop is gone, say) must not deafen the others.
                stream.close()
                logger.exception("a call's audio could not be scored; that call hears nothing any more")


@functools.cache
def shared_vad(path: Path) -> VadThread:
    """Return this process's VAD, loaded at the first use."""
    vad = VadThread(path)
    vad.start()
    return vad
