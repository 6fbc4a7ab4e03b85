"""Keep the processes of Aiker alive, and leave none behind.

::

    supervisor = Supervisor(log_dir, say=print)

    async def boot() -> None:
        supervisor.start(chroma)
        await supervisor.ready(chroma, timeout_s=60)
        await supervisor.job("load_knowledge", [sys.executable, "manage.py", "load_knowledge"])

    asyncio.run(supervisor.run(boot))    # until Ctrl-C or SIGTERM; raises ChildFailed

A process that dies shows its last lines and is started again; the third death within a minute ends
everything, unless the service is optional: that one is tried again after ever longer waits. No heavy module
is imported here: the supervisor lives as long as the service.
"""

from __future__ import annotations

import asyncio
import signal
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path

from django.utils.translation import gettext as _

from aiker.guardian import GRACE_S, signal_group
from aiker.processes import Guardian, Log, Service, child_environment, describe_exit, until_answers

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NOT_RUN = 127
"""The exit status of what could not be run at all, as in a shell."""


class ChildFailed(Exception):
    """A process could not do its work: its name, why, and its last lines."""

    def __init__(self, name: str, reason: str, lines: Sequence[str]) -> None:
        super().__init__("\n".join([f"{name}: {reason}", *(f"  | {line}" for line in lines)]))
        self.name = name


class RestartPolicy:
    """What follows a death: ``death(now_s)`` is the seconds to wait before a restart, or None to give up."""

    def __init__(self, deaths: int = 3, window_s: float = 60.0, backoff_s: float = 1.0) -> None:
        self._deaths = deaths
        self._window_s = window_s
        self._backoff_s = backoff_s
        self._times: list[float] = []

    def death(self, now_s: float) -> float | None:
        self._times = [t for t in self._times if now_s - t < self._window_s] + [now_s]
        if len(self._times) >= self._deaths:
            return None
        return self._backoff_s * (len(self._times) - 1)


class Patience:
    """The policy of an optional service: wait 1, 2, 4 ... 300 s; from 1 s again after ten quiet minutes."""

    LONGEST_S = 300.0
    FORGET_S = 600.0

    def __init__(self) -> None:
        self._last_s = -self.FORGET_S
        self._wait_s = 0.0

    def death(self, now_s: float) -> float:
        quiet = now_s - self._last_s >= self.FORGET_S
        self._wait_s = 1.0 if quiet else min(self._wait_s * 2, self.LONGEST_S)
        self._last_s = now_s
        return self._wait_s


class Supervisor:
    """Runs services and jobs; ``say`` shows the operator one message, ``log_dir`` holds ``<name>.log``."""

    def __init__(self, log_dir: Path, say: Callable[[str], None], grace_s: float = GRACE_S) -> None:
        self._log_dir = log_dir
        self._say = say
        self._grace_s = grace_s
        self._logs: dict[str, Log] = {}
        self._children: dict[Process, str] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, boot: Callable[[], Awaitable[None]]) -> None:
        """Await ``boot``, then keep what it started alive until SIGINT, SIGTERM or SIGHUP.

        Raises ChildFailed when a service gives up, or what ``boot`` raised. All children have ended when
        this returns or raises; a second signal kills them at once.
        """
        loop = asyncio.get_running_loop()
        self._guardian = Guardian()
        self._ended: asyncio.Future[None] = loop.create_future()
        for signum in SIGNALS:
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:  # nohup stays in force
                loop.add_signal_handler(signum, self._on_signal)
        booting = asyncio.ensure_future(boot())
        try:
            await asyncio.wait({booting, self._ended}, return_when=asyncio.FIRST_COMPLETED)
            if booting.done():
                booting.result()
            await self._ended
        finally:
            self._say(_("Stopping ..."))
            await self._stop({booting, *self._tasks})
            self._guardian.close()
            for signum in SIGNALS:
                loop.remove_signal_handler(signum)

    def start(self, service: Service) -> None:
        """Start a service and keep it alive; ``ready`` tells when it answers."""
        self._logs[service.name] = Log(self._log_dir / f"{service.name}.log")
        self._keeping[service.name] = self.background(self._keep(service))

    async def stop(self, service: Service) -> None:
        """End a service that was started, and what it has started itself; it stays ended."""
        keeping = self._keeping.pop(service.name)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await self._end({child for child, name in self._children.items() if name == service.name})

    async def ready(self, service: Service, timeout_s: float) -> None:
        """Wait until the service answers 200, or raise ChildFailed after ``timeout_s`` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await until_answers(service)
        except TimeoutError:
            reason = _("does not answer at %(url)s after %(seconds)d s") % {
                "url": service.health_url,
                "seconds": timeout_s,
            }
            raise ChildFailed(service.name, reason, self._logs[service.name].tail()) from None

    async def job(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Run a command to its end, or raise ChildFailed with its last lines."""
        log = Log(self._log_dir / f"{name}.log")
        status = await self._run_child(name, command, log, env or {})
        if status != 0:
            raise ChildFailed(name, describe_exit(status), log.tail())

    async def _keep(self, service: Service) -> None:
        policy = Patience() if service.optional else RestartPolicy()
        log = self._logs[service.name]
        announcing: asyncio.Task[None] | None = None
        while True:
            try:
                status = await self._run_child(service.name, service.command, log, service.env)
            finally:
                if announcing:
                    announcing.cancel()
            death = ChildFailed(service.name, describe_exit(status), log.tail())
            delay_s = policy.death(time.monotonic())
            if delay_s is None:
                if not self._ended.done():
                    self._ended.set_exception(death)
                return
            self._say(f"{death}\n" + _("%(name)s is started again.") % {"name": service.name})
            await asyncio.sleep(delay_s)
            announcing = self.background(self._announce(service))

    async def _announce(self, service: Service) -> None:
        started = time.monotonic()
        await until_answers(service)
        seconds = time.monotonic() - started
        self._say(
            _("%(name)s answers again after %(seconds).1f s.") % {"name": service.name, "seconds": seconds}
        )

    def background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run ``work`` until the end of everything; an error in it ends everything."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self._ended.done():
            self._ended.set_exception(error)

    async def _run_child(self, name: str, command: Sequence[str], log: Log, env: Mapping[str, str]) -> int:
        with log.open() as output:
            try:
                child = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=DEVNULL,
                    stdout=output,
                    stderr=STDOUT,
                    env=child_environment(env),
                    start_new_session=True,
                )
            except OSError as exc:
                output.write(f"{command[0]}: {exc.strerror}\n".encode())
                return NOT_RUN
        self._guardian.watch(child.pid)
        self._children[child] = name
        status = await child.wait()
        self._bury(child)
        return status

    def _bury(self, child: Process) -> None:
        """Forget an ended child, after what it had started itself."""
        signal_group(child.pid, signal.SIGKILL)
        self._guardian.release(child.pid)
        self._children.pop(child, None)

    def _on_signal(self) -> None:
        if self._ended.done():
            self._signal_children(signal.SIGKILL)
        else:
            self._ended.set_result(None)

    def _signal_children(self, signum: int) -> None:
        for child in self._children:
            signal_group(child.pid, signum)

    async def _stop(self, tasks: set[asyncio.Future[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._end(set(self._children))

    async def _end(self, children: set[Process]) -> None:
        for signum, patience_s in ((signal.SIGTERM, self._grace_s), (signal.SIGKILL, None)):
            for child in children:
                signal_group(child.pid, signum)
            if children:
                ends = [asyncio.ensure_future(child.wait()) for child in children]
                await asyncio.wait(ends, timeout=patience_s)
        for child in children:
            self._bury(child)
