"""``manage.py doctor``: whether this machine can run Aiker, and which engines on it."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from engines.doctor import examine, look

SIGNS = {"good": "✓", "enough": "·", "short": "✗", "info": " "}


class Command(BaseCommand):
    help = "Compare this machine with what Aiker needs. Exit status 1 when something is too small."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        findings = examine(look())
        if options["json"]:
            rows = [finding.as_dict() for finding in findings]
            self.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2))
        for finding in findings if not options["json"] else ():
            needed = " / ".join(filter(None, (finding.minimum, finding.recommended)))
            about = f"   ({needed})" if needed else ""
            self.stdout.write(f"{SIGNS[finding.level]} {finding.what}: {finding.found}{about}")
        if any(finding.level == "short" for finding in findings):
            raise SystemExit(1)
