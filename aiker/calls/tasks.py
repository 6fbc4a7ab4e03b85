"""What the worker does for assistants and calls."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django_tasks import task
from django_tasks_db.models import DBTaskResult, DBTaskResultQuerySet

from aiker.calls import ahead, answer_check
from aiker.calls.models import Assistant
from engines.errors import EngineError
from knowledge.models import GoldenRun
from knowledge.tasks import waiting

logger = logging.getLogger(__name__)

TURN_S = 20.0  # then whatever else the worker has to do gets its turn
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


@task()
def prepare_phrases() -> None:
    """Make the audio that is missing, then remove what nobody wants; cheap when there is neither."""
    try:
        done = asyncio.run(ahead.make(ahead.wanted_phrases(), TURN_S))
    except EngineError as exc:
        logger.warning("fixed answers are not made ahead yet, tried again in a minute: %s", exc.message)
        if not _requested().exists():
            prepare_phrases.using(run_after=timezone.now() + RETRY).enqueue()
        return
    if not done:
        request_phrases()
        return
    if gone := ahead.forget_others():
        logger.info("%d recordings of fixed sentences that nobody says any more were removed", gone)


def request_phrases() -> None:
    """Have the worker look at what is to be made, once however often it is asked; for ``on_commit``."""
    # One that is running may have read what there was before.
    if not _requested().ready().exists():
        prepare_phrases.enqueue()


def _requested() -> DBTaskResultQuerySet:
    return DBTaskResult.objects.filter(task_path=prepare_phrases.module_path, status="READY")
