"""Does the caller sound finished? An audio model, once a pause, on one thread for all calls.

::

    model = shared_turn_model()                       # None: it is not installed, calls go on without
    model.ask(mulaw, loop, on_answer)                 # from the event loop, microseconds
    # on_answer(probability) runs on the loop some 30 ms later; None: the model failed

Smart Turn hears the last 8 s at 16 kHz and says how likely the speaker is done, 0 to 1. It learned from many
languages; in Mandarin it is a hint: ``end_of_turn`` says what is made of it, docs/turn-taking.md how good it
is.
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
from aiker.audio.log_mel import RATE, log_mel
from aiker.audio.resample import resample
from engines.catalog import model_dir

logger = logging.getLogger(__name__)

HEARS_S = 8
_SAMPLES = HEARS_S * RATE

OnAnswer = Callable[[float | None], None]


class SmartTurn:
    """The network: ``SmartTurn(path).probability(mulaw)``."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def probability(self, mulaw: bytes) -> float:
        """Return how likely it is that who speaks in 8 kHz ``mulaw``, up to its end, has finished."""
        pcm = g711.decode(mulaw[-HEARS_S * g711.RATE :])
        samples = resample(pcm, g711.RATE, RATE).astype(np.float32) / np.float32(32768)
        # The speech stands at the end of the window, behind silence; then the whole is brought to one level.
        window = np.pad(samples, (_SAMPLES - len(samples), 0))
        level = (window - window.mean()) / np.sqrt(window.var() + np.float32(1e-7))
        (answer,) = self._session.run(None, {"input_features": log_mel(level)[np.newaxis]})
        return float(answer[0, 0])


class TurnModel:
    """The thread that asks a model for every call, in the order of their pauses."""

    def __init__(self, probability: Callable[[bytes], float]) -> None:
        self._probability = probability
        self._queue: queue.SimpleQueue[tuple[bytes, asyncio.AbstractEventLoop, OnAnswer]] = (
            queue.SimpleQueue()
        )
        self._worker = threading.Thread(target=self._run, name="turn-model", daemon=True)

    def start(self) -> None:
        self._worker.start()

    def ask(self, mulaw: bytes, loop: asyncio.AbstractEventLoop, on_answer: OnAnswer) -> None:
        """Have ``on_answer`` told on ``loop`` whether ``mulaw`` sounds finished; returns at once."""
        self._queue.put((mulaw, loop, on_answer))

    def _run(self) -> None:
        while True:
            mulaw, loop, on_answer = self._queue.get()
            answer: float | None = None
            try:
                answer = self._probability(mulaw)
            except Exception:
                # One pause's trouble must not take the model from the other calls.
                logger.exception(
                    "the turn model failed on %d bytes; the pause is judged without it", len(mulaw)
                )
            try:
                loop.call_soon_threadsafe(on_answer, answer)
            except RuntimeError:
                logger.info("a call ended before the turn model answered")


@functools.cache
def shared_turn_model() -> TurnModel | None:
    """Return this process's model, loaded at the first use; None where it is not installed."""
    path = model_dir("smart-turn-v3") / "smart-turn.onnx"
    if not path.exists():
        logger.warning("%s is not there (manage.py models pull smart-turn-v3): turns end without it", path)
        return None
    model = TurnModel(SmartTurn(path).probability)
    model.start()
    return model
