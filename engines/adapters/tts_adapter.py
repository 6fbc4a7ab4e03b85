"""Text to speech for a call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable

import numpy as np

from aiker.audio import g711
from aiker.audio.lead import LeadCutter
from aiker.audio.resample import StreamResampler
from engines.adapters.client import Note, client_for, engine_errors, routed_stream
from engines.errors import EngineError
from engines.routing import Endpoint, Routes

ENGINE_RATE = 24_000  # what the OpenAI API defines for ``pcm``
CHUNK_BYTES = 4800  # 100 ms
# No voice takes longer: an engine that goes on is not speaking this text.
MOST_S_A_CHARACTER = 1.5
MOST_S_ANY_TEXT = 10.0
SLOWER = 0.8


def as_written(text: str) -> str:
    return text


class TTSAdapter:
    """Speak text as mu-law.

    ::

        async for mulaw in TTSAdapter(routes, "zf_xiaobei").stream("您好", note=print):
            play(mulaw)

    ``read`` turns a text into what the voice is given in its place, as words it would say wrongly.
    Raises EngineError with stage ``tts``; closing the iterator stops the engine.
    """

    def __init__(
        self, routes: Routes, voice: str, speed: float = 1.0, read: Callable[[str], str] = as_written
    ) -> None:
        self.routes = routes
        self.voice = voice
        self.speed = speed
        self.read = read

    def slower(self) -> TTSAdapter:
        """Return the same voice for a caller who did not follow."""
        return TTSAdapter(self.routes, self.voice, self.speed * SLOWER, self.read)

    async def stream(self, text: str, note: Note) -> AsyncIterator[bytes]:
        """Yield 8 kHz mu-law pieces of any length as the engine makes them, without silence before them."""
        resampler, lead = StreamResampler(ENGINE_RATE, g711.RATE), LeadCutter(ENGINE_RATE)
        odd, said = b"", self.read(text)
        async for chunk in routed_stream(self.routes, lambda endpoint: self._pcm(endpoint, said), note):
            chunk = odd + chunk
            whole = len(chunk) // 2 * 2
            odd = chunk[whole:]
            pcm = resampler.feed(lead.feed(np.frombuffer(chunk[:whole], dtype="<i2")))
            if len(pcm):
                yield g711.encode(pcm)
        rest = resampler.feed(lead.finish(), last=True)
        if len(rest):
            yield g711.encode(rest)

    async def synthesize(self, text: str, note: Note = lambda _served: None) -> bytes:
        """Return the whole of ``text`` as 8 kHz mu-law."""
        return b"".join([piece async for piece in self.stream(text, note)])

    async def _pcm(self, endpoint: Endpoint, text: str) -> AsyncGenerator[bytes, None]:
        most = round((MOST_S_ANY_TEXT + MOST_S_A_CHARACTER * len(text)) / self.speed * ENGINE_RATE) * 2
        with engine_errors("tts", endpoint.url):
            async with client_for(endpoint).audio.speech.with_streaming_response.create(
                input=text,
                model=endpoint.model,
                voice=endpoint.voice or self.voice,
                speed=self.speed,
                response_format="pcm",
            ) as response:
                kind = response.headers.get("content-type", "")
                if kind.startswith("text/") or "json" in kind:
                    raise EngineError("tts", "broken", f"{endpoint.url} answered with {kind}, not audio")
                self.routes.usage.add("tts", endpoint.engine, characters=len(text))
                async for chunk in response.iter_bytes(CHUNK_BYTES):
                    most -= len(chunk)
                    if most < 0:
                        raise EngineError("tts", "broken", f"{endpoint.url} does not stop speaking")
                    yield chunk
