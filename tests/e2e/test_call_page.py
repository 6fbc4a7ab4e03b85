"""The page of a call in a real Chromium: it plays from what is clicked, and bars and waveform agree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.urls import reverse
from playwright.async_api import FloatRect, Page, expect
from pytest_django.fixtures import Settings

from aiker.calls.models import Assistant, Call
from tests.calls.call_page import rows
from tests.e2e.conftest import OpenBrowser
from tests.ports import free_port

pytestmark = pytest.mark.e2e

# Clipboard and sound without a user's leave, and no autoplay policy in the way of a click.
FLAGS = ["--autoplay-policy=no-user-gesture-required"]


@pytest.fixture
def call(transactional_db: None) -> Call:  # noqa: ARG001
    return rows.store_call(Assistant.objects.create(slug="anna", name="安娜"), turns=3)


@pytest_asyncio.fixture
async def page(open_browser: OpenBrowser, call: Call) -> AsyncIterator[Page]:
    """The page of the call, its waveform drawn; a script that throws fails the test."""
    context = await open_browser(*FLAGS)
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, thrown = await context.new_page(), []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    await page.goto(reverse("admin:calls_call_change", args=[call.pk]))
    await expect(page.locator(".cw[data-drawn]")).to_have_count(1)
    yield page
    assert thrown == []


async def plays_from(page: Page) -> float:
    """Return the place of the player in ms once it has gone there."""
    await page.wait_for_function("() => !document.querySelector('audio').seeking")
    await page.evaluate("() => document.querySelector('audio').pause()")
    return float(await page.evaluate("() => document.querySelector('audio').currentTime * 1000"))


async def box(page: Page, selector: str) -> FloatRect:
    found = await page.locator(selector).first.bounding_box()
    assert found, selector
    return found


async def loud_parts(page: Page, selector: str) -> list[tuple[float, float]]:
    """Return the stretches of a drawn waveform that are not silent, in per cent of its width."""
    columns = await page.evaluate(
        "(s) => document.querySelector(s).querySelector('path').getAttribute('d')"
        ".matchAll(/M([\\d.]+) /g).toArray().map((m) => Number(m[1]))",
        selector,
    )
    parts: list[tuple[float, float]] = []
    for x in columns:
        if parts and x - parts[-1][1] < 1:
            parts[-1] = parts[-1][0], x
        else:
            parts.append((x, x))
    return parts


@pytest.mark.parametrize("number", [1, 3])
async def test_a_bar_plays_from_its_start(page: Page, number: int) -> None:
    await page.locator(f"#turn-{number} .share-tts_first_audio").click()
    first_clause = rows.timeline().as_dict()["first_clause"]
    assert await plays_from(page) == pytest.approx(rows.zero(number) + first_clause, abs=400)
    assert await plays_from(page) >= rows.zero(number) + first_clause - 1


async def test_a_turn_plays_from_the_callers_first_word(page: Page) -> None:
    await page.locator("#turn-2 .call-seek").click()
    assert rows.began(2) <= await plays_from(page) + 1 < rows.began(2) + 400


async def test_the_waveform_plays_from_where_it_is_clicked(page: Page, call: Call) -> None:
    wave = await box(page, ".cw-wave")
    await page.mouse.click(wave["x"] + wave["width"] * 0.6, wave["y"] + 10)
    assert await plays_from(page) == pytest.approx(call.duration_ms * 0.6, abs=400)
    line = await box(page, ".cw-play")
    assert line["x"] - wave["x"] == pytest.approx(wave["width"] * 0.6, abs=0.02 * wave["width"])


async def test_the_waveform_of_the_call_shows_who_spoke_when(page: Page, call: Call) -> None:
    for side, wanted in (
        ("caller", [(rows.began(n), rows.zero(n)) for n in (1, 2, 3)]),
        (
            "assistant",
            [(rows.zero(n) + rows.WAIT_MS, rows.zero(n) + rows.WAIT_MS + rows.ANSWER_MS) for n in (1, 2, 3)],
        ),
    ):
        drawn = await loud_parts(page, f".cw svg[data-wave={side}]")
        assert [(start * call.duration_ms / 100, end * call.duration_ms / 100) for start, end in drawn] == [
            (pytest.approx(start, abs=120), pytest.approx(end, abs=120)) for start, end in wanted
        ]


async def test_bars_and_waveform_of_a_turn_have_one_axis(page: Page) -> None:
    await page.locator("#turn-3").scroll_into_view_if_needed()
    await expect(page.locator("#turn-3 svg[data-wave=caller] path")).to_have_count(1)
    wave, zero = await box(page, "#turn-3 .wf-wave"), await box(page, "#turn-3 .wf-zero")
    wait, answer = await box(page, "#turn-3 .share-endpoint_wait"), await box(page, "#turn-3 .share-answer")
    (_, caller_ends), *others = await loud_parts(page, "#turn-3 svg[data-wave=caller]")
    assert others == []
    ((answer_begins, answer_ends),) = await loud_parts(page, "#turn-3 svg[data-wave=assistant]")
    per_cent = wave["width"] / 100
    # The caller's sound ends at zero, where the wait begins; the assistant's is under the bar of the answer.
    assert wave["x"] + caller_ends * per_cent == pytest.approx(zero["x"], abs=4)
    assert wait["x"] == pytest.approx(zero["x"], abs=2)
    assert zero["y"] <= wave["y"]
    assert zero["y"] + zero["height"] >= answer["y"] + answer["height"]
    assert wave["x"] + answer_begins * per_cent == pytest.approx(answer["x"], abs=4)
    assert wave["x"] + answer_ends * per_cent == pytest.approx(answer["x"] + answer["width"], abs=6)


async def test_a_barge_in_is_marked_on_waveform_and_bars(page: Page, call: Call) -> None:
    at_ms = rows.barge_in(2)["at_ms"]
    wave, mark = await box(page, ".cw-wave"), await box(page, ".cw-wave .cw-cut")
    assert mark["x"] + 1 - wave["x"] == pytest.approx(wave["width"] * at_ms / call.duration_ms, abs=2)
    await expect(page.locator(".wf-cut")).to_have_count(1)
    answer, cut = await box(page, "#turn-2 .share-answer"), await box(page, "#turn-2 .wf-cut")
    assert answer["x"] < cut["x"] < answer["x"] + answer["width"]


async def test_links_ids_and_prompts_are_a_click_away(page: Page, call: Call, settings: Settings) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"llm_port": free_port()})
    await page.locator("[data-copy]").click()
    assert await page.evaluate("() => navigator.clipboard.readText()") == str(call.pk)
    await page.locator("#turn-3 h2 a").click()
    await page.locator("[data-copy-link]").click()
    assert (await page.evaluate("() => navigator.clipboard.readText()")).endswith(
        f"/{call.pk}/change/#turn-3"
    )
    button = page.locator("#turn-3 [data-given]")
    await button.click()
    await expect(page.locator("#turn-3 .call-given")).to_contain_text("客户问：独立办公室多少钱，第1次问")
    await button.click()
    await expect(page.locator("#turn-3 .call-given")).to_have_count(0)


async def test_it_is_legible_in_the_dark_and_on_a_tablet(page: Page) -> None:
    async def colours() -> list[str]:
        return await page.evaluate(
            "() => ['.call-card', '.call-said dd', '.wf-label b'].map((s) => {"
            " const style = getComputedStyle(document.querySelector(s));"
            " return s === '.call-card' ? style.backgroundColor : style.color; })"
        )

    light = await colours()
    await page.evaluate("() => document.documentElement.classList.add('dark')")
    dark = await colours()
    assert all(one != other for one, other in zip(light, dark, strict=True))
    for width in (1280, 820):
        await page.set_viewport_size({"width": width, "height": 1100})
        wide = await page.evaluate(
            "() => { const { scrollWidth, clientWidth } = document.querySelector('.call-record');"
            " return scrollWidth - clientWidth; }"
        )
        assert wide <= 0


async def test_the_file_that_is_no_recording_is_told(open_browser: OpenBrowser, call: Call) -> None:
    def spoil() -> None:
        with call.recording.storage.open(str(call.recording.name), "wb") as file:
            file.write(b"nothing")

    await sync_to_async(spoil)()
    page = await (await open_browser()).new_page()
    await page.goto(reverse("admin:calls_call_change", args=[call.pk]))
    await expect(page.locator(".cw-error")).to_contain_text("not a WAV file")
    await expect(page.locator("#turn-3 .wf")).to_be_visible()


async def test_turns_are_run_again_one_after_another_until_one_cannot(
    open_browser: OpenBrowser, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiker.calls.call_page import views
    from aiker.calls.call_page.replay import Replayed

    async def replay(_plan: Any, asked: Any, _clip: bytes, **_: Any) -> Replayed:
        return Replayed(spoken=True, heard=f"again {asked.question}", text=f"again {asked.question}")

    monkeypatch.setattr(views, "replay", replay)
    page = await (await open_browser()).new_page()
    await page.goto(reverse("call-replay", args=[call.pk]))
    await page.locator("button[name=run]").click()
    for number in (1, 2, 3):
        await expect(page.locator(f"#turn-{number} .replay-table")).to_contain_text(
            f"again 独立办公室多少钱，第{number}次问"
        )
    await sync_to_async(Assistant.objects.all().delete)()
    await page.locator("button[name=run]").click()
    await expect(page.locator("#turn-1 .kb-problem")).to_be_visible()
    await expect(page.locator("#turn-2 .replay-table")).to_have_count(1)
