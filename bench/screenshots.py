"""The pictures of docs/monitoring.md: ``python -m bench.screenshots docs/images``.

Every process of Aiker runs, callers talk to it, and a Chromium takes each page: in English and light as
``now.png``, in Chinese and dark as ``now.zh.png``. Nothing on them is made up.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from uuid import UUID

from playwright.async_api import BrowserContext, Page, async_playwright

from aiker.calls.caller import Caller, Line
from bench.barge_in import VOICE, speech
from tests.chromium import CHROMIUM, FLAGS
from tests.installation import Installation

TOKEN = "bench"
LOOKS = {"": ("en", "light"), ".zh": ("zh-hans", "dark")}
WIDTH, HEIGHT, TALL = 1280, 900, 1500
PAGES = {
    "latency": "/admin/monitoring/turnsample/?window=1h",
    "resources": "/admin/monitoring/sample/?window=1h",
    "quality": "/admin/monitoring/finding/?window=1h",
    "cost": "/admin/monitoring/tally/?window=1h",
    "alarms": "/admin/monitoring/alarm/",
    "call": "/admin/calls/call/{call}/change/",
}
NOW = "/admin/monitoring/now/"
REPLAY = "/admin/calls/call/{call}/replay/?turn=2"
REPLAY_MS = 90_000
# What is said, and how far into the answer before it where it cuts in.
CALLS: list[list[tuple[str, int | None]]] = [
    [("请问固定工位一个月多少钱？", None), ("你们周末开门吗？", None), ("停车怎么收费？", None)],
    [("你们老板的生日是哪一天？", None), ("食堂几点开饭？", None)],
    [("你们几点开门？", None), ("你说什么？", None), ("谢谢，再见。", None)],
    [("请问日租多少钱？", None), ("等一下，我想问会议室怎么收费。", 900), ("可以开发票吗？", None)],
]
LIVE_S = 16.0  # into the last call: the second answer is under way
COUNTED_S = 25.0  # until the sampler has taken all of it up


def main(folder: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="aiker-pictures-") as data_dir,
        Installation(Path(data_dir), AIKER_CALL_TOKEN=TOKEN) as aiker,
    ):
        calls = [[Line(speech(aiker, text, VOICE), text, cut) for text, cut in call] for call in CALLS]
        asyncio.run(pictures(aiker, calls, folder))


async def pictures(aiker: Installation, calls: list[list[Line]], folder: Path) -> None:
    for lines in calls[:-1]:
        await place(aiker, lines)
    async with browsers(aiker) as contexts:
        async with asyncio.TaskGroup() as group:
            last = group.create_task(place(aiker, calls[-1]))
            pages = {look: await opened(context, NOW) for look, context in contexts.items()}
            await asyncio.sleep(LIVE_S)
            for look, page in pages.items():
                await take(page, folder / f"now{look}.png")
        await asyncio.sleep(COUNTED_S)
        call = call_id(aiker, last.result())
        for look, context in contexts.items():
            for name, address in PAGES.items():
                page = await opened(context, address.format(call=call))
                await take(page, folder / f"{name}{look}.png")
            page = await opened(context, REPLAY.format(call=call))
            await page.click("button[name=run]")
            await page.locator(".replay-table").wait_for(timeout=REPLAY_MS)
            await take(page, folder / f"replay{look}.png")


async def place(aiker: Installation, lines: list[Line]) -> str:
    """Place a call and return the carrier's id of it."""
    url = f"ws://{aiker.address}/ws/twilio/anna/?token={TOKEN}"
    return (await Caller(url, lines).call()).carrier_call_id


def call_id(aiker: Installation, carrier_call_id: str) -> str:
    with closing(sqlite3.connect(aiker.data_dir / "aiker.sqlite3")) as database:
        query = "SELECT id FROM calls_call WHERE carrier_call_id = ?"
        return str(UUID(database.execute(query, [carrier_call_id]).fetchone()[0]))


@asynccontextmanager
async def browsers(aiker: Installation) -> AsyncIterator[dict[str, BrowserContext]]:
    """A logged-in browser for each look."""
    found = re.search(r"admin / (\S+)", aiker.output)
    assert found, aiker.output
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        contexts = {}
        for look, (language, scheme) in LOOKS.items():
            context = await browser.new_context(
                base_url=f"http://{aiker.address}",
                viewport={"width": WIDTH, "height": HEIGHT},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page = await opened(context, "/admin/login/")
            await page.fill("input[name=username]", "admin")
            await page.fill("input[name=password]", found[1])
            await page.press("input[name=password]", "Enter")
            await page.wait_for_url("**/admin/")
            cookie = {"name": "django_language", "value": language, "url": page.url}
            await context.add_cookies([cookie])  # type: ignore[list-item]
            contexts[look] = context
        yield contexts
        await browser.close()


async def opened(context: BrowserContext, address: str) -> Page:
    page = await context.new_page()
    await page.goto(address)
    return page


async def take(page: Page, path: Path) -> None:
    """Take the page as far down as it goes, up to ``TALL``."""
    height = await page.evaluate("Math.max(...[...document.querySelectorAll('*')].map(e => e.scrollHeight))")
    await page.set_viewport_size({"width": WIDTH, "height": min(TALL, max(HEIGHT, int(height)))})
    await page.wait_for_timeout(1500)  # waveforms and charts are drawn
    await page.screenshot(path=path)
    print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
