"""What the worker does for knowledge: golden questions take seconds to minutes.

::

    request_run(version, user)                          # a run, shown as being carried out
    request_publication(version, user, override=True)   # the same, and then the version goes live

Whoever asks finds the outcome in the run and in the version.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django_tasks import task

from knowledge import golden, publishing
from knowledge.errors import KnowledgeError
from knowledge.models import GoldenRun, IndexVersion


def request_run(version: IndexVersion, user: User | None = None) -> GoldenRun:
    """Have the golden questions asked of a version by the worker."""
    run = golden.begin(version, user)
    transaction.on_commit(lambda: ask_golden.enqueue(run.pk))
    return run


def request_publication(version: IndexVersion, user: User | None = None, *, override: bool) -> GoldenRun:
    """Have a version published by the worker, once its golden questions were asked."""
    run = golden.begin(version, user)
    IndexVersion.objects.filter(pk=version.pk).update(error="")
    transaction.on_commit(lambda: publish_version.enqueue(run.pk, override))
    return run


@task()
def ask_golden(pk: int) -> None:
    if run := waiting(pk):
        try:
            golden.carry_out(run)
        except KnowledgeError:
            return  # the run has the reason


@task()
def publish_version(pk: int, override: bool) -> None:
    if run := waiting(pk):
        try:
            publishing.publish(run.version, run.requested_by, override=override, run=run)
        except KnowledgeError as exc:
            IndexVersion.objects.filter(pk=run.version_id).update(error=exc.message)


def waiting(pk: int) -> GoldenRun | None:
    """Return a run that is still to be carried out; None when it, or its version, was deleted meanwhile."""
    runs = GoldenRun.objects.select_related("version__base", "requested_by")
    return runs.filter(pk=pk, finished_at=None).first()
