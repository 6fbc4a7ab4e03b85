"""Two drafts of the sample base tried on sixty calls each: ``python -m bench canary``.

A fresh installation with the real engines takes real calls, three at a time; half of them are served by a
draft. In the bad draft an editor has set an end to entries that callers ask for, which is over: it must be
rolled back by itself (``knowledge.canary.decision`` states the test). In the good one the same entries are
worded anew: it must be left alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.own_process import in_its_own
from bench.report import Metric
from tests.installation import Installation

if TYPE_CHECKING:
    from aiker.calls.caller import Line
    from knowledge.models import Canary, KnowledgeBase

CALLS, TOGETHER, SHARE = 60, 3, 50
ASKED = {
    "price-day-pass": ("共享工位日卡多少钱一天", "日卡一天80元，当天9点到18点都能用。"),
    "cleaning": ("办公室多久打扫一次", "每天晚上19点打扫1次，不另外收费。"),
    "refund-month": ("月卡开通了还能退款吗", "月卡一旦开通就不能退款，不过可以暂停1次，最长30天。"),
    "parking-visitor": ("访客停车怎么收费", ""),
}
"""Entries, how callers ask for them, and another wording of the answer; none: the entry stays as it is."""
JUDGED_WITHIN_S = 60


def run() -> Sequence[Metric]:
    """Try both drafts, print what came of them, and return when the bad one was rolled back."""
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder, Installation(Path(folder)) as aiker:
        aiker.without_fillers()
        env = aiker.env | {"DJANGO_SETTINGS_MODULE": "aiker.settings", "AIKER_LOG_LEVEL": "ERROR"}
        found = in_its_own("bench.canary", env=env)
    bad, good = found["bad"], found["good"]
    return [
        Metric("bad draft rolled back", int(bad["outcome"] == "rolled_back"), "", 1, "higher"),
        Metric("calls until then", bad["calls"], "calls", CALLS),
        Metric("good draft rolled back", int(good["outcome"] == "rolled_back"), "", 0),
        Metric("calls of the good draft", good["calls"], "calls"),
    ]


# -- in a process with the installation's settings


async def try_draft(name: str, lines: Sequence[Line], canary: Canary) -> dict[str, Any]:
    """Place calls until the draft is rolled back, at most ``CALLS``; print and return what came of it."""
    placed = 0
    async for _call in calls(lines, canary):
        placed += 1
    for _second in range(JUDGED_WITHIN_S):
        if await over(canary) or (canary.report or {}).get("ended", 0) >= placed:
            break
        await asyncio.sleep(1)
    outcome = {"outcome": canary.outcome or "running", "calls": placed, "reason": canary.reason}
    print(f"{name}: {json.dumps(outcome | {'report': canary.report}, ensure_ascii=False)}", flush=True)
    return outcome


async def calls(lines: Sequence[Line], canary: Canary) -> AsyncIterator[int]:
    """Yield the number of each call that is over, while there are more to place and the draft is tried."""
    pending: set[asyncio.Task[None]] = set()
    number = 0
    while pending or number < CALLS:
        while number < CALLS and len(pending) < TOGETHER and not await over(canary):
            pending.add(asyncio.create_task(place(lines[number % len(lines)])))
            number += 1
        if not pending:
            return
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
            yield number


async def place(line: Line) -> None:
    from django.conf import settings

    from aiker.calls import tokens
    from aiker.calls.caller import Caller

    base = settings.AIKER.web_url.replace("http", "ws", 1)
    await Caller(f"{base}/ws/twilio/anna/?token={tokens.issue('anna')}", [line]).call()


async def over(canary: Canary) -> bool:
    await canary.arefresh_from_db()
    return canary.ended_at is not None


async def spoken() -> list[Line]:
    """Return what the callers say, in another voice than the assistant's."""
    from aiker.audio import g711
    from aiker.calls.caller import Line
    from engines.adapters.tts_adapter import TTSAdapter
    from engines.profiles import default_plan
    from engines.routing import Breakers, Routes

    tts = TTSAdapter(Routes("tts", (await asyncio.to_thread(default_plan)).tts, Breakers()), "zm_yunxi")
    return [Line(g711.decode(await tts.synthesize(question)), question) for question, _ in ASKED.values()]


def edits(name: str) -> dict[str, dict[str, Any]]:
    """Return the fields of each entry that a draft changes."""
    from django.utils import timezone

    if name == "bad":
        yesterday = timezone.localdate() - timedelta(days=1)
        return {key: {"valid_until": yesterday} for key in ASKED}
    return {key: {"answer": answer} for key, (_question, answer) in ASKED.items() if answer}


def tried(base: KnowledgeBase, name: str, lines: Sequence[Line]) -> dict[str, Any]:
    from bench.rehearsal_cases import drafted
    from knowledge.canary import running
    from knowledge.models import Canary

    with drafted(base, edits(name)) as version:
        assert version is not None
        canary = running.start(version, SHARE, [])
        outcome = asyncio.run(try_draft(name, lines, canary))
        running.end(canary, Canary.Outcome.STOPPED)
    return outcome


def measure() -> None:
    import django

    django.setup()
    from knowledge.models import KnowledgeBase

    base = KnowledgeBase.objects.get(slug="onesuite")
    lines = asyncio.run(spoken())
    print(json.dumps({name: tried(base, name, lines) for name in ("bad", "good")}, ensure_ascii=False))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiker.settings")
    measure()
