"""Print a token that admits calls, and the address to use it with."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from aiker.calls import tokens
from aiker.calls.models import Assistant


class Command(BaseCommand):
    help = "Print a call token for an assistant (valid for five minutes) with its WebSocket address."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("assistant", help="the assistant's address, for example anna")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        slug = options["assistant"]
        if not Assistant.objects.filter(slug=slug, is_active=True).exists():
            known = (
                ", ".join(Assistant.objects.filter(is_active=True).values_list("slug", flat=True))
                or "none yet"
            )
            raise CommandError(f"no active assistant {slug!r}; there is: {known}")
        token = tokens.issue(slug)
        base = settings.AIKER.web_url.replace("http", "ws", 1)
        self.stdout.write(token)
        self.stdout.write(f"{base}/ws/twilio/{slug}/?token={token}")
