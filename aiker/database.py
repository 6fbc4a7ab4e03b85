"""The database of the settings: SQLite in the data directory, or PostgreSQL where a URL names one.

::

    DATABASES = {"default": database(config.database_url, config.data_dir)}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from pydantic import SecretStr

SCHEMES = ("postgresql", "postgres")


def database(url: SecretStr | None, data_dir: Path) -> dict[str, Any]:
    """Return what Django's DATABASES has for it; ImproperlyConfigured when the URL cannot be used."""
    return _postgresql(url.get_secret_value()) if url and url.get_secret_value() else _sqlite(data_dir)


def described(settings: dict[str, Any]) -> str:
    """Return where a database is, without its password."""
    if settings["ENGINE"].endswith("sqlite3"):
        return str(settings["NAME"])
    return f"PostgreSQL, {settings['NAME']} at {settings['HOST']}:{settings['PORT']}"


def _sqlite(data_dir: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": data_dir / "aiker.sqlite3",
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _postgresql(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError as exc:
        raise ImproperlyConfigured(f"AIKER_DATABASE_URL: {exc}") from None
    name = unquote(parts.path.removeprefix("/"))
    if parts.scheme not in SCHEMES or not parts.hostname or not name:
        raise ImproperlyConfigured(
            "AIKER_DATABASE_URL: it must be like postgresql://user:password@host:5432/name"
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.hostname,
        "PORT": port,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "NAME": name,
        # Options of libpq, such as sslmode=verify-full.
        "OPTIONS": {"connect_timeout": 10, **dict(parse_qsl(parts.query))},
    }
