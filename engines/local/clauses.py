"""Speaking clause by clause with a network that makes the sound of a whole text at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from engines.local.base import Samples, check_speed, check_voice
from engines.local.speech_pieces import pause_ms, read_pieces
from engines.local.stitching import dressed, speech_level, to_pcm
from engines.local.text_normalization import spoken

DEFAULT_VOICE = "default"
Speaker = TypeVar("Speaker")


class ClauseTTS(Generic[Speaker]):
    """What engines without streaming of their own share; a subclass gives ``_speak``.

    ::

        class Piper(ClauseTTS[int]):
            def _speak(self, text: str, speaker: int, speed: float) -> Iterator[Samples]: ...

    Text is read as Mandarin is said, cut at its punctuation, each clause made when it is asked for, brought
    to the same loudness and followed by the pause its punctuation asks for. ``sample`` is ordinary speech,
    from which a speaker's loudness is taken once.
    """

    sample = "您好，欢迎来电，请您慢慢说。"

    def __init__(self, speakers: Mapping[str, Speaker]) -> None:
        self._speakers = dict(speakers)
        self._levels: dict[str, float] = {}

    @property
    def voices(self) -> Sequence[str]:
        """``default`` and, where the model has several, its speakers by name."""
        return list(self._speakers)

    def warm(self) -> None:
        for _ in self.pieces(self.sample):
            pass

    def pieces(self, text: str, voice: str | None = None, speed: float = 1.0) -> Iterator[bytes]:
        """Yield s16le PCM, made when asked for. Raises BadRequestError before the first."""
        voice = check_voice(voice or DEFAULT_VOICE, self.voices)
        return self._make(self._cut(text), voice, check_speed(speed))

    def _cut(self, text: str) -> Iterator[str]:
        return read_pieces(text, spoken)

    def _make(self, pieces: Iterator[str], voice: str, speed: float) -> Iterator[bytes]:
        for piece in pieces:
            stretches = self._speak(piece, self._speakers[voice], speed)
            for samples in dressed(stretches, self._level(voice), pause_ms(piece) / speed):
                yield to_pcm(samples)

    def _level(self, voice: str) -> float:
        if voice not in self._levels:
            sound = self._speak(self.sample, self._speakers[voice], 1.0)
            self._levels[voice] = max(map(speech_level, sound), default=0.0)
        return self._levels[voice]

    def _speak(self, text: str, speaker: Speaker, speed: float) -> Iterator[Samples]:
        """Yield the sound of ``text`` at 24 kHz; nothing when there is nothing to say."""
        raise NotImplementedError
