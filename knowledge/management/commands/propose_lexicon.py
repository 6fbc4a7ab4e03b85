"""Propose words of a knowledge base for its lexicon, from its documents."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from knowledge.models import KnowledgeBase
from knowledge.proposing import propose_for


class Command(BaseCommand):
    help = (
        "Propose names, terms and units of a knowledge base for its lexicon. What an operator accepted, "
        "edited or rejected stays as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("base", help="short name of the knowledge base")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        base = KnowledgeBase.objects.filter(slug=options["base"]).first()
        if base is None:
            known = ", ".join(KnowledgeBase.objects.values_list("slug", flat=True)) or "–"
            raise CommandError(
                _("There is no knowledge base “%(slug)s”. There are: %(known)s.")
                % {"slug": options["base"], "known": known}
            )
        outcome = propose_for(base)
        self.stdout.write(
            f"{outcome.added} words proposed, {outcome.kept} were there, {outcome.withdrawn} withdrawn"
        )
