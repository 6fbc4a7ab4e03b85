"""Whether a recording is fit for cloning: what an uploader can put right, found before any model runs.

::

    for figure in check_recording(samples, rate_hz=44_100):
        figure.ok, figure.label, figure.found, figure.wanted

Pure: float32 mono samples in [-1, 1] go in.
"""

from __future__ import annotations

import numpy as np

from engines.local.base import Samples
from engines.voices.figures import Figure

SHORTEST_S, LONGEST_S = 6.0, 120.0
LOWEST_RATE = 16_000
CLIPPED = 0.999
MOST_CLIPPED = 0.001
LEAST_SNR_DB = 20.0
LEAST_SPEECH = 0.5
QUIETEST_DBFS = -40.0
# Below what two recordings of one person share; two people share less (engines/local/speaker_encoder.py).
SAME_SPEAKER = 0.5
_HOP_S = 0.02
SPEECH_BELOW_PEAK_DB = 30.0


def check_recording(samples: Samples, rate_hz: int) -> list[Figure]:
    """Return the figures of one recording; ``rate_hz`` is that of ``samples``."""
    duration_s = len(samples) / rate_hz
    levels = _levels_dbfs(samples, rate_hz)
    loud = float(np.percentile(levels, 95)) if levels.size else -120.0
    speech = levels[levels > loud - SPEECH_BELOW_PEAK_DB] if loud > QUIETEST_DBFS else levels[:0]
    clipped = float(np.mean(np.abs(samples) >= CLIPPED)) if samples.size else 0.0
    noise = float(np.percentile(levels, 5)) if levels.size else -120.0
    return [
        Figure(
            "duration",
            f"{duration_s:.1f} s",
            f"{SHORTEST_S:.0f}-{LONGEST_S:.0f} s",
            SHORTEST_S <= duration_s <= LONGEST_S,
        ),
        Figure("rate", f"{rate_hz} Hz", f"≥ {LOWEST_RATE} Hz", rate_hz >= LOWEST_RATE),
        Figure("level", f"{loud:.0f} dBFS", f"≥ {QUIETEST_DBFS:.0f} dBFS", loud >= QUIETEST_DBFS),
        Figure(
            "clipping",
            f"{clipped:.2%}",
            f"≤ {MOST_CLIPPED:.1%}",
            clipped <= MOST_CLIPPED,
        ),
        Figure(
            "noise",
            f"{loud - noise:.0f} dB",
            f"≥ {LEAST_SNR_DB:.0f} dB",
            loud - noise >= LEAST_SNR_DB,
        ),
        Figure(
            "silence",
            f"{speech.size / max(1, levels.size):.0%}",
            f"≥ {LEAST_SPEECH:.0%}",
            speech.size >= LEAST_SPEECH * max(1, levels.size),
        ),
    ]


def check_speakers(likeness: float) -> Figure:
    """Return the figure about the least likeness of any two parts of the recordings."""
    return Figure("speakers", f"{likeness:.2f}", f"≥ {SAME_SPEAKER}", likeness >= SAME_SPEAKER)


def unreadable(reason: str) -> Figure:
    return Figure("file", reason, "WAV, FLAC, MP3, Ogg", False)


def _levels_dbfs(samples: Samples, rate_hz: int) -> Samples:
    hop = round(_HOP_S * rate_hz)
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    rms = np.sqrt(np.mean(frames**2, axis=1)) if len(frames) else np.zeros(0, np.float32)
    return 20 * np.log10(np.maximum(rms, 1e-6))
