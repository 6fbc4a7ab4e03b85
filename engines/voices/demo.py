"""The first voice, anna_su, with a recording that a machine made in place of the speaker's."""

from __future__ import annotations

import hashlib

import httpx
from django.conf import settings
from django.core.files.base import ContentFile

from engines.errors import EngineError
from engines.local.audio_input import decode_at_own_rate
from engines.voices.models import VoiceName, VoiceProfile, VoiceSample
from engines.voices.recording_checks import check_recording

SLUG = "anna_su"
STAND_IN_VOICE = "zf_xiaobei"
# Every initial and tone, long enough to clone from.
TEXT = (
    "您好，我是安娜，很高兴为您服务。我们周一到周五早上九点开门，晚上六点下班，周末也有人值班。"
    "会议室、办公室和固定工位都可以先看再订，价格和地址请慢慢问，我会一件一件说清楚。"
)
TIMEOUT_S = 60.0


def create_anna_su() -> bool:
    """Create the voice unless it is there; EngineError when the engine server cannot speak."""
    if VoiceProfile.objects.filter(slug=SLUG).exists():
        return False
    recording = _stand_in()
    verdict = [figure.as_dict() for figure in check_recording(*decode_at_own_rate(recording))]
    voice = VoiceProfile.objects.create(slug=SLUG, name="Anna Su", is_synthetic=True)
    VoiceName.objects.create(voice_profile=voice, voice=STAND_IN_VOICE)
    sample = VoiceSample(
        voice=voice, sha256=hashlib.sha256(recording).hexdigest(), is_synthetic=True, verdict=verdict
    )
    sample.recording.save("stand-in.wav", ContentFile(recording))
    return True


def _stand_in() -> bytes:
    url = f"{settings.AIKER.engines_url}/audio/speech"
    body = {"input": TEXT, "voice": STAND_IN_VOICE, "response_format": "wav"}
    try:
        answer = httpx.post(url, json=body, timeout=TIMEOUT_S)
        answer.raise_for_status()
    except httpx.HTTPError as exc:
        raise EngineError("tts", "unreachable", f"{url}: {exc}") from exc
    return answer.content
