"""Which database a URL names."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic import SecretStr

from aiker.database import database, described


@pytest.mark.parametrize("url", [None, SecretStr("")])
def test_without_a_url_it_is_sqlite_in_the_data_directory(url: SecretStr | None) -> None:
    found = database(url, Path("/srv/aiker"))
    assert found["ENGINE"] == "django.db.backends.sqlite3"
    assert described(found) == "/srv/aiker/aiker.sqlite3"


def test_a_url_of_postgresql() -> None:
    url = SecretStr("postgresql://ai%40ker:p%2Fw@db.example.com:6432/calls?sslmode=verify-full")
    found = database(url, Path())
    assert found == {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "db.example.com",
        "PORT": 6432,
        "USER": "ai@ker",
        "PASSWORD": "p/w",
        "NAME": "calls",
        "OPTIONS": {"connect_timeout": 10, "sslmode": "verify-full"},
    }
    assert described(found) == "PostgreSQL, calls at db.example.com:6432"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:secret@h/n",
        "postgresql://u:secret@h",
        "postgresql:///n",
        "x",
        "postgresql://u:secret@h:port/n",
    ],
)
def test_another_url_stops_the_start_with_the_name_of_the_variable(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="AIKER_DATABASE_URL") as raised:
        database(SecretStr(url), Path())
    assert "secret" not in str(raised.value)
