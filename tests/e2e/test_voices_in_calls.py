"""A voice goes from the admin's queue through the worker to a caller's ear."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import openai
import pytest
import soxr

from aiker.audio.g711 import RATE, Pcm
from tests.e2e.recordings import read_channels
from tests.installation import Installation

pytestmark = [pytest.mark.models, pytest.mark.e2e]

PATIENCE_S = 300
XIAOBEI, YUNXI = "zf_xiaobei", "zm_yunxi"
GREETING = "您好，这里是OneSuite，请问有什么可以帮您？"
QUEUE = """
from engines.models import VoiceProfile
from engines.voices.tasks import request_preparation
voice = VoiceProfile.objects.get(slug="anna_su")
voice.names.update(voice="zm_yunxi")
request_preparation(voice)
"""
# The time to first audio is the busy machine's; everything else must be good enough to publish.
PUBLISH = """
from django.contrib.auth.models import User
from aiker.calls.models import Assistant
from engines.models import VoiceProfile
from engines.voices.publishing import publish
voice = VoiceProfile.objects.get(slug="anna_su")
voice.samples.all().delete()  # of another speaker than the voice chosen above
for figure in voice.scorecard["figures"]:
    figure["ok"] |= figure["code"] in ("first_audio_ms", "similarity")
voice.prepared = voice.source
publish(voice, User.objects.get(username="admin"))
Assistant.objects.create(slug="yunxi", name="云希", voice_profile=voice)
"""


def test_callers_hear_the_voice_that_was_published(aiker: Installation, tmp_path: Path) -> None:
    assert voice_state(aiker) == ("draft", 1), "the first start makes anna_su with its stand-in"
    run(aiker, QUEUE)
    deadline = time.monotonic() + PATIENCE_S
    while voice_state(aiker)[0] == "preparing" and time.monotonic() < deadline:
        time.sleep(0.5)
    assert voice_state(aiker)[0] == "ready", (aiker.data_dir / "logs/worker.log").read_text()

    run(aiker, PUBLISH)
    pitches = {voice: pitch_hz(spoken(aiker, voice)) for voice in (XIAOBEI, YUNXI)}
    for assistant, voice in (("anna", XIAOBEI), ("yunxi", YUNXI)):
        recording = tmp_path / f"{assistant}.wav"
        aiker.call("--say", "周六开门吗？", "--assistant", assistant, "--record", str(recording))
        heard = pitch_hz(read_channels(recording)[1])
        assert min(pitches, key=lambda name: abs(pitches[name] - heard)) == voice, (heard, pitches)
        assert heard == pytest.approx(pitches[voice], rel=0.1)


def spoken(aiker: Installation, voice: str) -> Pcm:
    """Return what the engine server says with a voice, 8 kHz."""
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{aiker.env['AIKER_ENGINES_PORT']}/v1", api_key="local")
    answer = client.audio.speech.create(
        model="kokoro-int8", voice=voice, input=GREETING + "周六九点开门。", response_format="pcm"
    )
    return soxr.resample(np.frombuffer(answer.content, "<i2"), 24_000, RATE)


def run(aiker: Installation, code: str) -> None:
    done = aiker.command("shell", "--command", code)
    assert done.returncode == 0, done.stderr


def voice_state(aiker: Installation) -> tuple[str, bool]:
    """Return the state of anna_su and whether it is a synthetic stand-in."""
    with closing(sqlite3.connect(aiker.data_dir / "aiker.sqlite3", timeout=20)) as database:
        query = "SELECT state, is_synthetic FROM engines_voiceprofile WHERE slug = 'anna_su'"
        row: tuple[str, bool] = database.execute(query).fetchone()
        return row


def pitch_hz(pcm: Pcm) -> float:
    """Return the median pitch of the voiced parts: the lag of the highest autocorrelation, 70 to 400 Hz."""
    frame = RATE // 20
    found = []
    for start in range(0, len(pcm) - frame, frame):
        part = pcm[start : start + frame].astype(np.float64)
        part -= part.mean()
        if np.sqrt(np.mean(part**2)) < 500:
            continue
        correlation = np.correlate(part, part, "full")[frame - 1 :]
        lags = slice(RATE // 400, RATE // 70)
        lag = int(np.argmax(correlation[lags])) + RATE // 400
        if correlation[lag] > 0.5 * correlation[0]:
            found.append(RATE / lag)
    return float(np.median(found))
