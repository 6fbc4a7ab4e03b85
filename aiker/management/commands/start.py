from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils.translation import gettext as _

from aiker.config import BASE_DIR, Config
from aiker.database import described
from aiker.llm_servers import LLMServers
from aiker.preflight import lock, problems
from aiker.processes import Service
from aiker.supervisor import ChildFailed, Supervisor
from aiker.translations import compile_translations

READY_S = {"chroma": 60, "engines": 300, "llm": 300, "web": 60}
"""Seconds a process may take to answer; models load slowly from a cold disk."""


class Command(BaseCommand):
    help = (
        "Start every process of Aiker and keep them alive: web, engines, LLM, vector index. Ctrl-C stops all."
    )
    requires_system_checks: list[str] = []  # warm_phrases runs them, in its own process

    def handle(self, **_options: object) -> None:
        compile_translations(settings.LOCALE_PATHS)
        config: Config = settings.AIKER
        try:
            held = lock(config.data_dir)
            if held is None:
                raise CommandError(
                    _("Aiker already runs with the data in %s; stop it first.") % config.data_dir
                )
            with held:
                self.prepare(config)
                asyncio.run(Start(config, self.say).run())
        except ChildFailed as exc:
            logs = _("The whole logs: %s") % (config.data_dir / "logs")
            raise CommandError(f"{exc}\n{logs}") from None
        except KeyboardInterrupt:
            raise CommandError(_("Stopped before everything had started."), returncode=130) from None

    def prepare(self, config: Config) -> None:
        """Do what must be done before any process starts."""
        if found := problems(config):
            raise CommandError("\n".join(found))
        call_command("models", "pull")
        self.say(_("Database: %s") % described(settings.DATABASES["default"]))
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        call_command("close_lost_calls", skip_checks=True)
        connections.close_all()

    def say(self, message: str) -> None:
        self.stdout.write(message)
        self.stdout.flush()


class Start:
    """The way from nothing to the ready banner, and then on until somebody stops it."""

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        self.config = config
        self.say = say
        self.supervisor = Supervisor(config.data_dir / "logs", say)
        self.services = services(config)

    async def run(self) -> None:
        await self.supervisor.run(self.boot)

    async def boot(self) -> None:
        began = asyncio.get_running_loop().time()
        for service in self.services.values():
            self.supervisor.start(service)
        self.supervisor.background(LLMServers(self.supervisor, self.say).follow())
        await self.ready("chroma")
        await self.ready("engines")
        await self.load_demo()
        await self.ready("llm")
        await self.ready("web")
        await self.manage("warm_phrases", _("Preparing the phrases that are said in every call"))
        seconds = asyncio.get_running_loop().time() - began
        self.say(_("All processes are ready after %.1f s.") % seconds)
        password = await sync_to_async(create_admin)()
        self.say(banner(self.config, password))

    async def ready(self, name: str) -> None:
        await self.supervisor.ready(self.services[name], READY_S[name])
        self.say(_("%s is ready.") % name)

    async def load_demo(self) -> None:
        """Load the sample business and its assistant on the first start; what was deleted stays deleted."""
        done = self.config.data_dir / "demo_loaded"
        if not done.exists():
            await self.manage("load_knowledge", _("Loading the sample knowledge"))
            await self.manage("load_golden", _("Loading the questions that measure it"))
            await self.manage("create_demo", _("Creating the sample assistant"))
            done.touch()

    async def manage(self, command: str, message: str) -> None:
        """Run a management command in its own process: what it imports would stay in this one for ever."""
        self.say(f"{message} ...")
        await self.supervisor.job(command, manage_py(command))


def services(config: Config) -> dict[str, Service]:
    """Return the processes of Aiker in the order in which they are waited for."""
    one_thread = {"OMP_NUM_THREADS": "1"}  # these two leave the cores to the models
    web_host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host
    names = [name for name in config.allowed_hosts if "*" not in name and not name.startswith(".")]
    found = [
        Service(
            "chroma",
            chroma_command(config),
            f"http://127.0.0.1:{config.chroma_port}/api/v2/heartbeat",
            env=one_thread,
        ),
        Service("engines", manage_py("serve_engines"), f"http://127.0.0.1:{config.engines_port}/health"),
        Service("llm", manage_py("serve_llm"), f"http://127.0.0.1:{config.llm_port}/health"),
        Service(
            "web",
            web_command(config),
            f"http://{web_host}:{config.port}/health/live",
            health_host=(names or ["localhost"])[0],
            env=one_thread | {"DJANGO_SETTINGS_MODULE": "aiker.settings"},
        ),
        Service("worker", manage_py("worker"), health_url=""),
        # Calls go on with the index they have, and unwatched, whatever becomes of these two.
        Service("indexer", manage_py("indexer"), health_url="", env=one_thread, optional=True),
        Service("monitor", manage_py("monitor"), health_url="", env=one_thread, optional=True),
    ]
    return {service.name: service for service in found}


def manage_py(*arguments: str) -> list[str]:
    return [sys.executable, str(BASE_DIR / "manage.py"), *arguments]


def chroma_command(config: Config) -> list[str]:
    # Not the `chroma` script: its first line names the directory in which the venv was made.
    run_cli = "import sys; from chromadb.cli.cli import app; sys.argv[0] = 'chroma'; app()"
    path = config.data_dir / "chroma"
    options = ["--path", str(path), "--host", "127.0.0.1", "--port", str(config.chroma_port)]
    return [sys.executable, "-c", run_cli, "run", *options]


def web_command(config: Config) -> list[str]:
    """Return the command of the ASGI server, without an access log: its paths carry call tokens."""
    app, port = "aiker.asgi:application", str(config.port)
    if config.server == "uvicorn":
        options = [
            "--host",
            config.host,
            "--port",
            port,
            "--no-access-log",
            "--timeout-graceful-shutdown",
            "2",
        ]
        return [sys.executable, "-m", "uvicorn", *options, app]
    return [sys.executable, "-m", "daphne", "-v", "0", "-b", config.host, "-p", port, app]


def create_admin() -> str | None:
    """Create the user ``admin`` unless somebody may already log in; return its new password."""
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(9)
    users.create_superuser("admin", "", password)
    return password


def banner(config: Config, password: str | None) -> str:
    """Return what the operator needs to know; ``password`` only when it was made just now."""
    url = config.web_url.replace("//0.0.0.0:", "//127.0.0.1:")
    change = f"{Path(sys.executable)} {BASE_DIR / 'manage.py'} changepassword admin"
    if password:
        login = _("Login:      admin / %(password)s   (shown once)") % {"password": password}
    else:
        login = _("Login:      admin, or whom you have added")
    lines = [
        _("Aiker is ready."),
        "",
        _("Admin:      %(url)s/admin/") % {"url": url},
        _("Test call:  %(url)s/call/") % {"url": url},
        login,
        _("Password:   change it with  %(command)s") % {"command": change},
        _("Stop:       Ctrl-C"),
    ]
    rule = "=" * 72
    return "\n".join(["", rule, *(f"  {line}" if line else "" for line in lines), rule])
