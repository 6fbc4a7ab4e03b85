"""Whose voice callers hear: a clone of the recordings, or a voice that the engine came with.

::

    kind_of(voice)               # VoiceKind.PRESET: the engine cannot clone
    label_of(voice)              # "preset voice zf_xiaobei, not the voice of 苏安娜"
    identity_obstacles(voice)    # why it cannot be published as that person's, and what to do

They read the database: not for the event loop.
"""

from __future__ import annotations

from enum import StrEnum

from django.utils.translation import gettext as _

from engines.registry import RegistryError, backends
from engines.voices.figures import figures
from engines.voices.models import VoiceProfile

DEFAULT_VOICE = "zf_xiaobei"
"""What this machine's own engine speaks with when no voice is named (``KokoroTTS``)."""


class VoiceKind(StrEnum):
    CLONE = "clone"  # made of the recordings
    PRESET = "preset"  # the engine came with it
    VENDOR = "vendor"  # a named voice of an engine elsewhere, which may be anybody's


def kind_of(voice: VoiceProfile) -> VoiceKind:
    """Return what the engine that the voice is prepared on speaks with."""
    if voice.clones:
        return VoiceKind.CLONE
    return VoiceKind.VENDOR if _is_elsewhere(voice) and _named(voice) else VoiceKind.PRESET


def claims_a_person(voice: VoiceProfile) -> bool:
    """Whether the voice is said to be a person's: by recordings, a speaker or a consent."""
    if voice.is_synthetic:
        return False
    return bool(voice.speaker or voice.consent or voice.samples.exists())


def is_not_the_person(voice: VoiceProfile) -> bool:
    """Whether a person's voice is claimed while callers would hear a preset one."""
    return claims_a_person(voice) and kind_of(voice) is VoiceKind.PRESET


def label_of(voice: VoiceProfile) -> str:
    """Return in the reader's language what callers hear."""
    match kind_of(voice):
        case VoiceKind.CLONE:
            return (
                _("cloned from a synthetic recording") if voice.is_synthetic else _("cloned from recordings")
            )
        case VoiceKind.VENDOR:
            return _("voice %(name)s of %(engine)s") % {"name": _named(voice), "engine": voice.engine}
    preset = _("preset voice %(name)s") % {"name": preset_name(voice)}
    if not claims_a_person(voice):
        return preset
    return _("%(preset)s, not the voice of %(speaker)s") % {"preset": preset, "speaker": _speaker(voice)}


def preset_name(voice: VoiceProfile) -> str:
    """Return the voice of the engine that is heard when nothing is cloned."""
    own = "" if voice.engine is None else str(voice.engine.parameters.get("voice") or "")
    return _named(voice) or own or DEFAULT_VOICE


def identity_obstacles(voice: VoiceProfile) -> list[str]:
    """Return why callers would not hear the person whose voice it is said to be."""
    if not claims_a_person(voice):
        return []
    match kind_of(voice):
        case VoiceKind.PRESET:
            return [_not_cloned(voice)]
        case VoiceKind.VENDOR if not _is_like_the_recordings(voice):
            return [
                _(
                    "Whether %(label)s is the voice of %(speaker)s is not known: the likeness to recordings "
                    "must be measured. Run make torch and manage.py models pull campplus on this machine, "
                    "add recordings, and prepare the voice again."
                )
                % {"label": label_of(voice), "speaker": _speaker(voice)}
            ]
    return []


def _not_cloned(voice: VoiceProfile) -> str:
    text = _(
        "%(engine)s cannot clone: callers would hear the preset voice %(preset)s, so it cannot be published "
        "as the voice of %(speaker)s. %(remedy)s To use the preset voice as it is, remove the recordings, "
        "the speaker and the consent."
    )
    return text % {
        "engine": voice.engine or _("This machine's own engine"),
        "preset": preset_name(voice),
        "speaker": _speaker(voice),
        "remedy": _remedy(),
    }


def _remedy() -> str:
    cloning = [spec for spec in backends("tts") if "cloning" in spec.capabilities]
    values = {"backends": _(cloning[0].label) if cloning else "–"}
    if any(not spec.missing for spec in cloning):
        return _("Choose an engine that clones (%(backends)s) under “prepared on”.") % values
    text = _(
        "Run make torch on this machine, add an engine that clones (%(backends)s) under Engines, and choose "
        "it under “prepared on”."
    )
    return text % values


def _is_elsewhere(voice: VoiceProfile) -> bool:
    try:
        return voice.engine is not None and not voice.engine.spec.is_local
    except RegistryError:
        return False


def _named(voice: VoiceProfile) -> str:
    """The voice that is named for the very engine it is prepared on, empty when none is."""
    name = next((name for name in voice.names.all() if name.engine_id == voice.engine_id), None)
    return name.voice if name else ""


def _speaker(voice: VoiceProfile) -> str:
    return voice.speaker or _("the recorded person")


def _is_like_the_recordings(voice: VoiceProfile) -> bool:
    found = figures(voice.scorecard.get("figures", []))
    return any(figure.code == "similarity" and figure.ok for figure in found)
