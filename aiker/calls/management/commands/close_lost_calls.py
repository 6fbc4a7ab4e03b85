"""Close the records of calls that ended with the server, when no call can be live."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from aiker.calls.models import Call, EndReason


class Command(BaseCommand):
    help = "Mark calls that a stop of the server cut off as ended. `start` runs it before any process is up."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        lost = Call.objects.filter(end_reason="").update(end_reason=EndReason.SERVER_STOPPED)
        if lost:
            self.stdout.write(f"{lost} calls were cut off by the last stop of the server")
