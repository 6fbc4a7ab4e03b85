"""“Try it” in the admin really runs the engine, and says what came or what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from engines.backends.embedding import BGEOnnx
from engines.backends.tts import Kokoro
from engines.models import EngineConfig
from engines.registry import Place
from engines.server.stages import stages_for
from tests.engines.serving import serving

pytestmark = [pytest.mark.django_db, pytest.mark.models]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    engines = {"own-kokoro": Kokoro(), "own-bge": BGEOnnx()}
    with serving(stages_for(engines, Place(2, tmp_path_factory.mktemp("cache")))) as port:
        yield port


@pytest.fixture(autouse=True)
def house(settings: Settings, port: int, tmp_path: Path) -> None:
    settings.LANGUAGE_CODE = "en"
    settings.AIKER = settings.AIKER.model_copy(update={"engines_port": port, "data_dir": tmp_path})


def try_it(client: Client, slug: str, backend: str, stage: str, **parameters: object) -> str:
    engine = EngineConfig.objects.create(
        slug=slug, name=slug, backend=backend, stage=stage, parameters=parameters
    )
    return client.get(f"/admin/engines/engineconfig/{engine.pk}/try_it/", follow=True).content.decode()


@pytest.mark.parametrize(
    ("slug", "backend", "stage", "came"),
    [("own-kokoro", "kokoro", "tts", r"\d\.\d s"), ("own-bge", "bge-onnx", "embedding", "512")],
)
def test_the_result_and_its_time_are_shown(
    admin_client: Client, slug: str, backend: str, stage: str, came: str
) -> None:
    page = try_it(admin_client, slug, backend, stage)
    assert re.search(rf"First result after \d+ ms, all of it after \d+ ms: [^<]*{came}", page)


def test_an_engine_that_is_not_there_is_named(admin_client: Client, port: int) -> None:
    page = try_it(admin_client, "gone", "openai-tts", "tts", base_url="http://127.0.0.1:1/v1", model="x")
    assert "tts: http://127.0.0.1:1/v1 cannot be reached" in page

    page = try_it(
        admin_client, "none", "openai-tts", "tts", base_url=f"http://127.0.0.1:{port}/v1", model="x"
    )
    assert "The model &#x27;x&#x27; is not loaded here" in page


def test_a_missing_model_is_named_before_anything_is_asked(admin_client: Client) -> None:
    page = try_it(admin_client, "medium", "faster-whisper", "stt", model="whisper-medium")
    assert "manage.py models pull whisper-medium" in page
