"""What an operator can do with voices in the admin, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from aiker.audio.wav import write_wav
from engines.voices.models import VoiceProfile, VoiceSample, VoiceState
from tests.engines.test_recording_checks import RATE, speech

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
BUTTON = 'class="engines-button"'
ADD = reverse("admin:engines_voiceprofile_add")


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    settings.LANGUAGE_CODE = "en"


def wav(rate: int = RATE, channels: int = 1, seconds: float = 10) -> bytes:
    pcm = (speech(seconds) * 32767).astype(np.int16)
    file = io.BytesIO()
    write_wav(file, rate, *[np.repeat(pcm, rate // RATE)] * channels)
    return file.getvalue()


def form(*recordings: tuple[str, bytes], **fields: str) -> dict[str, Any]:
    """The fields of the page that adds a voice with these recordings."""
    data: dict[str, Any] = {"name": "Anna Su", "slug": "anna_su", "is_synthetic": "on", **fields}
    for prefix, count in (("samples", len(recordings)), ("names", 0)):
        data |= {f"{prefix}-TOTAL_FORMS": str(count), f"{prefix}-INITIAL_FORMS": "0"}
    for number, (name, content) in enumerate(recordings):
        data[f"samples-{number}-recording"] = SimpleUploadedFile(name, content)
    return data


def test_an_uploaded_recording_is_judged_at_once_and_the_voice_prepared(
    admin_client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(ADD, form(("anna.wav", wav(96_000, channels=2))))
    assert answer.status_code == 302, answer.content.decode()

    voice = VoiceProfile.objects.get()
    sample = voice.samples.get()
    assert {figure["code"]: figure["ok"] for figure in sample.verdict}["duration"]
    assert voice.state == VoiceState.PREPARING
    task = DBTaskResult.objects.get()
    assert (task.task_path, task.args_kwargs["args"]) == ("engines.voices.tasks.prepare_voice", [voice.pk])

    page = admin_client.get(reverse("admin:engines_voiceprofile_change", args=[voice.pk])).content.decode()
    assert "share of speech" in page
    url = reverse("admin:engines_voiceprofile_audio", args=["sample", sample.pk])
    part = admin_client.get(url, headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.wav", b"", "empty"),
        ("letter.wav", b"Dear Anna, this is no sound. " * 100, "could not be read"),
        ("long.wav", wav(seconds=150), "longer than 120 s"),
        ("cut.wav", wav()[:30], "could not be read"),
    ],
)
def test_what_is_no_audio_is_refused(admin_client: Client, name: str, content: bytes, reason: str) -> None:
    answer = admin_client.post(ADD, form((name, content)))
    assert answer.status_code == 200
    assert reason in answer.content.decode()
    assert not VoiceProfile.objects.exists()


def test_publishing_needs_a_permission_and_says_what_is_missing(client: Client) -> None:
    voice = VoiceProfile.objects.create(slug="anna_su", name="Anna Su", speaker="苏安娜")
    VoiceSample.objects.create(voice=voice, recording="voices/x.wav", sha256="0")
    editor = User.objects.create_user("editor", password="x", is_staff=True)
    editor.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_voiceprofile", "change_voiceprofile"])
    )
    client.force_login(editor)
    publish = f"/admin/engines/voiceprofile/{voice.pk}/publish/"
    assert client.get(publish).status_code == 403

    editor.user_permissions.add(Permission.objects.get(codename="publish_voiceprofile"))
    page = client.get(publish).content.decode()
    assert BUTTON not in page
    page = client.post(publish, follow=True).content.decode()
    assert "The speaker&#x27;s consent is not recorded: the signed statement is missing." in page
    voice.refresh_from_db()
    assert not voice.published


def test_who_recorded_the_consent_is_kept(admin_client: Client, admin_user: User) -> None:
    statement = SimpleUploadedFile("consent.pdf", b"%PDF-1.4 I agree.")
    answer = admin_client.post(
        ADD, form(speaker="苏安娜", consented_on="2026-11-01") | {"consent": statement}
    )
    assert answer.status_code == 302
    assert VoiceProfile.objects.get().consent_recorded_by == admin_user


def test_publishing_is_confirmed_and_kept_in_the_history(admin_client: Client, admin_user: User) -> None:
    voice = VoiceProfile.objects.create(slug="stock", name="Stock", state=VoiceState.READY)
    VoiceProfile.objects.update(prepared=voice.source)
    publish = f"/admin/engines/voiceprofile/{voice.pk}/publish/"
    assert BUTTON in admin_client.get(publish).content.decode()
    voice.refresh_from_db()
    assert not voice.published

    admin_client.post(publish)
    voice.refresh_from_db()
    assert (voice.published, voice.published_by) == (voice.source, admin_user)
    assert LogEntry.objects.get().user == admin_user
