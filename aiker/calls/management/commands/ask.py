"""``manage.py ask "周六开门吗" [--assistant anna]``: what a caller would hear, from what, and which way."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from aiker.calls.asking import Conversation, Reply
from aiker.calls.plan import CallPlan, load_plan
from aiker.calls.templatetags.calls_extras import WAY_NAMES
from engines.profiles import ProfileError


class Command(BaseCommand):
    help = "Ask an assistant as a caller would, in text: what it says, from what, what the guard stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("question", nargs="*", help="one or more questions of one caller")
        parser.add_argument("--assistant", default="anna", help="address of the assistant")
        parser.add_argument(
            "--before", action="append", default=[], help="what the caller asked before; may be repeated"
        )
        parser.add_argument("--file", type=Path, help="a question a line, each of a caller of its own")
        parser.add_argument("--json", action="store_true", help="an object a line")

    def handle(
        self,
        *_args: Any,
        question: list[str],
        assistant: str,
        before: list[str],
        file: Path | None,
        **options: Any,
    ) -> None:
        callers = [[*before, *question]] if question else []
        if file:
            try:
                lines = file.read_text(encoding="utf-8").splitlines()
            except OSError as exc:
                raise CommandError(
                    _("{file} cannot be read: {reason}").format(file=file, reason=exc.strerror)
                ) from exc
            callers += [[*before, line.strip()] for line in lines if line.strip()]
        if not callers:
            raise CommandError(_("Give a question, or --file with a question a line."))
        plan = self._plan(assistant)
        with asyncio.Runner() as runner:
            for asked in callers:
                for reply in runner.run(ask_all(plan, asked))[len(before) :]:
                    self._show(reply, as_json=options["json"])

    def _plan(self, assistant: str) -> CallPlan:
        try:
            plan = load_plan(assistant)
        except ProfileError as exc:
            raise CommandError(str(exc)) from exc
        if plan is None:
            raise CommandError(_("No assistant has the address {name}.").format(name=assistant))
        return plan

    def _show(self, reply: Reply, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(reply.as_dict(), ensure_ascii=False))
            return
        self.stdout.write(f"{_('Caller')}: {reply.question}")
        if reply.tool:
            self.stdout.write("  " + _("runs the tool {name}").format(name=reply.tool))
            return
        self.stdout.write(f"{_('Assistant')}: {reply.text}")
        way = WAY_NAMES.get(reply.way, reply.way)
        sources = "、".join(source["title"] for source in reply.sources)
        self.stdout.write(f"  {way}{f' · {sources}' if sources else ''} · {reply.ms:.0f} ms")
        for stop in reply.stopped:
            self.stdout.write("  " + _("stopped: {clause} ({claim})").format(**stop))
        if reply.error:
            self.stdout.write(f"  {reply.error}")


async def ask_all(plan: CallPlan, questions: list[str]) -> list[Reply]:
    """Return the replies to the questions of one caller."""
    conversation = Conversation.of(plan)
    return [await conversation.ask(question) for question in questions]
