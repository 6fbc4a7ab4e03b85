"""A real Chromium with a fake microphone, logged in to the running site."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from django.contrib.auth.models import User
from django.test import Client
from playwright.async_api import BrowserContext, async_playwright, expect

from tests.chromium import CHROMIUM, FLAGS
from tests.installation import Installation

PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)  # the default timeout of a context is not for these

OpenBrowser = Callable[..., Coroutine[Any, Any, BrowserContext]]


def microphone_flags(wav: Path | None) -> list[str]:
    """Flags of a Chromium whose microphone plays ``wav`` once (its beeps if None) and is allowed."""
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    return [*flags, f"--use-file-for-fake-audio-capture={wav}%noloop"] if wav else flags


@pytest.fixture(scope="session")
def aiker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Aiker as a newcomer starts it, with every process and the real models."""
    with Installation(tmp_path_factory.mktemp("aiker")) as running:
        running.without_fillers()
        yield running


@pytest.fixture
def operator_cookie(admin_user: User) -> str:
    """The session of a logged-in operator."""
    client = Client()
    client.force_login(admin_user)
    return client.cookies["sessionid"].value


@pytest_asyncio.fixture
async def open_browser(operator_cookie: str, live_server: Any) -> AsyncIterator[OpenBrowser]:
    """``await open_browser(*flags, host="localhost", width=1280, ...)`` gives a logged-in browser context."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium fonts-wqy-zenhei")
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())

        async def launch(
            *flags: str, host: str = "localhost", width: int = 1280, height: int = 900, **options: Any
        ) -> BrowserContext:
            url = live_server.url.replace("localhost", host)
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
            stack.push_async_callback(browser.close)
            context = await browser.new_context(
                base_url=url, viewport={"width": width, "height": height}, **options
            )
            context.set_default_timeout(PATIENCE_MS)
            session = {"name": "sessionid", "value": operator_cookie, "url": url}
            await context.add_cookies([session])  # type: ignore[list-item]
            return context

        yield launch


@pytest.fixture
def worded_by_the_model(aiker: Installation) -> Iterator[None]:
    """Every answer needs the language model: as written, none would miss it."""
    change = "from knowledge.models import KnowledgeBase; KnowledgeBase.objects.update(phrasing='{}')"
    aiker.command("shell", "-c", change.format("model"))
    yield
    aiker.command("shell", "-c", change.format("auto"))
