"""What every test finds: the rows that migrations make, whatever the tests before it left."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from hypothesis import settings
from pytest_django import DjangoDbBlocker

from tests import migrated_rows

settings.register_profile("aiker", deadline=None)  # other processes may have the machine meanwhile
settings.load_profile("aiker")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that is one long test: behind the others it would run alone."""
    items.sort(key=lambda item: item.path.name != "test_on_postgresql.py")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:  # noqa: ARG001
    """Let threads read what others write: in SQLite's shared memory a reader makes a writer fail at once."""
    default = django_settings.DATABASES["default"]
    if default["ENGINE"].endswith("sqlite3"):
        default["OPTIONS"]["init_command"] += " PRAGMA read_uncommitted=1;"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:  # noqa: ARG001
    """Make the database, and keep what migrations put into it (``migrated_rows``)."""
    with django_db_blocker.unblock():
        migrated_rows.restore_after_flush(migrated_rows.read())
