"""Whether a voice is understood as well as another over the telephone: its speech, recognised.

::

    async for one in compare_voices(live_plan, draft_plan):
        one.sentence, one.live.error_rate, one.draft.error_rate, one.draft.audio

The sentences have no figures and no names, which recognition writes in several ways.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiker.calls.engines import make_stt, make_tts
from aiker.calls.plan import CallPlan
from engines.errors import EngineError
from engines.voices.scorecard import SENTENCES, error_rate

CHECKED = (
    *SENTENCES,
    "门禁卡丢了请到前台补办，当场就能拿到。",
    "合同到期之前在应用里点续租，按原来的价格续签。",
    "这个问题我需要为您转给同事确认，请稍等。",
)


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """One voice saying one sentence; ``audio`` is mu-law."""

    audio: bytes
    recognised: str
    error_rate: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class VoicePair:
    sentence: str
    live: SpokenSentence
    draft: SpokenSentence


async def compare_voices(live: CallPlan, draft: CallPlan) -> AsyncIterator[VoicePair]:
    """Yield each sentence in both voices, recognised by the live engine without hot words."""
    for sentence in CHECKED:
        yield VoicePair(sentence, await spoken(live, live, sentence), await spoken(draft, live, sentence))


async def spoken(plan: CallPlan, listener: CallPlan, sentence: str) -> SpokenSentence:
    """Return a sentence in the voice of ``plan``; one that cannot be spoken is not understood at all."""
    try:
        audio = await make_tts(plan).synthesize(sentence)
        recognised = await make_stt(listener).transcribe(audio, lambda _served: None, expected=" ")
    except EngineError as exc:
        return SpokenSentence(b"", "", 1.0, exc.message)
    return SpokenSentence(audio, recognised, error_rate(sentence, recognised))
