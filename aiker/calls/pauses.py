"""Gathers the evidence in a pause of the caller and tells turn taking how much silence ends the turn.

::

    pause = PauseJudge(turns, detector, engines.turn_model, loop)
    pause.begin(mulaw, dictating=False)     # at Turn.PAUSED: the audio model is asked, once
    pause.heard("你们几点开门")              # the transcript has come; True: this may be the end
    pause.as_dict()                         # for the record of the turn

Runs on the event loop; what comes late for a pause that is over is dropped.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from aiker.calls.completeness import Completeness, completeness
from aiker.calls.end_of_turn import Detector, Evidence
from aiker.calls.turn_model import TurnModel
from aiker.calls.turn_taking import TurnTaking


class PauseJudge:
    """The present pause of one call."""

    def __init__(
        self,
        turns: TurnTaking,
        detector: Detector,
        model: TurnModel | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._turns = turns
        self._detector = detector
        self._model = model
        self._loop = loop
        self._number = 0
        self._evidence = Evidence()

    def begin(self, mulaw: bytes, *, dictating: bool, answering: bool = False) -> None:
        """Start with a pause behind ``mulaw``, the turn so far."""
        self._number += 1
        self._take(Evidence(dictating=dictating, answering=answering))
        if self._model is not None:
            number = self._number
            self._model.ask(mulaw, self._loop, lambda answer: self._sounds(number, answer))

    def heard(self, transcript: str) -> bool:
        """Take the words of the turn so far, "" when there are none; say whether they may be all."""
        self._take(replace(self._evidence, transcript=transcript))
        return bool(transcript) and completeness(transcript) is not Completeness.UNFINISHED

    def as_dict(self) -> dict[str, Any]:
        """Return what decided, for the record: the wait in ms, what the words and the sound said."""
        text, probability = self._evidence.transcript, self._evidence.probability
        return {
            "silence_ms": round(self._detector.silence_ms(self._evidence)),
            "words": None if text is None else completeness(text).value,
            "sound": None if probability is None else round(probability, 3),
        }

    def _sounds(self, number: int, probability: float | None) -> None:
        if number == self._number:
            self._take(replace(self._evidence, probability=probability))

    def _take(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._turns.require(self._detector.silence_ms(evidence))
