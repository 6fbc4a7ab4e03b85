"""Serve the static files from the running ASGI application.

::

    application = with_static(get_asgi_application())

Files come straight from Django's finders (each app's ``static/``), with ETag and 304: nothing has to be
collected at start or after an upgrade. A proxy in front may serve ``manage.py collectstatic`` instead.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class FinderFiles(StaticFiles):
    """Looks files up in every directory that Django's finders know, in their order."""

    def get_directories(self, *_: object) -> list[str | os.PathLike[str]]:
        return [s.location for finder in get_finders() for s in getattr(finder, "storages", {}).values()]


def with_static(application: App) -> App:
    """Return ``application`` with GET and HEAD below STATIC_URL answered from the static files."""
    static = Starlette(routes=[Mount(settings.STATIC_URL.rstrip("/"), FinderFiles())])

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        is_static = scope["type"] == "http" and scope["path"].startswith(settings.STATIC_URL)
        await (static if is_static else application)(scope, receive, send)

    return route
