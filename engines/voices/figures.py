"""What was found of a recording or a voice, beside what is wanted; shown in the reader's language."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

LABELS = {
    "file": _("file"),
    "duration": _("duration"),
    "rate": _("sample rate"),
    "level": _("loudness"),
    "clipping": _("clipped samples"),
    "noise": _("speech above noise"),
    "silence": _("share of speech"),
    "speakers": _("one speaker"),
    "similarity": _("likeness to the recordings"),
    "error_rate": _("misheard characters"),
    "telephone_error_rate": _("misheard characters on the telephone"),
    "first_audio_ms": _("time to first audio"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was looked at; stored as JSON, ``Figure(**stored)`` brings it back."""

    code: str
    found: str
    wanted: str
    ok: bool

    @property
    def label(self) -> str:
        return gettext(LABELS[self.code])

    def __str__(self) -> str:
        return f"{self.label} {self.found} ({self.wanted})"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def figures(stored: list[dict[str, Any]]) -> list[Figure]:
    return [Figure(**row) for row in stored]
