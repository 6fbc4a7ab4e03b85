"""Fixed sentences (greeting, apology, ...) as audio on disk.

::

    phrases = PhraseCache(settings.AIKER.data_dir / "phrases")
    phrases.load(tts, ["您好"])                 # before a call, off the event loop
    audio = phrases.get(tts, "您好")            # in a call: bytes, or None when it was never made
    audio = await phrases.make(tts, "您好")     # synthesise and keep

They are spoken when the engines are down, so they are made before that.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path

from engines.adapters.tts_adapter import TTSAdapter
from engines.errors import EngineError
from engines.routing import Served

logger = logging.getLogger(__name__)


class PhraseCache:
    """mu-law files named after everything that shapes the sound, and those a call needs in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, bytes] = {}

    def load(self, tts: TTSAdapter, texts: list[str]) -> list[str]:
        """Read what was made before from disk; return the texts that were not. Not for the event loop."""
        missing = []
        for text in filter(None, texts):
            name = _name(tts, text)
            path = self._folder / name
            if name not in self._loaded and path.exists():
                self._loaded[name] = path.read_bytes()
            if name not in self._loaded:
                missing.append(text)
        return missing

    def get(self, tts: TTSAdapter, text: str) -> bytes | None:
        """Return the audio of ``text`` if it was loaded or made."""
        return self._loaded.get(_name(tts, text))

    async def make(self, tts: TTSAdapter, text: str) -> bytes:
        """Synthesise ``text`` and keep it; raises EngineError."""
        served: list[Served] = []
        audio, name = await tts.synthesize(text, served.append), _name(tts, text)
        if served and not served[0].skipped:
            # What another engine spoke in its place is not the voice that is asked for.
            self._loaded[name] = audio
            await asyncio.to_thread(self._write, name, audio)
        return audio

    async def make_missing(self, tts: TTSAdapter, texts: list[str]) -> int:
        """Make what is not there yet, in order; return how many were made. Raises EngineError."""
        missing = await asyncio.to_thread(self.load, tts, texts)
        for text in missing:
            await self.make(tts, text)
        return len(missing)

    async def try_missing(self, tts: TTSAdapter, texts: list[str]) -> None:
        """Make what is not there yet if the engine allows; a failure is logged."""
        try:
            await self.make_missing(tts, texts)
        except EngineError as exc:
            logger.warning("fixed phrases could not be synthesised: %s", exc.message)

    def _write(self, name: str, audio: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{name}.part"
        part.write_bytes(audio)
        part.replace(self._folder / name)


def _name(tts: TTSAdapter, text: str) -> str:
    first = tts.routes.endpoints[0]
    key = "\n".join((first.engine, first.model, first.voice or tts.voice, str(tts.speed), text))
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.ulaw"
