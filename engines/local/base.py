"""What a local engine is: a class built from a model directory, with one method per kind.

::

    stt: LocalSTTEngine = FasterWhisperSTT(models / "whisper-base", threads=2)
    stt.transcribe_many([Utterance(samples, "zh")])[0].text

Audio going in is float32 mono at 16 kHz in [-1, 1]; audio coming out is s16le mono at 24 kHz.
Engines are blocking and are called from one thread each (the server's stage thread).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

STT_SAMPLE_RATE = 16_000
TTS_SAMPLE_RATE = 24_000
SPEEDS = (0.5, 2.0)

Samples = NDArray[np.float32]


class BadRequestError(ValueError):
    """The caller asked for something this engine cannot do; the message says what is possible."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class EngineDownError(RuntimeError):
    """What the engine stands on has failed and is mended; the message, for the caller, says what it was."""


class Word(NamedTuple):
    """A word, as the model cuts them, and when it was said, in s of the audio."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a transcript, in s of the audio; ``tokens`` as the model numbers them."""

    text: str
    start_s: float
    end_s: float
    tokens: Sequence[int]
    temperature: float
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    words: Sequence[Word] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard. ``text`` is empty when it was not speech; the figures say why.

    ``duration_s`` is the audio's length in seconds; ``rejected`` is the reason the text was emptied
    (``silence``, ``no_speech``, ``unlikely``, ``repetition``, ``hallucination``) or "". Only
    ``transcribe_timed`` fills in ``segments``.
    """

    text: str
    language: str
    duration_s: float
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    compression_ratio: float = 0.0
    rejected: str = ""
    segments: Sequence[Segment] = ()


class Utterance(NamedTuple):
    """What is to be heard: float32 at 16 kHz, the code of the language, names and words to expect."""

    samples: Samples
    language: str | None = None
    prompt: str = ""


class LocalSTTEngine(Protocol):
    @property
    def most_together(self) -> int:
        """How many utterances are heard sooner together than one after the other; 1: none."""
        ...

    def transcribe_many(self, utterances: Sequence[Utterance]) -> list[Transcript]:
        """Return the text of each utterance."""
        ...

    def warm(self) -> None: ...


@runtime_checkable
class TimedSTTEngine(Protocol):
    """An engine that also knows when it heard what."""

    def transcribe_timed(
        self, utterance: Utterance, *, words: bool = False, temperature: float = 0.0, translate: bool = False
    ) -> Transcript:
        """Return the transcript with its segments, with ``words`` theirs; ``translate``: in English.

        Slower than ``transcribe_many``, which calls use. ``temperature`` 0 takes the likeliest tokens.
        """
        ...


class LocalTTSEngine(Protocol):
    @property
    def voices(self) -> Sequence[str]: ...

    def pieces(self, text: str, voice: str | None = None, speed: float = 1.0) -> Iterator[bytes]:
        """Yield PCM piece by piece, each as soon as it is made. Wrong arguments raise before the first."""
        ...

    def warm(self) -> None: ...


@dataclass(frozen=True, slots=True)
class TextDelta:
    """What was written since the last one; ``text`` may be empty.

    ``tokens`` is how many have been written so far. The last delta has a ``finish_reason``: ``stop`` (the
    model, or a stop string, ended it) or ``length``.
    """

    text: str
    prompt_tokens: int
    tokens: int
    finish_reason: Literal["stop", "length"] | None = None


class LocalLLMEngine(Protocol):
    def stream(
        self,
        messages: Sequence[Mapping[str, str]],
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[TextDelta]:
        """Yield the answer as it is written, without the stop string that ended it.

        ``max_tokens`` None: to the end of the context. Temperature 0 takes the likeliest token. Wrong
        arguments raise BadRequestError before the first delta; closing the iterator stops the model.
        """
        ...

    def warm(self) -> None: ...


class Embedder(Protocol):
    def embed(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[int]]:
        """Return unit vectors of shape [texts, dimensions] and the tokens read of each text."""
        ...

    def warm(self) -> None: ...


class Reranker(Protocol):
    def score(self, query: str, passages: Sequence[str]) -> tuple[list[float], int]:
        """Return how well each passage answers ``query``, 0 to 1, in the order given, and the tokens read."""
        ...

    def warm(self) -> None: ...


def check_speed(speed: float) -> float:
    """Return ``speed`` (1.0: as the voice speaks), or raise BadRequestError that names the limits."""
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise BadRequestError(f"speed must be between {SPEEDS[0]} and {SPEEDS[1]}.", "speed")
    return speed


def check_voice(voice: str, voices: Sequence[str]) -> str:
    """Return ``voice``, or raise BadRequestError that names those there are."""
    if voice not in voices:
        raise BadRequestError(f"Unknown voice {voice!r}. Voices: {', '.join(voices)}.", "voice")
    return voice


def onnx_session(model: Any, threads: int) -> Any:
    """Open an ONNX model (a path or a ModelProto) on the CPU with threads that sleep while idle."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning pool holds a core that the language model's process needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
