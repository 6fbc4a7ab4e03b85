"""The fixed sentences of a call: greeting, apology, "are you there?", goodbye.

::

    announcer = Announcer(engines, speaker, emit)
    await announcer.say(plan.greeting)       # queued; ``await speaker.drained()`` for its end
    announcer.said()                         # it was heard to its end
    announcer.cut()                          # or the caller spoke into it
"""

from __future__ import annotations

from collections.abc import Callable

from aiker.calls.engines import CallEngines
from aiker.calls.events import CallEvent, Emit
from aiker.calls.playout import Segment
from aiker.calls.speaker import Speaker
from engines.errors import EngineError


class Announcer:
    """See the module."""

    def __init__(self, engines: CallEngines, speaker: Speaker, emit: Emit) -> None:
        self._engines = engines
        self._speaker = speaker
        self._emit = emit
        self._saying = False

    async def say(self, text: str, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Queue a sentence from the cache, or from the engine when it is not there yet.

        That takes time: it is dropped, and False returned, when it is not ``wanted`` any more by then.
        """
        if not text:
            return True
        audio = await self._engines.phrases.fetch(self._engines.tts, text)
        if audio is None:
            try:
                audio = await self._engines.phrases.make(self._engines.tts, text)
            except EngineError as exc:
                self._emit(CallEvent.ERROR, None, **exc.as_dict())
                return True
        if not wanted():
            return False
        self._saying = True
        self._emit(CallEvent.REPLY_TEXT, None, text=text)
        self._speaker.append(Segment(text, bytearray(audio), closed=True))
        self._speaker.wake()
        return True

    def said(self) -> None:
        """Tell that it was heard to its end, unless it was cut."""
        self._over(interrupted=False)

    def cut(self) -> None:
        """Stop speaking."""
        self._speaker.silence()
        self._over(interrupted=True)

    def _over(self, *, interrupted: bool) -> None:
        if self._saying:
            self._saying = False
            self._emit(CallEvent.PHRASE_FINISHED, interrupted=interrupted)
