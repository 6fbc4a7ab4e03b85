"""``manage.py load_golden [file] [--base onesuite]``: a file becomes what versions are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from knowledge.errors import LoadError
from knowledge.golden_file import read_golden
from knowledge.golden_import import store_golden
from knowledge.models import KnowledgeBase

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "onesuite-golden-questions.json"


class Command(BaseCommand):
    help = "Load golden questions into a knowledge base. Safe to repeat: questions are found by their text."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "path", nargs="?", type=Path, default=SAMPLE, help="JSON file; default: the sample questions"
        )
        parser.add_argument("--base", default="", help="short name of a knowledge base; default: the file's")

    def handle(self, *_args: Any, path: Path, base: str, **_options: Any) -> None:
        try:
            golden = read_golden(path)
        except LoadError as exc:
            raise CommandError(exc.message) from exc
        slug = base or golden.base
        row = KnowledgeBase.objects.filter(slug=slug).first()
        if row is None:
            raise CommandError(
                _("No knowledge base is called {name}. Load its documents first.").format(name=slug)
            )
        report = store_golden(row, golden)
        text = _("{file} -> {base}: {added} added, {changed} changed, {unchanged} unchanged")
        self.stdout.write(
            text.format(
                file=path.name,
                base=row.name,
                added=report.added,
                changed=report.changed,
                unchanged=report.unchanged,
            )
        )
        for question, keys in report.unknown.items():
            self.stderr.write(
                _("“{question}”: no document has the key {keys}").format(
                    question=question, keys=", ".join(keys)
                )
            )
