"""Fixed sentences and answers (greeting, apology, what is spoken as written) as audio on disk.

::

    phrases = PhraseCache(settings.AIKER.data_dir / "phrases")
    phrases.load(tts, ["您好"])                    # before a call, off the event loop
    audio = await phrases.fetch(tts, "您好")       # in a call: bytes, or None when it was never made
    audio = await phrases.make(tts, "您好")        # synthesise and keep
    phrases.prune({phrase_name(tts, "您好")})      # forget everything else

They are spoken when the engines are down, so they are made before that. A file is named after everything
that shapes the sound: engine, the state of its model, voice, speed, and the text as the voice is given it.
What is changed is therefore never found again, and ``aiker.calls.ahead`` removes it.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Set
from pathlib import Path
from uuid import uuid4

from engines.adapters.tts_adapter import TTSAdapter
from engines.routing import Served

SUFFIX = ".ulaw"
MOST_BYTES = 32 * 2**20  # in memory: 70 minutes of speech
ABANDONED_S = 3600.0  # a file still half written after this is nobody's


class PhraseCache:
    """mu-law files named after everything that shapes the sound, and the last used of them in memory."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._loaded: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def load(self, tts: TTSAdapter, texts: Iterable[str]) -> None:
        """Read what was made before from disk. Not for the event loop."""
        for text in texts:
            self._read(phrase_name(tts, text))

    def missing(self, tts: TTSAdapter, texts: Iterable[str]) -> list[str]:
        """Return the texts that were not made yet, each once. Not for the event loop."""
        return [text for text in dict.fromkeys(texts) if not self._path(phrase_name(tts, text)).exists()]

    async def fetch(self, tts: TTSAdapter, text: str) -> bytes | None:
        """Return the audio of ``text``, from memory or disk; None when it was never made."""
        name = phrase_name(tts, text)
        return self._remembered(name) or await asyncio.to_thread(self._read, name)

    async def make(self, tts: TTSAdapter, text: str) -> bytes:
        """Synthesise ``text`` and keep it; raises EngineError."""
        served: list[Served] = []
        audio, name = await tts.synthesize(text, served.append), phrase_name(tts, text)
        if served and not served[0].skipped:
            # What another engine spoke in its place is not the voice that is asked for.
            self._remember(name, audio)
            await asyncio.to_thread(self._write, name, audio)
        return audio

    async def make_missing(self, tts: TTSAdapter, texts: list[str]) -> int:
        """Make what is not there yet, in order; return how many were made. Raises EngineError."""
        missing = await asyncio.to_thread(self.missing, tts, texts)
        for text in missing:
            await self.make(tts, text)
        return len(missing)

    def prune(self, wanted: Set[str]) -> int:
        """Remove every file whose name is not ``wanted``; return how many."""
        gone = [path for path in self._folder.glob(f"*{SUFFIX}") if path.name not in wanted]
        for path in [*gone, *filter(_abandoned, self._folder.glob("*.part"))]:
            path.unlink(missing_ok=True)
        return len(gone)

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _remembered(self, name: str) -> bytes | None:
        with self._lock:
            if name in self._loaded:
                self._loaded.move_to_end(name)
            return self._loaded.get(name)

    def _remember(self, name: str, audio: bytes) -> None:
        """Keep in memory, and let go of what was not used for longest."""
        with self._lock:
            self._bytes += len(audio) - len(self._loaded.pop(name, b""))
            self._loaded[name] = audio
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._loaded.popitem(last=False)[1])

    def _read(self, name: str) -> bytes | None:
        if (audio := self._remembered(name)) is not None:
            return audio
        try:
            audio = self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        self._remember(name, audio)
        return audio

    def _write(self, name: str, audio: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Several processes may make the same phrase.
        part = self._path(f"{name}.{uuid4().hex[:8]}.part")
        part.write_bytes(audio)
        part.replace(self._path(name))


def _abandoned(half: Path) -> bool:
    try:
        return time.time() - half.stat().st_mtime > ABANDONED_S
    except FileNotFoundError:
        return False  # it has just been finished


def phrase_name(tts: TTSAdapter, text: str) -> str:
    """Return the name of the file that ``tts`` makes of ``text``."""
    first = tts.routes.endpoints[0]
    sound = (
        first.engine,
        first.model,
        first.revision,
        first.voice or tts.voice,
        str(tts.speed),
        tts.read(text),
    )
    key = "\n".join(sound)
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}{SUFFIX}"
