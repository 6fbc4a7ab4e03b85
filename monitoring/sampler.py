"""The sampler's work: what is done every few seconds, every few minutes and every hour.

::

    sampler = Sampler()
    while True: sampler.turn(timezone.now())        # ``manage.py monitor``

A part that fails is logged, and the others are done all the same.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from knowledge.models import Document, IndexChange, KnowledgeBase
from knowledge.status import not_live
from monitoring import resources
from monitoring.alarms import watch
from monitoring.canaries import judge_canaries
from monitoring.engine_state import engine_readings
from monitoring.figures import ENGINE_DOWN
from monitoring.gpus import Gpus
from monitoring.machine import Machine
from monitoring.quality.counting import ended_calls, take_up_calls
from monitoring.retention import remove_old
from monitoring.stored_metrics import reading
from monitoring.turns import BATCH, take_up_turns

logger = logging.getLogger(__name__)

EVERY_S = 5.0
SAMPLE_EVERY = timedelta(seconds=10)
DOCUMENTS_EVERY = timedelta(minutes=5)
RETENTION_EVERY = timedelta(hours=1)
REMOVE_S = 2.0
"""Of a turn, for what is old: the rest goes at the next ones, and targets are watched meanwhile."""
LOADING = timedelta(minutes=2)
"""After the start an engine that does not answer may still be loading its model."""
MOST_BATCHES = 10
"""Of turns a time: an old installation's are taken up little by little."""

Read = Callable[[], dict[str, float]]


class Sampler:
    """``gpu_readings`` and ``engine_readings`` are functions of no argument, for other sources of them."""

    def __init__(self, gpu_readings: Read | None = None, ask_engines: Read = engine_readings) -> None:
        self._machine = Machine(settings.AIKER.data_dir)
        self._gpus = gpu_readings or Gpus().readings
        self._ask_engines = ask_engines
        self._host = socket.gethostname()
        self._due: dict[str, datetime] = {}
        self._documents: dict[str, float] = {}
        self._started: datetime | None = None
        self._loaded = False

    def turn(self, now: datetime) -> None:
        """Do what is due at ``now``."""
        self._do("turns", self._take_up)
        if self._is_due("documents", now, DOCUMENTS_EVERY):
            self._do("documents", self._count_documents)
        if self._is_due("sample", now, SAMPLE_EVERY):
            self._do("sample", lambda: self._sample(now))
            self._do("steps", lambda: resources.close_steps(now, self._host))
        self._do("canaries", self._judge_canaries)
        self._do("targets", lambda: self._watch(now))
        if self._is_due("retention", now, RETENTION_EVERY):
            self._do("retention", lambda: self._remove_old(now))

    def _is_due(self, what: str, now: datetime, every: timedelta) -> bool:
        if now < self._due.get(what, now):
            return False
        self._due[what] = now + every
        return True

    def _do(self, what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            # The database locked, a driver gone, a bug in one part: the rest is watched on.
            logger.exception("monitoring: %s could not be done; it is tried again", what)

    def _take_up(self) -> None:
        ended = ended_calls()
        for _ in range(MOST_BATCHES):
            if take_up_turns() < BATCH:
                # Those of the calls that had ended before are among them.
                take_up_calls(ended)
                return

    def _sample(self, now: datetime) -> None:
        engines = self._ask_engines()
        values = self._machine.readings() | self._gpus() | engines | self._documents
        values |= self._down(engines, now)
        values["tasks_waiting"] = float(DBTaskResult.objects.filter(status=TaskResultStatus.READY).count())
        resources.store_sample(now, self._host, values)

    def _down(self, engines: dict[str, float], now: datetime) -> dict[str, float]:
        """Return how many engines are down, once all were up or have had their time to load."""
        up = [value for key, value in engines.items() if key.partition("|")[0] == "engine_up"]
        self._started = self._started or now
        self._loaded = self._loaded or all(up) or now - self._started >= LOADING
        return {ENGINE_DOWN: float(up.count(0.0))} if self._loaded else {}

    def _count_documents(self) -> None:
        waiting = IndexChange.objects.filter(error="").values("document_id").distinct().count()
        failed = IndexChange.objects.exclude(error="").values("document_id").distinct().count()
        elsewhere = sum(
            len(not_live(base)) for base in KnowledgeBase.objects.select_related("active_version")
        )
        indexed = max(0, Document.objects.count() - waiting - failed - elsewhere)
        states = {"indexed": indexed, "on_its_way": waiting, "failed": failed, "not_live": elsewhere}
        self._documents = {reading("documents", state): float(count) for state, count in states.items()}

    def _remove_old(self, now: datetime) -> None:
        if not remove_old(now, REMOVE_S).is_all:
            self._due["retention"] = now

    def _judge_canaries(self) -> None:
        for canary in judge_canaries():
            logger.warning("canary %s is rolled back: %s", canary, canary.reason)

    def _watch(self, now: datetime) -> None:
        for alarm in watch(now):
            logger.warning("alarm %s: %s", alarm.state, alarm)
