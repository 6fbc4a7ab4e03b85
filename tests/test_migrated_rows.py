"""What migrations made is there for every test, also behind one that emptied the database."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db.models import Model

from monitoring.models import Price, Target
from tests import migrated_rows

pytestmark = pytest.mark.django_db(transaction=True)


def content(rows: list[Model]) -> set[tuple[str, object, str]]:
    return {(row._meta.label, row.pk, str(row)) for row in rows}


def test_rows_of_migrations_are_put_back_when_the_database_is_emptied() -> None:
    before = content(migrated_rows.read())
    Group.objects.create(name="left behind by a test")
    Target.objects.all().delete()

    call_command("flush", interactive=False, verbosity=0)

    assert content(migrated_rows.read()) == before
    assert Target.objects.exists()
    assert Price.objects.exists()
    operators = Group.objects.get(name="Operators")
    assert operators.permissions.filter(codename="change_knowledgebase").exists()
