"""A recording cut into utterances at its pauses. Pure: float32 mono samples in [-1, 1] go in.

::

    cut(samples, rate_hz, longest_s=11.0)                  # [Span(0.12, 4.3), ...] wherever there is a pause
    cut_by_lines(samples, rate_hz, ["您好！", "再见。"])     # one span a line, or PairingError
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from engines.local.base import Samples

SHORTEST_S = 1.0
# At the first pause after that much an utterance ends.
ENOUGH_S = 3.0
PAUSE_S = 0.25
# Soft consonants at both ends are below the threshold.
MARGIN_S = 0.1
# What is shorter is a click.
_SHORTEST_SOUND_S = 0.08
_HOP_S = 0.02
# Speech begins this far up from the noise to the loud parts, both in dB.
_THRESHOLD = 0.4
_LOWEST_DBFS = -70.0
# How far the characters a second of one line may be from those of the other lines.
_MOST_UNEVEN = 3.0


class PairingError(ValueError):
    """The lines of a transcript do not fit the recording; the message says where."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a recording, in seconds from its beginning."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s

    def of(self, samples: Samples, rate_hz: int) -> Samples:
        return samples[round(self.start_s * rate_hz) : round(self.end_s * rate_hz)]

    def __str__(self) -> str:
        return f"{self.start_s:.1f}-{self.end_s:.1f} s"


def cut(samples: Samples, rate_hz: int, longest_s: float) -> list[Span]:
    """Return utterances of SHORTEST_S to ``longest_s``; speech that fits into none is left out."""
    utterances: list[Span] = []
    current: Span | None = None
    for stretch in _stretches(samples, rate_hz):
        joined = Span(current.start_s, stretch.end_s) if current else stretch
        if current and (current.length_s >= ENOUGH_S or joined.length_s > longest_s):
            utterances.append(current)
            joined = stretch
        current = joined
    utterances += [current] if current else []
    return [span for span in utterances if SHORTEST_S <= span.length_s <= longest_s]


def cut_by_lines(samples: Samples, rate_hz: int, lines: list[str]) -> list[Span]:
    """Return what was said of each line: the recording is cut at its longest pauses."""
    stretches = _stretches(samples, rate_hz)
    if not 0 < len(lines) <= len(stretches):
        raise PairingError(
            _("%(lines)d lines for %(parts)d parts between pauses")
            % {"lines": len(lines), "parts": len(stretches)}
        )
    pauses = [after.start_s - before.end_s for before, after in pairwise(stretches)]
    ends = sorted(sorted(range(len(pauses)), key=pauses.__getitem__)[len(pauses) - len(lines) + 1 :])
    firsts, lasts = [0, *(end + 1 for end in ends)], [*ends, len(stretches) - 1]
    spans = [
        Span(stretches[first].start_s, stretches[last].end_s)
        for first, last in zip(firsts, lasts, strict=True)
    ]
    _check_pace(lines, spans)
    return spans


def _check_pace(lines: list[str], spans: list[Span]) -> None:
    paces = [len(line) / span.length_s for line, span in zip(lines, spans, strict=True)]
    usual = float(np.median(paces))
    for line, span, pace in zip(lines, spans, paces, strict=True):
        if not usual / _MOST_UNEVEN <= pace <= usual * _MOST_UNEVEN:
            raise PairingError(
                _("%(span)s cannot be “%(line)s”: %(pace).1f characters a second, usual are %(usual).1f")
                % {"span": span, "line": line, "pace": pace, "usual": usual}
            )


def _stretches(samples: Samples, rate_hz: int) -> list[Span]:
    """Return the parts of speech between pauses, with their margins."""
    hop = round(_HOP_S * rate_hz)
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    if not len(frames):
        return []
    levels = np.maximum(20 * np.log10(np.sqrt(np.mean(frames**2, axis=1)) + 1e-9), _LOWEST_DBFS)
    noise, loud = np.percentile(levels, [5, 95])
    voiced = levels > noise + _THRESHOLD * (loud - noise)
    edges: Any = np.flatnonzero(np.diff(np.concatenate([[0], voiced.astype(np.int8), [0]])))
    parts: list[Span] = []
    for start, end in edges.reshape(-1, 2) * hop / rate_hz:
        if end - start < _SHORTEST_SOUND_S:
            continue
        if parts and start - parts[-1].end_s < PAUSE_S:
            parts[-1] = Span(parts[-1].start_s, float(end))
        else:
            parts.append(Span(float(start), float(end)))
    length_s = len(samples) / rate_hz
    return [Span(max(0.0, p.start_s - MARGIN_S), min(length_s, p.end_s + MARGIN_S)) for p in parts]
