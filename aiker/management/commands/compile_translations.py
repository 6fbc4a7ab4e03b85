from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand

from aiker.translations import compile_translations


class Command(BaseCommand):
    help = "Compile the translations that changed (also done by start); needs no GNU gettext."
    requires_system_checks: list[str] = []

    def handle(self, **_: object) -> None:
        for path in compile_translations(settings.LOCALE_PATHS):
            self.stdout.write(str(path))
