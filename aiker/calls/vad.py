"""Is the caller speaking? Voice activity detection at the telephone's own 8 kHz, on one thread for all calls.

::

    vad = shared_vad("silero")              # or "webrtc"
    stream = vad.open(loop, on_window)      # one a call
    stream.feed(mulaw)                      # from the event loop, microseconds
    # on_window(start_ms, probability) runs on the loop for every 32 ms

A model costs 0.1 ms a window, which the event loop must not pay: it runs on a thread of its own, and
onnxruntime releases the GIL meanwhile. Windows of several calls that wait are scored in one run, where each
costs less than half. Silero tells speech from noise best; WebRTC's detector costs a
fifteenth of it and takes loud noise (-30 dBFS) for speech.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

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
_FULL_SCALE = np.float32(1 / 32768)
MOST_TOGETHER = 16  # windows in one run: more cost as much each, and the first waits for the last
_CONTEXT = 32  # samples of the window before, which the model wants in front

OnWindow = Callable[[float, float], None]
Waiting = tuple["VadStream", bytes]


class Detector(Protocol):
    """The detector of one call, with what it remembers of its audio."""

    def score(self, window: NDArray[np.int16]) -> float:
        """Return how likely the next ``WINDOW`` samples hold speech, 0 to 1."""
        ...


class Vad(Protocol):
    """What is loaded once and opened for each call."""

    def open(self) -> Detector: ...

    def score(self, detectors: Sequence[Any], windows: Sequence[NDArray[np.int16]]) -> list[float]:
        """Return the scores of a window for each of these (its own) detectors, all different ones."""
        ...


class SileroVad:
    """Silero's network: ``SileroVad(path).open().score(window)``."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._rate = np.array(g711.RATE, dtype=np.int64)

    def open(self) -> _SileroDetector:
        return _SileroDetector(self)

    def score(
        self, detectors: Sequence[_SileroDetector], windows: Sequence[NDArray[np.int16]]
    ) -> list[float]:
        # A row a call: the last 32 samples of the window before, then the window, in -1..1.
        samples = np.empty((len(windows), _CONTEXT + WINDOW), dtype=np.float32)
        for row, detector, window in zip(samples, detectors, windows, strict=True):
            row[:_CONTEXT] = detector.context
            np.multiply(window, _FULL_SCALE, out=row[_CONTEXT:])
        states = [detector.state for detector in detectors]
        state = states[0] if len(states) == 1 else np.concatenate(states, axis=1)
        probabilities, state = self._session.run(None, {"input": samples, "state": state, "sr": self._rate})
        for index, detector in enumerate(detectors):
            detector.context = samples[index, -_CONTEXT:]
            detector.state = state[:, index : index + 1]
        return [float(probability) for probability in probabilities[:, 0]]


class _SileroDetector:
    def __init__(self, model: SileroVad) -> None:
        self._model = model
        self.context = np.zeros(_CONTEXT, dtype=np.float32)
        self.state = np.zeros((2, 1, 128), dtype=np.float32)

    def score(self, window: NDArray[np.int16]) -> float:
        return self._model.score([self], [window])[0]


class WebRtcVad:
    """WebRTC's detector, which says yes or no to 10 ms of audio.

    A window's probability is the share of its 10 ms pieces that are speech. Three pieces and a fifth fit
    a window: what is left over is judged with the next one, so every fifth window counts four pieces.
    """

    def open(self) -> Detector:
        return _WebRtcDetector()

    def score(self, detectors: Sequence[Detector], windows: Sequence[NDArray[np.int16]]) -> list[float]:
        return [detector.score(window) for detector, window in zip(detectors, windows, strict=True)]


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
        self.detector = detector
        self.loop = loop
        self.closed = False
        self._thread = thread
        self._on_window = on_window
        self._buffer = bytearray()
        self._windows = 0

    def feed(self, mulaw: bytes) -> None:
        """Take caller audio of any length; whole windows go to the thread."""
        self._buffer += mulaw
        while len(self._buffer) >= WINDOW:
            self._thread.submit(self, bytes(self._buffer[:WINDOW]))
            del self._buffer[:WINDOW]

    def close(self) -> None:
        """Stop calling ``on_window``."""
        self.closed = True

    def report(self, probability: float) -> None:
        """Tell what the next window scored, on the loop."""
        if not self.closed:
            start_ms = self._windows * WINDOW_MS
            self._windows += 1
            self._on_window(start_ms, probability)


class VadThread:
    """One thread that scores the windows of every call in the order they come, those that wait together."""

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
            waiting = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    waiting.append(self._queue.get_nowait())
            while waiting:
                waiting = self._score_some(waiting)

    def _score_some(self, waiting: Sequence[Waiting]) -> list[Waiting]:
        """Score the first window of each call, as far as they fit one run; return what is left, in order."""
        first: dict[VadStream, bytes] = {}
        left: list[Waiting] = []
        for stream, window in waiting:
            if stream.closed:
                continue
            if stream in first or len(first) == MOST_TOGETHER:
                left.append((stream, window))
            else:
                first[stream] = window
        if first:
            self._score(first)
        return left

    def _score(self, windows: Mapping[VadStream, bytes]) -> None:
        """Score one window for each of these calls; one call's trouble must not deafen the others."""
        detectors = [stream.detector for stream in windows]
        try:
            scores = self._vad.score(detectors, [g711.decode(window) for window in windows.values()])
        except Exception:
            if len(windows) > 1:
                for stream, window in windows.items():
                    self._score({stream: window})
                return
            _deaf(*windows)
            return
        for stream, score in zip(windows, scores, strict=True):
            try:
                stream.loop.call_soon_threadsafe(stream.report, score)
            except RuntimeError:  # its event loop is gone
                _deaf(stream)


def _deaf(stream: VadStream) -> None:
    stream.close()
    logger.exception("a call's audio could not be scored; that call hears nothing any more")


@functools.cache
def shared_vad(name: str) -> VadThread:
    """Return this process's detector of this name (``silero``, ``webrtc``), loaded at the first use."""
    vad: Vad = WebRtcVad() if name == "webrtc" else SileroVad(model_dir("silero-vad") / "silero_vad.onnx")
    thread = VadThread(vad)
    thread.start()
    return thread
