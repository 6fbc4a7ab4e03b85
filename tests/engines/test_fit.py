"""What an operator sees of memory, and what cannot be published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import translation

from engines.backend_file import BackendFileError, apply, export
from engines.checks import check_profiles
from engines.fit import engine_fit, profile_fit, store_measurement
from engines.models import BackendProfile, EngineConfig, EngineMemory, Mode, Route
from engines.profiles import ProfileError, engine_plan
from engines.publishing import BudgetError, publish, unpublish

pytestmark = [pytest.mark.django_db, pytest.mark.models]
CUDA = {"device": "cuda", "compute_type": "float16"}


@pytest.fixture(autouse=True)
def english(settings: LazySettings) -> Iterator[None]:
    settings.LANGUAGE_CODE = "en"
    with translation.override("en"):
        yield


@pytest.fixture
def whisper() -> EngineConfig:
    return EngineConfig.objects.create(
        slug="whisper", name="Whisper", backend="faster-whisper", stage="stt", parameters=CUDA
    )


@pytest.fixture
def profile(whisper: EngineConfig) -> BackendProfile:
    made = BackendProfile.objects.create(slug="house", name="House", mode=Mode.LOCAL)
    kokoro = EngineConfig.objects.create(slug="kokoro", name="Kokoro", backend="kokoro", stage="tts")
    for position, engine in enumerate((whisper, kokoro), start=1):
        Route.objects.create(profile=made, engine=engine, position=position)
    return made


@pytest.fixture
def small_budget(settings: LazySettings) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"vram_budget_mb": 100})


def page(client: Client, profile: BackendProfile) -> str:
    return client.get(reverse("admin:engines_backendprofile_change", args=[profile.pk])).content.decode()


def test_only_the_gpu_counts_against_the_budget(profile: BackendProfile) -> None:
    fit = profile_fit(profile)
    on_gpu, on_cpu = (row.prediction for row in fit.rows)

    assert on_gpu is not None
    assert on_cpu is not None
    assert (on_gpu.device, on_cpu.device) == ("cuda", "cpu")
    assert fit.vram_mb == pytest.approx(on_gpu.total_mb, abs=1)
    assert fit.ram_mb == pytest.approx(on_cpu.total_mb, abs=1)
    assert fit.over_mb == 0


def test_equal_engines_are_one_in_memory(profile: BackendProfile) -> None:
    before = profile_fit(profile).vram_mb
    twin = EngineConfig.objects.create(
        slug="twin", name="Twin", backend="faster-whisper", stage="stt", parameters=CUDA
    )
    Route.objects.create(profile=profile, engine=twin)
    assert profile_fit(profile).vram_mb == before


def test_what_cannot_be_predicted_says_why(
    whisper: EngineConfig, settings: LazySettings, tmp_path: Path
) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"models": tmp_path})
    catalogued = engine_fit(whisper).prediction
    assert catalogued is not None  # no files yet: the catalogue's figure
    assert catalogued.weights_mb == 350

    (tmp_path / "whisper-base").mkdir()
    (tmp_path / "whisper-base" / "model.bin").write_text("<html>")
    assert "model.bin" in engine_fit(whisper).problem
    whisper.parameters = {"model": "no-such"}
    assert "no-such" in engine_fit(whisper).problem


def test_calls_are_refused_until_the_profile_is_published(profile: BackendProfile) -> None:
    with pytest.raises(ProfileError, match="not published"):
        engine_plan(profile, "zh")
    publish(profile)
    with pytest.raises(ProfileError) as caught:
        engine_plan(profile, "zh")
    assert "published" not in str(caught.value)  # what is left is the missing language model


@pytest.mark.usefixtures("small_budget")
class TestOverBudget:
    def test_it_needs_an_override_which_is_recorded(self, profile: BackendProfile, admin_user: User) -> None:
        over = profile_fit(profile).over_mb
        with pytest.raises(BudgetError, match=rf"{over} MB over the budget.* of 100 MB"):
            publish(profile)
        publish(profile, override_by=admin_user)
        profile.refresh_from_db()

        assert profile.is_published
        assert (profile.override_mb, profile.override_by) == (over, admin_user)
        assert profile.override_at is not None
        unpublish(profile)
        assert (profile.override_mb, profile.override_by, profile.override_at) == (0, None, None)

    def test_the_page_asks_and_records_who(self, profile: BackendProfile, admin_client: Client) -> None:
        url = reverse("admin:engines_backendprofile_publish", args=[profile.pk])
        over = profile_fit(profile).over_mb
        asked = admin_client.get(url).content.decode()
        assert f"{over} MB over the budget" in asked
        assert not BackendProfile.objects.get().is_published  # looking publishes nothing

        assert "MB over the budget" in admin_client.post(url, {"publish": ""}).content.decode()
        admin_client.post(url, {"publish": "", "override_mb": str(over - 1)})
        assert not BackendProfile.objects.get().is_published

        assert admin_client.post(url, {"publish": "", "override_mb": str(over)}).status_code == 302
        profile.refresh_from_db()
        assert profile.override_mb == over
        assert str(over) in LogEntry.objects.latest("pk").change_message
        assert "confirmed by admin" in page(admin_client, profile)

        admin_client.post(url, {"unpublish": ""})
        assert not BackendProfile.objects.get().is_published

    def test_only_the_permission_allows_it(self, profile: BackendProfile, client: Client) -> None:
        user = User.objects.create_user("clerk", is_staff=True)
        codes = ["change_backendprofile", "view_backendprofile"]
        user.user_permissions.set(Permission.objects.filter(codename__in=codes))
        client.force_login(user)
        url = reverse("admin:engines_backendprofile_publish", args=[profile.pk])
        over = str(profile_fit(profile).over_mb)

        assert 'name="override_mb"' not in client.get(url).content.decode()
        client.post(url, {"publish": "", "override_mb": over})
        assert not BackendProfile.objects.get().is_published

        user.user_permissions.add(Permission.objects.get(codename="override_budget"))
        client.post(url, {"publish": "", "override_mb": over})
        assert BackendProfile.objects.get().is_published

    def test_a_file_cannot_publish_it(self, profile: BackendProfile, admin_user: User) -> None:
        draft = export()
        with pytest.raises(BackendFileError, match="published: false"):
            apply(draft.replace("published: false", "published: true"))
        assert not BackendProfile.objects.get().is_published

        publish(profile, override_by=admin_user)
        apply(export())
        assert BackendProfile.objects.get().override_by == admin_user
        apply(draft)
        assert not BackendProfile.objects.get().is_published

    def test_the_system_check_names_it(self, profile: BackendProfile, admin_user: User) -> None:
        BackendProfile.objects.update(is_published=True)
        found = [message for message in check_profiles(databases=["default"]) if message.id == "engines.W002"]
        assert len(found) == 1
        assert "house" in found[0].msg
        assert "of 100 MB" in found[0].msg

        profile.refresh_from_db()
        publish(profile, override_by=admin_user)
        assert "engines.W002" not in {message.id for message in check_profiles(databases=["default"])}


class TestEdits:
    def test_an_engine_of_a_published_profile_must_still_fit(
        self, profile: BackendProfile, whisper: EngineConfig, admin_client: Client, settings: LazySettings
    ) -> None:
        whisper.parameters = {}
        whisper.save()
        settings.AIKER = settings.AIKER.model_copy(update={"vram_budget_mb": 100})
        publish(profile)
        url = reverse("admin:engines_engineconfig_change", args=[whisper.pk])
        fields = {"name": "Whisper", "slug": "whisper", "parameter_model": "whisper-base"}
        fields |= {f"parameter_{name}": value for name, value in CUDA.items()}
        refused = admin_client.post(url, fields)

        assert refused.status_code == 200
        assert "MB over the budget" in refused.content.decode()
        unpublish(profile)
        assert admin_client.post(url, fields).status_code == 302

    def test_a_route_added_to_a_published_profile_must_fit(
        self, profile: BackendProfile, whisper: EngineConfig, admin_client: Client, settings: LazySettings
    ) -> None:
        settings.AIKER = settings.AIKER.model_copy(update={"vram_budget_mb": 100})
        profile.routes.filter(engine=whisper).delete()
        publish(profile)
        kept = profile.routes.get()
        fields: dict[str, Any] = {"name": "House", "slug": "house", "mode": "local"}
        fields |= {"routes-TOTAL_FORMS": 2, "routes-INITIAL_FORMS": 1}
        for n, (route, engine) in enumerate(((kept.pk, kept.engine_id), ("", whisper.pk))):
            values = {"id": route, "profile": profile.pk, "engine": engine, "position": 1, "timeout_ms": 5000}
            fields |= {f"routes-{n}-{name}": value for name, value in values.items()}
        url = reverse("admin:engines_backendprofile_change", args=[profile.pk])
        refused = admin_client.post(url, fields)

        assert refused.status_code == 200
        assert "MB over the budget" in refused.content.decode()
        assert profile.routes.count() == 1


def test_values_are_predicted_before_they_are_saved(whisper: EngineConfig, admin_client: Client) -> None:
    url = reverse("admin:engines_engineconfig_memory", args=[whisper.pk])
    fields = {"name": "", "slug": "whisper", "parameter_model": "whisper-base", "parameter_device": "cpu"}
    shown = admin_client.post(url, fields | {"parameter_compute_type": "int8"}).content.decode()

    assert "310 MB at most" in " ".join(shown.split())
    assert "of RAM" in shown
    assert EngineConfig.objects.get().parameters == CUDA
    assert "no-such" in admin_client.post(url, fields | {"parameter_model": "no-such"}).content.decode()
    assert admin_client.get(url).status_code == 405
    assert Client().post(url, fields).status_code == 302  # to the login


def test_measurements_stand_beside_the_prediction(
    profile: BackendProfile, whisper: EngineConfig, admin_client: Client
) -> None:
    for measured in range(1, 26):
        store_measurement({"whisper", "unknown"}, "cuda", 700 + measured)
    newest = whisper.memory.first()
    prediction = engine_fit(whisper).prediction

    assert newest is not None
    assert prediction is not None
    assert (newest.measured_mb, newest.predicted_mb) == (725, round(prediction.loaded_mb))
    assert EngineMemory.objects.count() == 20
    url = reverse("admin:engines_engineconfig_change", args=[whisper.pk])
    assert "725 MB (cuda" in admin_client.get(url).content.decode()
    assert ">725<" in page(admin_client, profile)


class TestMachine:
    def test_the_page_shows_what_doctor_finds(self, admin_client: Client) -> None:
        shown = admin_client.get(reverse("machine")).content.decode()
        assert "processor cores" in shown
        assert "CPUExecutionProvider" in shown
        assert "can run here" in shown

    def test_it_needs_the_permission(self, client: Client) -> None:
        client.force_login(User.objects.create_user("clerk", is_staff=True))
        assert client.get(reverse("machine")).status_code == 403

    def test_a_machine_that_cannot_be_read_is_said(
        self, admin_client: Client, settings: LazySettings, tmp_path: Path
    ) -> None:
        settings.AIKER = settings.AIKER.model_copy(update={"data_dir": tmp_path / "no" / "such"})
        shown = admin_client.get(reverse("machine"))
        assert shown.status_code == 200
        assert "could not be examined" in shown.content.decode()
