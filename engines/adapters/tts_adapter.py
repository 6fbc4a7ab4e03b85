"""Text to speech for a call."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
from openai import AsyncOpenAI

from aiker.audio import g711
from aiker.audio.resample import StreamResampler
from engines.adapters.client import engine_errors

ENGINE_RATE = 24_000  # what the OpenAI API defines for ``pcm``
CHUNK_BYTES = 4800  # 100 ms


class TTSAdapter:
    """Speak text as mu-law.

    ::

        async for mulaw in TTSAdapter(client, "kokoro-int8", "zf_xiaobei").stream("您好"):
            play(mulaw)

    Raises EngineError with stage ``tts``; closing the iterator stops the engine.
    """

    def __init__(self, client: AsyncOpenAI, model: str, voice: str, speed: float = 1.0) -> None:
        self.model = model
        self.voice = voice
        self.speed = speed
        self._client = client

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        """Yield 8 kHz mu-law pieces of any length as the engine makes them."""
        resampler = StreamResampler(ENGINE_RATE, g711.RATE)
        odd = b""
        with engine_errors("tts", str(self._client.base_url)):
            async with self._client.audio.speech.with_streaming_response.create(
                input=text, model=self.model, voice=self.voice, speed=self.speed, response_format="pcm"
            ) as response:
                async for chunk in response.iter_bytes(CHUNK_BYTES):
                    chunk = odd + chunk
                    whole = len(chunk) // 2 * 2
                    odd = chunk[whole:]
                    pcm = resampler.feed(np.frombuffer(chunk[:whole], dtype="<i2"))
                    if len(pcm):
                        yield g711.encode(pcm)
        rest = resampler.feed(np.zeros(0, dtype=np.int16), last=True)
        if len(rest):
            yield g711.encode(rest)

    async def synthesize(self, text: str) -> bytes:
        """Return the whole of ``text`` as 8 kHz mu-law."""
        return b"".join([piece async for piece in self.stream(text)])
