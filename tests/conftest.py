"""What every test finds: rows that migrations make, also behind a test that emptied the database."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db.models.signals import post_migrate
from hypothesis import settings

settings.register_profile("aiker", deadline=None)  # other processes may have the machine meanwhile
settings.load_profile("aiker")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that is one long test: behind the others it would run alone."""
    items.sort(key=lambda item: item.path.name != "test_on_postgresql.py")


@pytest.fixture(scope="session", autouse=True)
def rows_of_migrations() -> None:
    """Make them again when Django flushes the tables behind a test with transactions of its own."""
    post_migrate.connect(_make, sender=apps.get_app_config("monitoring"), weak=False)


def _make(**_: Any) -> None:
    import_module("knowledge.migrations.0003_groups").make_groups(apps, None)
    if not apps.get_model("monitoring", "Target").objects.exists():
        import_module("monitoring.migrations.0002_targets").create(apps, None)
        import_module("monitoring.migrations.0005_failures").create_targets(apps, None)
    if not apps.get_model("monitoring", "Price").objects.exists():
        import_module("monitoring.migrations.0004_quality_and_cost").create_examples(apps, None)
