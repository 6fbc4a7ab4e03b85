"""A database of its own in the PostgreSQL that is reachable, for benches and tests; gone when they are done.

::

    if reason := why_not(): print(reason)
    else:
        with temporary_database("pages") as url:        # for AIKER_DATABASE_URL
            ...

The server is that of libpq's variables (PGHOST, PGPORT, PGUSER, PGPASSWORD), else postgres at 127.0.0.1:5432.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

PATIENCE_S = 3


def why_not() -> str:
    """Return why there is no server to use; empty: there is."""
    try:
        import psycopg
    except ImportError:
        return "psycopg is not installed (requirements/postgresql.txt)"
    try:
        with _connect():
            return ""
    except psycopg.OperationalError as exc:
        return f"no PostgreSQL: {' '.join(str(exc).split())}"


@contextmanager
def temporary_database(purpose: str) -> Iterator[str]:
    """Make a database, give its URL, and drop it whatever happens."""
    from psycopg import sql

    name = sql.Identifier(text := f"aiker_{purpose}_{os.getpid()}")
    with _connect() as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            where = _server()
            login = ":".join(quote(where[key], safe="") for key in ("user", "password") if where[key])
            yield f"postgresql://{login}@{where['host']}:{where['port']}/{text}"
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def _connect() -> Any:
    import psycopg

    return psycopg.connect(dbname="postgres", connect_timeout=PATIENCE_S, autocommit=True, **_server())


def _server() -> dict[str, Any]:
    return {
        "host": os.environ.get("PGHOST", "127.0.0.1"),
        "port": os.environ.get("PGPORT", "5432"),
        "user": os.environ.get("PGUSER", "postgres"),
        "password": os.environ.get("PGPASSWORD", ""),
    }
