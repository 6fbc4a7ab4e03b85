"""``manage.py ai_backend export|apply ai_backend.yaml``: engines and profiles as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from engines.backend_file import BackendFileError, apply, export
from engines.server.reload import request_reload


class Command(BaseCommand):
    help = "Write every engine and profile to a file, or make them what a file says (docs/engines.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["export", "apply"])
        parser.add_argument("file", type=Path)

    def handle(self, *_args: Any, what: str, file: Path, **_options: Any) -> None:
        try:
            if what == "export":
                file.write_text(export(), encoding="utf-8")
                return
            lacking = apply(file.read_text(encoding="utf-8"))
        except (BackendFileError, OSError, UnicodeDecodeError) as exc:
            raise CommandError(str(exc)) from exc
        request_reload()
        for line in lacking:
            self.stderr.write(line)
        if lacking:
            raise CommandError("applied, but calls cannot use all of it: see above", returncode=3)
