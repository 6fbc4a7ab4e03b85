"""Speech to text for a call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from openai import omit

from aiker.audio import g711
from aiker.audio.wav import wav_bytes
from engines.adapters.client import Note, client_for, engine_errors
from engines.errors import EngineError
from engines.routing import Endpoint, Routes, Served


class STTAdapter:
    """Hear mu-law audio.

    ::

        text = await STTAdapter(routes, "zh").transcribe(mulaw, note=print)

    ``note`` is told who served. Raises EngineError with stage ``stt`` when no engine does.
    """

    def __init__(self, routes: Routes, language: str, hot_words: str = "") -> None:
        self.routes = routes
        self._language = language
        self._hot_words = hot_words

    async def transcribe(self, mulaw: bytes, note: Note, expected: str = "") -> str:
        """Return what is said in 8 kHz ``mulaw``; an empty string when nobody speaks.

        ``expected``: words that recognition prefers this time, instead of the hot words.
        """

        def counted(served: Served) -> None:
            self.routes.usage.add("stt", served.engine, seconds=len(mulaw) / g711.RATE)
            note(served)

        return await self.transcribe_wav(wav_bytes(g711.RATE, g711.decode(mulaw)), counted, expected)

    async def transcribe_wav(self, clip: bytes, note: Note, expected: str = "") -> str:
        """The same for a WAV file of any rate."""

        async def ask(endpoint: Endpoint) -> tuple[str, dict[str, float]]:
            with engine_errors("stt", endpoint.url):
                answer = await client_for(endpoint).audio.transcriptions.create(
                    file=("utterance.wav", clip, "audio/wav"),
                    model=endpoint.model,
                    language=self._language,
                    prompt=expected or self._hot_words or omit,
                )
            if not isinstance(text := getattr(answer, "text", None), str):
                raise EngineError("stt", "broken", f"{endpoint.url} answered without a transcript")
            return text.strip(), _certainty(answer)

        (text, certainty), served = await self.routes.first(ask)
        note(replace(served, certainty=certainty))
        return text


def _certainty(answer: Any) -> dict[str, float]:
    """Return what the engine server of this house adds to its answer; of other vendors nothing."""
    found = {name: getattr(answer, name, None) for name in ("avg_logprob", "no_speech_prob")}
    return {name: round(value, 3) for name, value in found.items() if isinstance(value, int | float)}
