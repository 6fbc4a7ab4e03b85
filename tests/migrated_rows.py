"""The rows that migrations make, kept from the new database and put back after a test that emptied it.

::

    rows = read()           # once, on the database that migrations have just made
    restore_after_flush(rows)

A test with transactions of its own ends with Django's ``flush``, which empties every table. The rows that
migrations made would be missing from then on, so what a test finds would depend on the tests before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_migrate


def read() -> list[Model]:
    """Return every row of the database, those of one model side by side."""
    models = apps.get_models(include_auto_created=True)
    return [
        row
        for model in models
        if model._meta.managed and not model._meta.proxy
        for row in model._base_manager.order_by("pk")
    ]


def restore(rows: Iterable[Model]) -> None:
    """Insert ``rows``, keys included, into empty tables."""
    # One transaction: a row may come before the row that it refers to.
    with transaction.atomic():
        for model, group in groupby(rows, lambda row: row.__class__):
            model._base_manager.bulk_create(list(group))
    ContentType.objects.clear_cache()


def restore_after_flush(rows: list[Model]) -> None:
    """Put ``rows`` back whenever Django has emptied the database; for as long as the process lives."""
    # Django would make these anew, with other keys; ``rows`` has them all.
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")

    def restore_all(**_: Any) -> None:
        restore(rows)

    # The signal is sent once for each app; one of them is enough.
    post_migrate.connect(restore_all, sender=apps.get_app_config("contenttypes"), weak=False)
