"""A model or a voice that is not there is refused when an engine is saved."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from engines.models import EngineConfig
from engines.voices.models import VoiceName, VoiceProfile

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


@pytest.mark.parametrize(
    ("backend", "parameters", "said"),
    [
        ("faster-whisper", {"model": "whisper-nonsense"}, "whisper-nonsense"),
        ("faster-whisper", {"model": "kokoro-int8"}, "kokoro-int8 is for tts"),
        ("kokoro", {"model": "kokoro-int8", "voice": "no_such_voice"}, "has no voice no_such_voice"),
        ("kokoro", {"model": "whisper-base"}, "whisper-base is for stt"),
        ("xtts", {"model": "xtts-v2", "language": "klingon"}, "language"),
        ("vllm", {"model": "/no/such/folder"}, "There is no folder /no/such/folder"),
    ],
)
def test_a_wrong_name_is_refused(backend: str, parameters: dict[str, Any], said: str) -> None:
    engine = EngineConfig(slug="e", name="E", backend=backend, parameters=parameters)
    with pytest.raises(ValidationError) as refused:
        engine.full_clean()
    assert said in " ".join(refused.value.messages)


@pytest.mark.parametrize(
    ("backend", "parameters"),
    [
        ("kokoro", {"model": "kokoro-int8", "voice": "af_heart"}),  # of another language, but there
        ("xtts", {"model": "xtts-v2"}),  # not installed yet
        ("openai-tts", {"base_url": "https://x.example/v1", "model": "anything", "voice": "alloy"}),
    ],
)
def test_a_name_that_may_be_right_is_saved(backend: str, parameters: dict[str, Any]) -> None:
    EngineConfig(slug="e", name="E", backend=backend, parameters=parameters).full_clean()


def test_a_voice_of_an_engine_is_refused_where_it_is_named_for_a_profile() -> None:
    voice = VoiceProfile.objects.create(slug="v", name="V")
    VoiceName(voice_profile=voice, voice="zf_xiaobei").full_clean()
    with pytest.raises(ValidationError, match="has no voice nobody"):
        VoiceName(voice_profile=voice, voice="nobody").full_clean()
