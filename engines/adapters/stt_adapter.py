"""Speech to text for a call."""

from __future__ import annotations

from openai import AsyncOpenAI, omit

from aiker.audio import g711
from aiker.audio.wav import wav_bytes
from engines.adapters.client import engine_errors


class STTAdapter:
    """Hear mu-law audio.

    ::

        text = await STTAdapter(client, "whisper-base", "zh").transcribe(mulaw)

    Raises EngineError with stage ``stt``.
    """

    def __init__(self, client: AsyncOpenAI, model: str, language: str, hot_words: str = "") -> None:
        self.model = model
        self._client = client
        self._language = language
        self._hot_words = hot_words

    async def transcribe(self, mulaw: bytes) -> str:
        """Return what is said in 8 kHz ``mulaw``; an empty string when nobody speaks."""
        clip = wav_bytes(g711.RATE, g711.decode(mulaw))
        with engine_errors("stt", str(self._client.base_url)):
            answer = await self._client.audio.transcriptions.create(
                file=("utterance.wav", clip, "audio/wav"),
                model=self.model,
                language=self._language,
                prompt=self._hot_words or omit,
            )
        return answer.text.strip()
