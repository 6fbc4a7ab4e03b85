"""Print how texts are read aloud, clause by clause as in a call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from aiker.calls.models import Assistant
from aiker.calls.reading import read_clauses
from engines.adapters.tts_adapter import as_written
from engines.local.mandarin_g2p import MandarinG2P
from knowledge.vocabulary import Lexicon


class Command(BaseCommand):
    help = "Print how a text is read aloud, one clause a line, cut and read as in a call."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", nargs="*", help="what is read; several are read one after another")
        parser.add_argument("--file", help="a UTF-8 file of which each line is read; - for standard input")
        parser.add_argument(
            "--pinyin",
            action="store_true",
            help="also print pinyin, behind a tab; tones are figures, 5 the neutral one",
        )
        parser.add_argument(
            "--assistant", help="the address of an assistant: with the lexicon of its knowledge base"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        texts = [*options["text"], *_lines(options["file"])]
        if not texts:
            raise CommandError("nothing to read: give a text or --file")
        read = _lexicon(options["assistant"])
        pinyin = MandarinG2P(settings.AIKER.data_dir / "cache").pinyin if options["pinyin"] else None
        for text in texts:
            for clause in read_clauses(text, read):
                line = clause.replace("\n", " ").strip()
                self.stdout.write(f"{line}\t{pinyin(clause)}" if pinyin else line)


def _lines(file: str | None) -> Iterator[str]:
    if file is None:
        return
    try:
        content = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise CommandError(f"cannot read {file}: {exc}") from exc
    yield from (line for line in content.splitlines() if line.strip())


def _lexicon(slug: str | None) -> Callable[[str], str]:
    if slug is None:
        return as_written
    assistant = Assistant.objects.filter(slug=slug).first()
    if assistant is None:
        raise CommandError(f"no assistant {slug!r}")
    return Lexicon.of(assistant.knowledge_base_id).read
