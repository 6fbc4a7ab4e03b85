"""``manage.py prepare_voice``: clone a voice, let it speak and judge it, in this process."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from engines.errors import EngineError
from engines.local.base import BadRequestError
from engines.voices.models import VoiceProfile
from engines.voices.prepare import VoiceError, prepare


class Command(BaseCommand):
    help = "Check a voice's recordings, clone it, make its preview and its scorecard (docs/voices.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("voice", help="identifier of the voice in the admin")

    def handle(self, *_args: Any, voice: str, **_options: Any) -> None:
        found = VoiceProfile.objects.filter(slug=voice).first()
        if found is None:
            known = ", ".join(VoiceProfile.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no voice {voice!r}; there are: {known}.")
        try:
            prepare(found, self.stdout.write)
        except (VoiceError, EngineError, BadRequestError) as exc:
            raise CommandError(str(exc)) from exc
