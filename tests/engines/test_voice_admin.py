"""What an operator can do with voices in the admin, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from aiker.audio.wav import write_wav
from engines.models import EngineConfig
from engines.registry import get_backend
from engines.voices.identity import identity_obstacles, label_of
from engines.voices.models import VoiceProfile, VoiceSample, VoiceState
from engines.voices.publishing import publish
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


@pytest.fixture
def person() -> VoiceProfile:
    """A person's recording and consent, prepared on this machine's own engine, all figures good."""
    voice = VoiceProfile.objects.create(
        slug="su", name="苏安娜", speaker="苏安娜", consent="voices/x.pdf", consented_on="2026-11-01"
    )
    VoiceSample.objects.create(voice=voice, recording="voices/x.wav", sha256="0")
    figure = {"code": "error_rate", "found": "1%", "wanted": "≤ 15%", "ok": True}
    VoiceProfile.objects.update(
        state=VoiceState.READY, prepared=voice.source, preview="voices/p.wav", scorecard={"figures": [figure]}
    )
    voice.refresh_from_db()
    return voice


def test_p0_a_preset_voice_is_not_published_as_a_persons(person: VoiceProfile, admin_user: User) -> None:
    with pytest.raises(ValidationError) as refused:
        publish(person, admin_user)
    (line,) = refused.value.messages
    assert "cannot clone" in line
    assert "zf_xiaobei" in line
    assert ("make torch" in line) == bool(get_backend("xtts").missing)
    person.refresh_from_db()
    assert not person.published


def test_p0_a_preset_voice_is_called_so_wherever_it_is_shown(
    admin_client: Client, person: VoiceProfile
) -> None:
    label = "preset voice zf_xiaobei, not the voice of 苏安娜"
    listed = admin_client.get(reverse("admin:engines_voiceprofile_changelist")).content.decode()
    assert label in listed
    assert "preset voice, not cloned" in listed
    page = admin_client.get(reverse("admin:engines_voiceprofile_change", args=[person.pk])).content.decode()
    assert page.count(label) == 2  # beside the preview, too
    assert "cannot be published as the voice of 苏安娜" in page
    publish_page = admin_client.get(f"/admin/engines/voiceprofile/{person.pk}/publish/").content.decode()
    assert label in publish_page
    assert BUTTON not in publish_page
    VoiceProfile.objects.update(published="before")
    assert f"苏安娜 · {label}" in admin_client.get(reverse("admin:calls_assistant_add")).content.decode()


def test_a_person_without_a_recording_is_claimed_too(admin_user: User) -> None:
    voice = VoiceProfile.objects.create(slug="su", name="苏安娜", speaker="苏安娜", state=VoiceState.READY)
    VoiceProfile.objects.update(prepared=voice.source)
    voice.refresh_from_db()
    with pytest.raises(ValidationError, match="cannot clone"):
        publish(voice, admin_user)


def test_an_engine_that_clones_speaks_with_the_persons_voice(person: VoiceProfile) -> None:
    person.engine = EngineConfig.objects.create(slug="x", name="XTTS", backend="xtts", stage="tts")
    assert identity_obstacles(person) == []
    assert label_of(person) == "cloned from recordings"


@pytest.mark.parametrize(("likeness", "wanted"), [(None, 1), (False, 1), (True, 0)])
def test_a_vendors_voice_is_a_persons_only_when_it_is_like_the_recordings(
    person: VoiceProfile, likeness: bool | None, wanted: int
) -> None:
    remote = {"base_url": "https://tts.example.com/v1", "model": "m"}
    person.engine = EngineConfig.objects.create(
        slug="v", name="Vendor", backend="openai-tts", stage="tts", parameters=remote
    )
    person.names.create(engine=person.engine, voice="anna")
    if likeness is not None:
        figure = {"code": "similarity", "found": "0.7", "wanted": "≥ 0.6", "ok": likeness}
        person.scorecard = {"figures": [figure]}
    assert len(identity_obstacles(person)) == wanted
    assert label_of(person) == "voice anna of Vendor"


def test_what_is_nobodys_voice_is_published_as_a_preset_one(admin_user: User) -> None:
    voice = VoiceProfile.objects.create(slug="stock", name="Stock", state=VoiceState.READY)
    voice.names.create(voice="zf_xiaoni")
    VoiceProfile.objects.update(prepared=voice.source)
    voice.refresh_from_db()
    assert label_of(voice) == "preset voice zf_xiaoni"
    publish(voice, admin_user)
    assert voice.published
