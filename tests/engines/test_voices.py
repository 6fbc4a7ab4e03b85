"""A voice from its recordings to a caller's ear, with real models; XTTS is a shrunken one."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from pytest_django.fixtures import Settings

from aiker.audio.wav import write_wav
from engines.adapters.tts_adapter import TTSAdapter
from engines.backends.stt import FasterWhisper
from engines.backends.tts import XTTS
from engines.catalog import get_model
from engines.errors import EngineError
from engines.local.base import Samples
from engines.local.kokoro import KokoroTTS
from engines.local_models import register_local, workshop
from engines.models import EngineConfig
from engines.profiles import endpoint_of
from engines.registry import Place
from engines.routing import Breakers, Routes
from engines.server.stages import stages_for
from engines.voices.casting import cast
from engines.voices.figures import figures
from engines.voices.latents import voices_store
from engines.voices.models import VoiceName, VoiceProfile, VoiceSample, VoiceState
from engines.voices.prepare import VoiceError, prepare
from engines.voices.publishing import obstacles, publish
from engines.voices.recordings import SpeakerJudge
from tests.engines.serving import serving

TEXT = "您好，这里是前台，会议室需要提前一天预订。请您留下姓名和电话，我们会尽快回复您。"
OTHER_TEXT = "我们周一到周五早上九点开门，晚上六点下班，周末也有人值班，欢迎您来看看。"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english", "house")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Kokoro measures of its voices, once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def say(cache: Path) -> Callable[[str, str], Samples]:
    """``say(text, voice)`` is a synthetic recording, float32 at 24 kHz."""
    tts = KokoroTTS(_installed("kokoro-int8"), 2, cache)

    def run(text: str, voice: str) -> Samples:
        return np.frombuffer(b"".join(tts.pieces(text, voice)), "<i2").astype(np.float32) / np.float32(32768)

    return run


@pytest.fixture(scope="module")
def server_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Recognition, as every installation has it."""
    with serving(
        stages_for({"whisper-base": FasterWhisper()}, Place(2, tmp_path_factory.mktemp("c")))
    ) as port:
        yield port


@pytest.fixture
def house(settings: Settings, server_port: int, cache: Path, tmp_path: Path) -> Path:
    """An installation with its own files; returns the folder of its models."""
    (tmp_path / "cache").symlink_to(cache)
    models = tmp_path / "models"
    models.mkdir()
    for model in ("whisper-base", "kokoro-int8", "campplus"):
        if (settings.AIKER.models / model).exists():
            (models / model).symlink_to(settings.AIKER.models / model)
    settings.AIKER = settings.AIKER.model_copy(
        update={"data_dir": tmp_path, "models": models, "engines_port": server_port, "engine_threads": 2}
    )
    settings.MEDIA_ROOT = tmp_path / "media"
    return models


@pytest.fixture
def xtts(house: Path) -> EngineConfig:
    """An XTTS engine whose model is small and random, but installed and loaded as the real one."""
    pytest.importorskip("TTS", reason="needs PyTorch: make test-torch")
    _need_speaker_model()
    install_xtts(house)
    return EngineConfig.objects.create(
        slug="xtts", name="XTTS", backend="xtts", stage="tts", parameters={"model": "tiny-xtts"}
    )


def install_xtts(models: Path, seed: int = 0) -> None:
    from tests.engines.tiny.xtts import make_xtts

    shutil.rmtree(models / "tiny-xtts", ignore_errors=True)
    model = replace(get_model("xtts-v2"), id="tiny-xtts", origin="a test")
    with workshop(model.id, models) as folder:
        register_local(model, make_xtts(folder, seed), models)


def voice_with(recordings: list[Samples], **fields: Any) -> VoiceProfile:
    voice = VoiceProfile.objects.create(slug="anna_su", name="Anna Su", **fields)
    for number, samples in enumerate(recordings):
        file = io.BytesIO()
        write_wav(file, 24_000, (samples * 32767).astype(np.int16))
        sample = VoiceSample(voice=voice, sha256=str(number))
        sample.recording.save(f"{number}.wav", ContentFile(file.getvalue()))
    return voice


def test_a_stock_voice_is_prepared_judged_and_published(
    say: Callable[[str, str], Samples], admin_user: User
) -> None:
    """Kokoro speaks for the synthetic stand-in; with the speaker model its likeness is measured, too."""
    voice = voice_with([say(TEXT, "zf_xiaobei")], is_synthetic=True)
    VoiceName.objects.create(voice_profile=voice, voice="zf_xiaobei")
    with pytest.raises(ValidationError, match="not prepared"):
        publish(voice, admin_user)

    said: list[str] = []
    prepare(voice, said.append)
    voice.refresh_from_db()
    assert voice.state == VoiceState.READY
    codes = {figure.code for figure in figures(voice.scorecard["figures"])}
    assert {"error_rate", "telephone_error_rate", "first_audio_ms"} <= codes
    assert ("similarity" in codes) == (not SpeakerJudge.missing()), said
    assert voice.scorecard["licence"] == "Apache-2.0"
    assert voice.preview.size > 5 * 48_000
    judged = {f.code: f.ok for f in figures(voice.scorecard["figures"]) if f.code != "first_audio_ms"}
    assert all(judged.values()), said

    _forgive_slowness(voice)
    publish(voice, admin_user)
    assert (voice.published, voice.published_by) == (voice.prepared, admin_user)
    assert voice.published_names == {"": "zf_xiaobei"}


@pytest.mark.torch
def test_xtts_clones_and_speaks_to_a_caller(
    house: Path, xtts: EngineConfig, say: Callable[[str, str], Samples], admin_user: User
) -> None:
    voice = voice_with(
        [say(TEXT, "zf_xiaobei"), say(OTHER_TEXT, "zf_xiaobei")], engine=xtts, is_synthetic=True
    )
    said: list[str] = []
    prepare(voice, said.append)

    assert voice.state == VoiceState.READY
    version = voice.engine_voice(voice.prepared)
    assert [path.stem for path in voices_store().folder.iterdir()] == [version]
    # Random weights speak noise: the scorecard must say so and keep callers from hearing it.
    bad = {figure.code for figure in figures(voice.scorecard["figures"]) if not figure.ok}
    assert {"error_rate", "similarity"} <= bad
    assert not voice.scorecard["commercial"]
    with pytest.raises(ValidationError) as refused:
        publish(voice, admin_user)
    assert any("misheard characters" in line for line in refused.value.messages)

    voice.published = voice.prepared
    (endpoint,) = cast([endpoint_of(xtts)], voice)
    assert endpoint.voice == version
    with serving(stages_for({"xtts": XTTS(model="tiny-xtts")}, Place(2, house))) as port:
        endpoint = replace(endpoint, url=f"http://127.0.0.1:{port}/v1")
        assert _heard(endpoint, "您好，请问有什么可以帮您？") > 0.5
        with pytest.raises(EngineError, match="Unknown voice 'nobody'"):
            _heard(replace(endpoint, voice="nobody"), "您好。")


@pytest.mark.torch
def test_another_recording_or_model_makes_it_outdated(
    house: Path, xtts: EngineConfig, say: Callable[[str, str], Samples]
) -> None:
    voice = voice_with([say(TEXT, "zf_xiaobei")], engine=xtts, is_synthetic=True)
    prepare(voice, lambda _line: None)
    first = voice.prepared
    voice.published = first
    voice.save()
    assert not voice.is_outdated

    install_xtts(house, seed=1)
    assert voice.is_outdated
    prepare(voice, lambda _line: None)
    assert voice.prepared != first
    kept = {path.stem for path in voices_store().folder.iterdir()}
    assert kept == {voice.engine_voice(first), voice.engine_voice(voice.prepared)}, (
        "calls still use the first"
    )

    voice.delete()
    assert list(voices_store().folder.iterdir()) == []
    assert [path for path in (house.parent / "media").rglob("*") if path.is_file()] == []


@pytest.mark.torch
def test_two_speakers_are_told_apart(xtts: EngineConfig, say: Callable[[str, str], Samples]) -> None:
    both = np.concatenate([say(TEXT, "zf_xiaobei"), say(TEXT, "zm_yunxi")])
    voice = voice_with([both], engine=xtts, is_synthetic=True)
    with pytest.raises(VoiceError, match="one speaker"):
        prepare(voice, lambda _line: None)
    assert voice.state == VoiceState.FAILED
    assert any("one speaker" in line for line in obstacles(voice))


@pytest.mark.torch
def test_a_person_is_not_cloned_without_consent(
    xtts: EngineConfig, say: Callable[[str, str], Samples]
) -> None:
    voice = voice_with([say(TEXT, "zf_xiaobei")], engine=xtts, speaker="苏安娜")
    with pytest.raises(VoiceError, match="consent is not recorded: the signed statement"):
        prepare(voice, lambda _line: None)
    assert not voices_store().folder.exists()


def test_without_recognition_it_fails_with_the_reason(
    settings: Settings,
) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"engines_port": 1})
    voice = voice_with([], is_synthetic=True)
    with pytest.raises(EngineError, match="cannot be reached"):
        prepare(voice, lambda _line: None)
    assert "cannot be reached" in VoiceProfile.objects.get().error


def _heard(endpoint: Any, text: str) -> float:
    """Return how many seconds of mu-law a caller gets."""
    import asyncio

    adapter = TTSAdapter(Routes("tts", [endpoint], Breakers()), "")
    return len(asyncio.run(adapter.synthesize(text))) / 8000


def _forgive_slowness(voice: VoiceProfile) -> None:
    """The time to first audio is this machine's, not the code's."""
    for figure in voice.scorecard["figures"]:
        figure["ok"] |= figure["code"] == "first_audio_ms"


def _installed(model: str) -> Path:
    from django.conf import settings

    return settings.AIKER.models / model


def _need_speaker_model() -> None:
    if missing := SpeakerJudge.missing():
        pytest.skip(f"the speaker model is missing ({missing}): make test-torch")
