"""Memory is measured where an engine is loaded, and its prediction follows the form in a real Chromium."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.async_api import expect
from starlette.testclient import TestClient

from engines.backends.embedding import BGEOnnx
from engines.management.commands.serve_engines import remember_memory
from engines.models import EngineConfig
from engines.registry import Place
from engines.server.app import create_app
from engines.server.stages import Stage, stages_for
from tests.e2e.conftest import OpenBrowser

pytestmark = [pytest.mark.e2e, pytest.mark.models]


@pytest.mark.django_db(transaction=True)
def test_the_engine_server_measures_what_it_loads(tmp_path: Path) -> None:
    """The first of these tests: a process that has let go of models needs no more memory than it has."""
    bge = EngineConfig.objects.create(slug="bge", name="BGE", backend="bge-onnx", stage="embedding")
    stages = stages_for({"bge": BGEOnnx()}, Place(1, tmp_path))
    remembered = threading.Event()  # asking the test's database meanwhile would lock it

    def remember(stage: Stage) -> None:
        remember_memory(stage)
        remembered.set()

    with TestClient(create_app(stages, on_ready=remember)) as client:
        assert remembered.wait(60), stages[0].error
        assert client.get("/health").status_code == 200
        (report,) = client.get("/health").json()["engines"]
        (model,) = client.get("/v1/models").json()["data"]

    stored = bge.memory.get()
    assert stored.measured_mb == report["memory_mb"] == model["memory_mb"]
    assert 10 < stored.measured_mb < 400
    assert report["device"] == stored.device == "cpu"


@pytest.fixture
def whisper(transactional_db: None) -> EngineConfig:  # noqa: ARG001
    return EngineConfig.objects.create(
        slug="whisper", name="Whisper", backend="faster-whisper", stage="stt", parameters={}
    )


async def test_a_change_shows_its_memory_before_it_is_saved(
    whisper: EngineConfig, open_browser: OpenBrowser
) -> None:
    context = await open_browser(locale="en")
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    await page.goto(reverse("admin:engines_engineconfig_change", args=[whisper.pk]))
    memory = page.locator("[data-memory-url]")
    most = memory.locator("b")
    before = await most.inner_text()

    await page.select_option("[name=parameter_compute_type]", "float32")
    await expect(most).not_to_have_text(before)
    assert first_number(await most.inner_text()) > first_number(before) + 100

    await page.fill("[name=parameter_model]", "no-such-model")
    await expect(memory).to_contain_text("no-such-model")
    await context.set_offline(True)
    await page.fill("[name=parameter_model]", "whisper-base")
    await expect(memory).to_have_text(await memory.get_attribute("data-memory-failed") or "")
    await context.set_offline(False)
    assert not (await EngineConfig.objects.aget()).parameters


def first_number(text: str) -> int:
    found = re.search(r"\d[\d,]*", text)
    assert found, text
    return int(found[0].replace(",", ""))
