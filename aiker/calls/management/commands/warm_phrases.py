"""Synthesise the fixed sentences of every assistant, so that a call can speak when engines are down."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from aiker.calls.engines import make_tts, phrase_cache
from aiker.calls.models import Assistant
from aiker.calls.plan import CallPlan, plan_for
from aiker.calls.tasks import request_phrases
from engines.errors import EngineError
from engines.profiles import ProfileError


class Command(BaseCommand):
    help = "Synthesise the greetings, apologies and goodbyes that are not in the cache yet."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        assistants = Assistant.objects.filter(is_active=True).select_related(
            "knowledge_base__active_version", "profile", "voice_profile__engine"
        )
        plans = []
        for assistant in assistants:
            try:
                plans.append(plan_for(assistant))
            except ProfileError as exc:
                self.stderr.write(f"{assistant.slug}: {exc}")
        try:
            made = asyncio.run(self._make(plans))
        except EngineError as exc:
            raise CommandError(f"phrases could not be synthesised: {exc.message}") from exc
        self.stdout.write(f"{made} phrases synthesised")
        request_phrases()  # and the answers that are spoken as written, by the worker

    async def _make(self, plans: list[CallPlan]) -> int:
        return sum([await phrase_cache().make_missing(make_tts(plan), plan.phrases) for plan in plans])
