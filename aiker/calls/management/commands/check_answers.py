"""``manage.py check_answers --assistant anna [--limit N]``: golden questions, answered and checked."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from aiker.calls import answer_check
from aiker.calls.models import Assistant
from knowledge.errors import KnowledgeError
from knowledge.golden_report import compared_figures, failures
from knowledge.templatetags.knowledge_extras import facts


class Command(BaseCommand):
    help = "Ask an assistant's language model the golden questions of its base, and check the answers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--assistant", default="anna", help="address of the assistant")
        parser.add_argument("--limit", type=int, help="ask only the first questions; default: all")

    def handle(self, *_args: Any, assistant: str, limit: int | None, **_options: Any) -> None:
        row = Assistant.objects.select_related("knowledge_base__active_version").filter(slug=assistant)
        if not (found := row.first()):
            raise CommandError(_("No assistant has the address {name}.").format(name=assistant))
        try:
            run = answer_check.carry_out(answer_check.begin(found), limit)
        except KnowledgeError as exc:
            raise CommandError(exc.message) from exc
        for item in failures(run):
            self.stdout.write(f"✗ {item['wording']}\n  {item.get('error') or item['said']}")
            if item["unsaid"]:
                self.stdout.write(_("  not said: {facts}").format(facts=facts(item["unsaid"])))
            if item["wrong"]:
                self.stdout.write(_("  must not be said: {facts}").format(facts=facts(item["wrong"])))
        for figure in compared_figures(run):
            self.stdout.write(f"{figure.label}: {figure.value}")
        if run.error:
            raise CommandError(run.error)
