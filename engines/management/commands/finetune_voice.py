"""``manage.py finetune_voice``: train XTTS on the recordings of a voice, into a model of its own."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from engines.catalog import CatalogError
from engines.errors import EngineError
from engines.models import VoiceProfile
from engines.registry import get_backend
from engines.voices.finetuning import BATCH_SIZE, LEARNING_RATE, Wanted, finetune
from engines.voices.prepare import VoiceError


class Command(BaseCommand):
    help = "Fine-tune XTTS on a voice (docs/voices.md). Ctrl-C stops; the same command goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("voice", help="identifier of the voice in the admin")
        parser.add_argument("--epochs", type=_count, default=10, help="in all, with those done before")
        parser.add_argument("--batch-size", type=_count, help=f"utterances a step; {BATCH_SIZE}")
        parser.add_argument("--learning-rate", type=_rate, help=f"{LEARNING_RATE}")
        parser.add_argument("--to", default="", metavar="MODEL_ID", help="id of the new model")
        parser.add_argument(
            "--texts", type=Path, metavar="FOLDER", help="with <recording>.txt, one line for each utterance"
        )
        parser.add_argument(
            "--fresh", action="store_true", help="drop the checkpoints of an earlier training"
        )

    def handle(self, *_args: Any, voice: str, **options: Any) -> None:
        if missing := get_backend("xtts").missing:
            raise CommandError(
                _("The packages %(packages)s are not installed. Run: make torch")
                % {"packages": ", ".join(missing)}
            )
        from engines.local.xtts_training import Stopped, TrainingError

        names = Wanted.__dataclass_fields__
        wanted = Wanted(**{name: value for name, value in options.items() if name in names})
        try:
            finetune(self._voice(voice, wanted), wanted, self.stdout.write)
        except (VoiceError, EngineError, CatalogError, TrainingError) as exc:
            raise CommandError(str(exc)) from exc
        except (Stopped, KeyboardInterrupt):
            raise CommandError(
                _("Stopped. What was learned is kept; the same command goes on."), returncode=130
            ) from None

    def _voice(self, slug: str, wanted: Wanted) -> VoiceProfile:
        if wanted.texts and not wanted.texts.is_dir():
            raise CommandError(_("%(folder)s is not a folder.") % {"folder": wanted.texts})
        try:
            return VoiceProfile.objects.get(slug=slug)
        except VoiceProfile.DoesNotExist:
            known = ", ".join(VoiceProfile.objects.values_list("slug", flat=True)) or "-"
            raise CommandError(
                _("There is no voice “%(slug)s”; there are: %(known)s.") % {"slug": slug, "known": known}
            ) from None


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(_("at least 1"))
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 < number < 1:
        raise ArgumentTypeError(_("between 0 and 1"))
    return number
