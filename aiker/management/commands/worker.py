"""``manage.py worker``: does what may take its time, one task after the other."""

from __future__ import annotations

import logging
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

logger = logging.getLogger(__name__)

INTERVAL_S = 1.0


class Command(BaseCommand):
    help = "Run the tasks that the admin has queued: voices are prepared here. One worker an installation."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **options: Any) -> None:
        # Whatever ran when the last worker was killed is begun again; there is no other worker.
        again = DBTaskResult.objects.filter(status=TaskResultStatus.RUNNING)
        if count := again.update(status=TaskResultStatus.READY):
            logger.warning("%d tasks that were cut short are run again", count)
        call_command("db_worker", interval=INTERVAL_S, verbosity=options["verbosity"], skip_checks=True)
