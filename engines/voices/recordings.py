"""The recordings of a voice: read, looked at one by one and together.

::

    heard = [examine(sample) for sample in voice.samples.all()]      # stores each sample's verdict
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations

import numpy as np
import soxr
from django.conf import settings
from numpy.typing import NDArray

from engines.catalog import get_model, model_dir
from engines.fetch import is_installed
from engines.local.audio_input import decode_at_own_rate
from engines.local.base import STT_SAMPLE_RATE, BadRequestError, Samples
from engines.voices.figures import Figure
from engines.voices.models import VoiceSample
from engines.voices.recording_checks import check_recording, check_speakers, unreadable

SPEAKER_MODEL = "campplus"
PART_S = 3

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording: float32 mono at 16 kHz (None when it cannot be read) and what was found of it."""

    sample: VoiceSample
    samples: Samples | None
    verdict: list[Figure]


def examine(sample: VoiceSample) -> Heard:
    """Read a recording and look at it alone."""
    try:
        with sample.recording.open("rb") as file:
            own, rate = decode_at_own_rate(file.read(), str(sample.recording))
    except (BadRequestError, OSError) as exc:
        return Heard(sample, None, [unreadable(str(exc))])
    verdict = check_recording(own, rate)
    samples = own if rate == STT_SAMPLE_RATE else soxr.resample(own, rate, STT_SAMPLE_RATE)
    return Heard(sample, np.ascontiguousarray(samples, np.float32), verdict)


class SpeakerJudge:
    """Says how alike voices are; ``available`` tells whether this machine can."""

    def __init__(self) -> None:
        from engines.local.speaker_encoder import SpeakerEncoder

        self._encoder = SpeakerEncoder(model_dir(SPEAKER_MODEL))

    @staticmethod
    def missing() -> str:
        """Return what must be run first, or nothing."""
        if find_spec("torch") is None or find_spec("speakerlab") is None:
            return "make torch"
        if not is_installed(get_model(SPEAKER_MODEL), settings.AIKER.models):
            return f"manage.py models pull {SPEAKER_MODEL}"
        return ""

    def one_speaker(self, recordings: list[Samples]) -> Figure:
        """Judge whether all parts of all recordings are of one person."""
        vectors = [self._encoder.embed(part) for samples in recordings for part in parts(samples)]
        return check_speakers(min((float(a @ b) for a, b in combinations(vectors, 2)), default=1.0))

    def likeness(self, recordings: list[Samples], speech: Samples) -> float:
        """Return the cosine between the speaker of the recordings and of ``speech``, both at 16 kHz."""
        whose = np.mean([self._encoder.embed(samples) for samples in recordings], axis=0)
        return float(whose @ self._encoder.embed(speech) / np.linalg.norm(whose))


def parts(samples: Samples) -> list[Samples]:
    """Cut a recording into parts of 3 s; a shorter rest is left out unless it is all there is."""
    size = PART_S * STT_SAMPLE_RATE
    whole = [samples[start : start + size] for start in range(0, len(samples) - size + 1, size)]
    return whole or [samples]
