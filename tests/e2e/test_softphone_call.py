"""An operator's first call: Chromium, a Mandarin question from the microphone, the real Aiker behind it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from aiker.audio import wav
from aiker.audio.resample import resample
from tests.chromium import CHROMIUM, FLAGS
from tests.e2e.conftest import microphone_flags
from tests.e2e.recordings import first_utterance, read_channels
from tests.installation import Installation

pytestmark = [pytest.mark.models, pytest.mark.e2e]

QUESTION, FACT = "会议室有没有投影设备？", "投影"
GREETING_S = 9  # the microphone starts with the call and stays silent until the greeting is over
ANSWER_S = 40
PATIENCE_MS = 60_000


@pytest_asyncio.fixture
async def page(aiker: Installation, tmp_path: Path) -> AsyncIterator[Page]:
    """The admin's login page in a browser whose microphone asks the question."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium fonts-wqy-zenhei")
    microphone = await asyncio.to_thread(question_wav, aiker, tmp_path)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, *microphone_flags(microphone)]
        )
        page = await browser.new_page(
            base_url=f"http://{aiker.address}", viewport={"width": 1280, "height": 900}
        )
        page.set_default_timeout(PATIENCE_MS)
        yield page
        await browser.close()


def question_wav(aiker: Installation, folder: Path) -> Path:
    """Return a 48 kHz WAV of silence, the question in a caller's voice, and silence."""
    recording = folder / "asked.wav"
    aiker.call("--say", QUESTION, "--record", str(recording))
    spoken = resample(first_utterance(read_channels(recording)[0]), 8000, 48000)
    path = folder / "microphone.wav"
    silence = np.zeros(48000, np.int16)
    wav.write_wav(path, 48000, np.concatenate([*[silence] * GREETING_S, spoken, *[silence] * ANSWER_S]))
    return path


async def test_an_operator_calls_and_reads_the_record(aiker: Installation, page: Page) -> None:
    password = re.findall(r"admin / (\S+) ", aiker.output)[0]
    await page.goto("/call/?assistant=anna")  # other tests leave assistants of theirs
    await page.fill("[name=username]", "admin")
    await page.fill("[name=password]", password)
    await page.press("[name=password]", "Enter")

    await page.click("[data-part=call]")
    phone = page.locator("#softphone")
    await expect(page.locator(".sp-assistant .sp-bubble").first).to_contain_text(
        "OneSuite", timeout=PATIENCE_MS
    )
    # What is asked for; recognition may write the rest in other words.
    await expect(page.locator(".sp-caller .sp-bubble").last).to_contain_text(FACT, timeout=PATIENCE_MS)
    await expect(page.locator(".sp-assistant .sp-bubble").last).to_contain_text(FACT, timeout=PATIENCE_MS)
    await expect(page.locator("[data-latency]")).to_be_visible(timeout=PATIENCE_MS)
    await expect(phone).to_have_attribute("data-state", "listening", timeout=PATIENCE_MS)

    await page.click("[data-part=hangup]")
    await page.click("[data-part=record]")
    turns = page.locator(".call-turns > li")
    await expect(turns).to_have_count(1)
    await expect(turns).to_contain_text(FACT)
    seconds = await page.locator("audio").evaluate(
        """async (audio) => {
             audio.preload = "auto";
             audio.load();
             await new Promise((done) => audio.addEventListener("loadedmetadata", done));
             return audio.duration;
           }"""
    )
    assert seconds > GREETING_S
