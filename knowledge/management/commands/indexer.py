"""``manage.py indexer``: brings every edit and every requested version into what callers hear."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, close_old_connections

from knowledge.indexing import Indexer, indexer_lock

log = logging.getLogger(__name__)

POLL_S = 0.1
"""An edit waits at most this long to be seen."""
PAUSE_S = 1.0
UPKEEP_S = 60.0


class Command(BaseCommand):
    help = "Index what operators save, and build the versions they ask for. One indexer an installation."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        with indexer_lock():  # a command that indexes by itself is let to its end first
            indexer = Indexer()
            upkeep_at = time.monotonic()
            while True:
                if time.monotonic() >= upkeep_at:
                    self.do(indexer.upkeep)
                    upkeep_at = time.monotonic() + UPKEEP_S
                time.sleep(0 if self.do(indexer.step) else POLL_S)

    def do(self, work: Callable[[], bool | None]) -> bool:
        """Do a piece of work; return whether there was any."""
        close_old_connections()
        try:
            return bool(work())
        except (
            DatabaseError,
            InterfaceError,
        ) as exc:  # the work is in the database, and is found there again
            log.warning("the database is not available: %s", exc)
            time.sleep(PAUSE_S)
            return False
