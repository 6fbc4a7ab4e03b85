"""``manage.py export_knowledge base [file]``: a knowledge base as a file that ``load_knowledge`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from knowledge.errors import LoadError
from knowledge.exporting import export
from knowledge.models import KnowledgeBase


class Command(BaseCommand):
    help = "Write a knowledge base to a JSON file of the documented schema, or to the standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("base", help="short name of the knowledge base")
        parser.add_argument("path", nargs="?", type=Path, help="file to write; default: standard output")

    def handle(self, *_args: Any, **options: Any) -> None:
        name: str = options["base"]
        path: Path | None = options["path"]
        base = KnowledgeBase.objects.filter(slug=name).first()
        if base is None:
            raise CommandError(_("No knowledge base is called {names}.").format(names=name))
        try:
            text = export(base)
            if path is None:
                self.stdout.write(text, ending="")
                return
            path.write_text(text, encoding="utf-8")
        except LoadError as exc:
            raise CommandError(exc.message) from exc
        except OSError as exc:
            reason = _("{file} cannot be written: {reason}")
            raise CommandError(reason.format(file=path, reason=exc.strerror)) from exc
        count = base.documents.count()
        self.stdout.write(_("{base}: {count} documents -> {file}").format(base=name, count=count, file=path))
