"""What the worker does for assistants and calls."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django_tasks import task
from django_tasks_db.models import DBTaskResult, DBTaskResultQuerySet

from aiker.calls import ahead, answer_check
from aiker.calls.models import Assistant, Rehearsal
from aiker.calls.rehearsal import carry_out
from engines.errors import EngineError
from knowledge.models import GoldenRun
from knowledge.tasks import waiting

logger = logging.getLogger(__name__)

TURN_S = 20.0  # then whatever else the worker has to do gets its turn
# While there are calls, and between short entries that nobody marked: answers wait for the same cores, and a
# language model that shares a core with steady speech takes several times as long (docs/performance.md).
PACE = timedelta(seconds=15)
RETRY = timedelta(minutes=1)


def request_check(assistant: Assistant, user: User | None = None) -> GoldenRun:
    """Have the worker check an assistant's answers; KnowledgeError when there is nothing to check."""
    run = answer_check.begin(assistant, user)
    transaction.on_commit(lambda: check_answers.enqueue(run.pk))
    return run


@task()
def check_answers(pk: int) -> None:
    if run := waiting(pk):
        answer_check.carry_out(run)


def request_rehearsal(rehearsal: Rehearsal) -> None:
    """Have the worker carry out a rehearsal that was begun."""
    transaction.on_commit(lambda: rehearse.enqueue(rehearsal.pk))


@task()
def rehearse(pk: int) -> None:
    rows = Rehearsal.objects.select_related("assistant__knowledge_base__active_version", "version__base")
    if rehearsal := rows.filter(pk=pk, finished_at=None).first():
        carry_out.carry_out(rehearsal)


@task()
def prepare_phrases() -> None:
    """Make the audio that is missing, then remove what nobody wants; cheap when there is neither.

    While there are calls it makes one text, and the next later.
    """
    began = time.monotonic()

    def go_on() -> bool:
        return time.monotonic() - began < TURN_S and not ahead.callers_wait()

    try:
        wanted = ahead.wanted_phrases()
        done = ahead.make(wanted, go_on)
        more = done and ahead.make_one_later(wanted)
    except EngineError as exc:
        logger.warning("fixed answers are not made ahead yet, tried again in a minute: %s", exc.message)
        _request_later(RETRY)
        return
    if not done:
        _request_later(PACE) if ahead.callers_wait() else request_phrases()
        return
    if more:
        _request_later(PACE)
        return
    if gone := ahead.forget_others():
        logger.info("%d recordings of fixed sentences that nobody says any more were removed", gone)


def request_phrases() -> None:
    """Have the worker look at what is to be made, once however often it is asked; for ``on_commit``."""
    # One that is running may have read what there was before.
    if not _requested().ready().exists():
        prepare_phrases.enqueue()


def _request_later(after: timedelta) -> None:
    if not _requested().exists():
        prepare_phrases.using(run_after=timezone.now() + after).enqueue()


def _requested() -> DBTaskResultQuerySet:
    return DBTaskResult.objects.filter(task_path=prepare_phrases.module_path, status="READY")
