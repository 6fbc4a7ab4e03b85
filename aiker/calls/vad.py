"""Is the caller speaking? Voice activity detection at the telephone's own 8 kHz, on one thread for all calls.

::

    vad = shared_vad("silero")              # or "webrtc"
    stream = vad.open(loop, on_window)      # one a call
    stream.feed(mulaw)                      # from the event loop, microseconds
    # on_window(start_ms, probability) runs on the loop for every 32 ms

A model costs 0.2 ms a window, which the event loop must not pay: it runs on a thread of its own, and
onnxruntime releases the GIL meanwhile. Silero tells speech from noise best; WebRTC's detector costs a
fifteenth of it and takes loud noise (-30 dBFS) for speech.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
import webrtcvad
from numpy.typing import NDArray

from aiker.audio import g711
from engines.catalog import model_dir

logger = logging.getLogger(__name__)

WINDOW = 256  # samples of new audio a step
WINDOW_MS = WINDOW * 1000 / g711.RATE
_WEBRTC_MODE = 3  # of 0 to 3, the least willing to call something speech
_PIECE_BYTES = 160  # 10 ms of 16 bit
_CONTEXT = 32  # samples of the window before, which the model wants in front

OnWindow = Callable[[float, float], None]


class Detector(Protocol):
    """The detector of one call, with what it remembers of its audio."""

    def score(self, window: NDArray[np.int16]) -> float:
        """Return how likely the next ``WINDOW`` samples hold speech, 0 to 1."""
        ...


class Vad(Protocol):
    """What is loaded once and opened for each call."""

    def open(self) -> Detector: ...


class SileroVad:
    """Silero's network: ``SileroVad(path).open().score(window)``."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._rate = np.array(g711.RATE, dtype=np.int64)

    def open(self) -> Detector:
        return _SileroDetector(self)

    def run(
        self, samples: NDArray[np.float32], state: NDArray[np.float32]
    ) -> tuple[float, NDArray[np.float32]]:
        """Score float32[32 + 256] in -1..1: the last 32 samples of the window before, then the window."""
        probability, state = self._session.run(
            None, {"input": samples[np.newaxis], "state": state, "sr": self._rate}
        )
        return float(probability[0, 0]), state


class _SileroDetector:
    def __init__(self, model: SileroVad) -> None:
        self._model = model
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._state = np.zeros((2, 1, 128), dtype=np.float32)

    def score(self, window: NDArray[np.int16]) -> float:
        samples = np.concatenate([self._context, window.astype(np.float32) / 32768])
        probability, self._state = self._model.run(samples, self._state)
        self._context = samples[-_CONTEXT:]
        return probability


class WebRtcVad:
    """WebRTC's detector, which says yes or no to 10 ms of audio.

    A window's probability is the share of its 10 ms pieces that are speech. Three pieces and a fifth fit
    a window: what is left over is judged with the next one, so every fifth window counts four pieces.
    """

    def open(self) -> Detector:
        return _WebRtcDetector()


class _WebRtcDetector:
    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(_WEBRTC_MODE)
        self._rest = b""

    def score(self, window: NDArray[np.int16]) -> float:
        audio = self._rest + window.astype("<i2").tobytes()
        whole = len(audio) - len(audio) % _PIECE_BYTES
        pieces = [audio[start : start + _PIECE_BYTES] for start in range(0, whole, _PIECE_BYTES)]
        self._rest = audio[whole:]
        return sum(self._vad.is_speech(piece, g711.RATE) for piece in pieces) / len(pieces)


class VadStream:
    """The VAD of one call: cuts audio into windows and reports what its detector says."""

    def __init__(
        self, thread: VadThread, detector: Detector, loop: asyncio.AbstractEventLoop, on_window: OnWindow
    ) -> None:
        self._thread = thread
        self._detector = detector
        self._loop = loop
        self._on_window = on_window
        self._buffer = bytearray()
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

    def run(self, window: bytes) -> None:
        """Score a window (on the thread) and report it to the loop."""
        if self._closed:
            return
        probability = self._detector.score(g711.decode(window))
        start_ms = self._windows * WINDOW_MS
        self._windows += 1
        self._loop.call_soon_threadsafe(self._report, start_ms, probability)

    def _report(self, start_ms: float, probability: float) -> None:
        if not self._closed:
            self._on_window(start_ms, probability)


class VadThread:
    """One thread that scores the windows of every call in the order they come."""

    def __init__(self, vad: Vad) -> None:
        self._vad = vad
        self._queue: queue.SimpleQueue[tuple[VadStream, bytes]] = queue.SimpleQueue()
        self._worker = threading.Thread(target=self._run, name="vad", daemon=True)

    def start(self) -> None:
        self._worker.start()

    def open(self, loop: asyncio.AbstractEventLoop, on_window: OnWindow) -> VadStream:
        return VadStream(self, self._vad.open(), loop, on_window)

    def submit(self, stream: VadStream, window: bytes) -> None:
        self._queue.put((stream, window))

    def _run(self) -> None:
        while True:
            stream, window = self._queue.get()
            try:
                stream.run(window)
            except Exception:
                # One call's trouble (its event loop is gone, say) must not deafen the others.
                stream.close()
                logger.exception("a call's audio could not be scored; that call hears nothing any more")


@functools.cache
def shared_vad(name: str) -> VadThread:
    """Return this process's detector of this name (``silero``, ``webrtc``), loaded at the first use."""
    vad: Vad = WebRtcVad() if name == "webrtc" else SileroVad(model_dir("silero-vad") / "silero_vad.onnx")
    thread = VadThread(vad)
    thread.start()
    return thread
