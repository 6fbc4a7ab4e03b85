"""Fine-tune XTTS on the recordings of a voice, into a model of its own.

::

    wanted = Wanted(epochs=10, to="xtts-anna")
    model = finetune(VoiceProfile.objects.get(slug="anna_su"), wanted, say=print)
    model.id                                  # an engine of the backend “xtts” can name it now

VoiceError and TrainingError say what is in the way. After Ctrl-C (``Stopped``) the same call goes on from
where it was. ``manage.py finetune_voice`` is this in a process of its own.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from engines.backends.tts import XTTS
from engines.catalog import Model, get_model, model_dir
from engines.install import megabytes
from engines.local_models import check_new_id, register_local, workshop
from engines.profiles import engine_problems
from engines.server.launch import threads
from engines.voices.models import VoiceProfile
from engines.voices.prepare import Say, VoiceError, checked_recordings
from engines.voices.publishing import consent_obstacles
from engines.voices.recordings import SpeakerJudge
from engines.voices.training_set import Cutting, TrainingSet, build

if TYPE_CHECKING:
    from engines.local.xtts_training import XTTSBase

BATCH_SIZE = 2
LEARNING_RATE = 5e-6
LONGEST_UTTERANCE_S = 11.0
# Less cannot be learned from; below the second the voice gains little over cloning.
LEAST_SPEECH_S, ENOUGH_SPEECH_S = 30.0, 120.0
# Weights and the optimizer's two figures for each; the last and the best one, old and new, and a copy.
CHECKPOINT_FACTOR, MOST_CHECKPOINTS = 3, 5
SETTINGS = "settings.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for. ``batch_size`` and ``learning_rate`` are None for those of the run that goes on,
    or the defaults; ``to`` is the id of the new model, "" for one named after base and voice."""

    epochs: int
    batch_size: int | None = None
    learning_rate: float | None = None
    to: str = ""
    texts: Path | None = None
    fresh: bool = False


def finetune(voice: VoiceProfile, wanted: Wanted, say: Say) -> Model:
    """Train, export and register; returns the new model."""
    backend = _backend(voice)
    base_model = get_model(backend.model)
    made = replace(
        base_model,
        id=wanted.to or f"{base_model.id}-{voice.slug.lower()}",
        name=f"{base_model.name}: {voice.name}",
        files=(),
        snapshot=None,
        origin=f"finetune_voice {voice.slug}",
    )
    check_new_id(made.id, settings.AIKER.models)
    base = _base(backend)
    checked_recordings(voice, None if SpeakerJudge.missing() else SpeakerJudge(), say)
    folder = settings.AIKER.data_dir / "finetune" / voice.slug
    longest_s = min(LONGEST_UTTERANCE_S, base.longest_s)
    cutting = Cutting(backend.language, longest_s, wanted.texts, base.unfit)
    data = build(folder / "data", voice, cutting, say)
    _check_enough(data, folder / "data", say)
    best = _train(base, backend, folder, data, wanted, say)
    return _export(base, best, made, say)


def _backend(voice: VoiceProfile) -> XTTS:
    if found := consent_obstacles(voice):
        raise VoiceError("\n".join(found))
    if voice.engine is None or voice.engine.backend != XTTS.spec.name:
        raise VoiceError(
            _("Only XTTS can be fine-tuned. In the admin, choose an engine of that kind for %(voice)s.")
            % {"voice": voice}
        )
    if found := engine_problems(voice.engine):
        raise VoiceError("; ".join(found))
    backend = voice.engine.build()
    assert isinstance(backend, XTTS)
    return backend


def _base(backend: XTTS) -> XTTSBase:
    from engines.local.xtts_training import XTTSBase

    base = XTTSBase(model_dir(backend.model))
    if base.missing:
        raise VoiceError(
            _(
                "%(folder)s lacks %(files)s, which only training needs. Copy it there from the model's "
                "repository (XTTS-v2: coqui/XTTS-v2 on Hugging Face), or choose an engine of another model."
            )
            % {"folder": base.folder, "files": ", ".join(base.missing)}
        )
    if backend.language not in base.config.languages:
        raise VoiceError(
            _("The model speaks %(languages)s, not %(language)s.")
            % {"languages": ", ".join(base.config.languages), "language": backend.language}
        )
    return base


def _check_enough(data: TrainingSet, folder: Path, say: Say) -> None:
    say(
        _("%(count)d utterances, %(seconds).0f s of speech, %(held_out)d of them held out, in %(folder)s")
        % {
            "count": data.train + data.held_out,
            "seconds": data.seconds,
            "held_out": data.held_out,
            "folder": folder,
        }
    )
    if data.seconds < LEAST_SPEECH_S or not data.train:
        raise VoiceError(
            _("That is not enough speech: upload recordings with %(least).0f s of usable utterances or more.")
            % {"least": LEAST_SPEECH_S}
        )
    if data.seconds < ENOUGH_SPEECH_S:
        say(_("That is little: with less than %(s).0f s cloning does as well.") % {"s": ENOUGH_SPEECH_S})


def _train(base: XTTSBase, backend: XTTS, folder: Path, data: TrainingSet, wanted: Wanted, say: Say) -> Path:
    from engines.local import xtts_training

    runs = folder / "runs"
    if wanted.fresh:
        shutil.rmtree(runs, ignore_errors=True)
    going_on = xtts_training.last_run(runs)
    chosen = _settings(folder / SETTINGS if going_on else None, base, data, wanted)
    if not going_on:
        _check_disk(folder, base.folder / xtts_training.MODEL)
    (folder / SETTINGS).write_text(json.dumps(chosen, indent=1))
    run = xtts_training.Run(
        folder / "data", runs, backend.language, wanted.epochs, chosen["batch_size"], chosen["learning_rate"]
    )
    return xtts_training.train(base, run, threads(), say)


def _settings(stored: Path | None, base: XTTSBase, data: TrainingSet, wanted: Wanted) -> dict[str, Any]:
    """Return what a run is of; that of a run which goes on cannot change."""
    before = json.loads(stored.read_text()) if stored else {}
    now = {
        "base": base.fingerprint,
        "data": data.digest,
        "batch_size": wanted.batch_size or before.get("batch_size", BATCH_SIZE),
        "learning_rate": wanted.learning_rate or before.get("learning_rate", LEARNING_RATE),
    }
    if before and (changed := [name for name in now if now[name] != before[name]]):
        raise VoiceError(
            _(
                "The training that was begun had another %(what)s. "
                "Go on as before, or start over with --fresh."
            )
            % {"what": ", ".join(changed)}
        )
    return now


def _check_disk(folder: Path, model: Path) -> None:
    needed = model.stat().st_size * CHECKPOINT_FACTOR * MOST_CHECKPOINTS
    if (free := shutil.disk_usage(folder).free) < needed:
        raise VoiceError(
            _(
                "Checkpoints need up to %(needed)s in %(folder)s, there are %(free)s free. "
                "Make room, or move AIKER_DATA_DIR."
            )
            % {"needed": megabytes(needed), "folder": folder, "free": megabytes(free)}
        )


def _export(base: XTTSBase, best: Path, made: Model, say: Say) -> Model:
    from engines.local.xtts_training import export

    with workshop(made.id, settings.AIKER.models) as folder:
        export(base, best, folder)
        made = register_local(made, folder, settings.AIKER.models)
    say(_("The model %(id)s is made. An engine of the backend xtts can name it.") % {"id": made.id})
    say(
        _("The checkpoints are kept, for more --epochs: %(folder)s. Delete that folder when you need none.")
        % {"folder": best.parent}
    )
    return made
