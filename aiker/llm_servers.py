"""The servers of language models that profiles name, run beside Aiker's own processes.

::

    supervisor.background(LLMServers(supervisor, say).follow())

What an operator changes in the admin is taken up within a few seconds: servers that no profile names any
more are stopped, new and changed ones are started. One that cannot run is named, and the rest goes on: calls
go to the next engine of their profile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from aiker.processes import Service, until_answers
from aiker.supervisor import Supervisor
from engines.profiles import engine_problems
from engines.servers import servers_to_run

POLL_S = 5.0


def wanted_services() -> tuple[dict[str, Service], dict[str, str]]:
    """Return the servers that are to run, and why others cannot, both by slug; reads the database."""
    services, problems = {}, {}
    try:
        for slug, (engine, server) in servers_to_run().items():
            if found := engine_problems(engine):
                problems[slug] = "; ".join(found)
                continue
            services[slug] = Service(
                f"llm-{slug}",
                [server.program(), *server.arguments()],
                server.health_url,
                env=server.environment(),
                optional=True,
            )
    finally:
        connection.close()  # asked for now and then, from a thread of its own
    return services, problems


class LLMServers:
    """Keeps the running servers like those that are wanted."""

    def __init__(self, supervisor: Supervisor, say: Callable[[str], None]) -> None:
        self._supervisor = supervisor
        self._say = say
        self._running: dict[str, Service] = {}
        self._problems: dict[str, str] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}

    async def follow(self) -> None:
        """Look every few seconds what is wanted, for ever."""
        while True:
            try:
                await self.apply(*await sync_to_async(wanted_services)())
            except DatabaseError as exc:
                self._say(_("The servers of language models stay as they are: %(error)s") % {"error": exc})
            await asyncio.sleep(POLL_S)

    async def apply(self, services: dict[str, Service], problems: dict[str, str]) -> None:
        """Stop what is not among ``services``, start what is new, and name new ``problems``."""
        for slug, service in list(self._running.items()):
            if services.get(slug) != service:
                self._waiting.pop(slug).cancel()
                await self._supervisor.stop(self._running.pop(slug))
                self._say(_("%(name)s is stopped.") % {"name": service.name})
        for slug, service in services.items():
            if slug not in self._running:
                self._running[slug] = service
                self._supervisor.start(service)
                self._waiting[slug] = self._supervisor.background(self._announce(service))
        for slug, problem in problems.items():
            if self._problems.get(slug) != problem:
                self._say(_("llm-%(slug)s is not started: %(why)s") % {"slug": slug, "why": problem})
        self._problems = problems

    async def _announce(self, service: Service) -> None:
        await until_answers(service)
        self._say(_("%s is ready.") % service.name)
