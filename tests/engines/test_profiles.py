"""What a profile means for a call, and what an operator can do wrong."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from aiker.calls.models import Assistant
from aiker.calls.plan import load_plan
from engines.backend_file import BackendFileError, apply, export
from engines.checks import check_profiles
from engines.models import BackendProfile, EngineConfig, Mode, Route
from engines.profiles import ProfileError, engine_plan, problems
from engines.registry import backends, get_backend

pytestmark = pytest.mark.django_db
VENDOR = {"base_url": "https://api.example.com/v1", "model": "vendor-model"}


def engine(slug: str, backend: str, key: str = "", **parameters: Any) -> EngineConfig:
    made = EngineConfig(slug=slug, name=slug, backend=backend, parameters=parameters)
    made.set_secrets({"api_key": key})
    made.full_clean()
    made.save()
    return made


def profile(mode: Mode, *engines: EngineConfig) -> BackendProfile:
    made = BackendProfile.objects.create(slug=f"p-{mode}", name=f"p {mode}", mode=mode, is_published=True)
    for position, one in enumerate(engines, start=1):
        Route.objects.create(profile=made, engine=one, position=position, timeout_ms=1500)
    return made


@pytest.fixture
def local() -> list[EngineConfig]:
    return [
        engine("whisper", "faster-whisper"),
        engine("llama", "openai-llm", base_url="http://127.0.0.1:8102/v1", model="qwen"),
        engine("kokoro", "kokoro"),
    ]


@pytest.fixture
def vendor() -> list[EngineConfig]:
    kinds = ("openai-stt", "openai-llm", "openai-tts")
    return [engine(f"vendor-{kind[7:]}", kind, key="sk-secret", **VENDOR) for kind in kinds]


def test_every_backend_builds_a_form_and_names_its_licence(admin_client: Client) -> None:
    for spec in backends():
        assert spec.label
        assert spec.licence
        made = EngineConfig.objects.create(
            slug=spec.name, name=spec.name, backend=spec.name, stage=spec.stage
        )
        page = admin_client.get(reverse("admin:engines_engineconfig_change", args=[made.pk]))
        for name in spec.parameters.model_fields:
            assert f'name="parameter_{name}"' in page.content.decode()


def test_a_local_profile_leads_to_engines_of_this_house(local: list[EngineConfig]) -> None:
    plan = engine_plan(profile(Mode.LOCAL, *local), "zh")

    assert [e.engine for e in (*plan.stt, *plan.llm, *plan.tts)] == ["whisper", "llama", "kokoro"]
    assert plan.stt[0].model == "whisper"
    assert plan.stt[0].timeout_s == 1.5


def test_a_local_profile_refuses_a_vendor_before_the_call(
    local: list[EngineConfig], vendor: list[EngineConfig], settings: LazySettings
) -> None:
    made = profile(Mode.LOCAL, *local, vendor[1])
    with pytest.raises(ProfileError, match=r"api\.example\.com"):
        engine_plan(made, "zh")

    settings.AIKER = settings.AIKER.model_copy(update={"local_hosts": ["127.0.0.1", "api.example.com"]})
    assert [e.engine for e in engine_plan(made, "zh").llm] == ["llama", "vendor-llm"]


@pytest.mark.parametrize(
    ("mode", "order"), [(Mode.HYBRID, ["llama", "vendor-llm"]), (Mode.API, ["vendor-llm", "llama"])]
)
def test_hybrid_asks_local_engines_first_and_api_the_vendor(
    local: list[EngineConfig], vendor: list[EngineConfig], mode: Mode, order: list[str]
) -> None:
    plan = engine_plan(profile(mode, *vendor, *local), "zh")

    assert [e.engine for e in plan.llm] == order
    assert {e.api_key for e in plan.llm if e.engine == "vendor-llm"} == {"sk-secret"}


def test_a_profile_may_have_a_reranker(local: list[EngineConfig]) -> None:
    reranker = engine("reranker", "rerank-api", base_url="http://127.0.0.1:8101/v1", model="m")
    assert engine_plan(None, "zh").rerank == ()

    plan = engine_plan(profile(Mode.LOCAL, *local, reranker), "zh")

    assert [(e.engine, e.url) for e in plan.rerank] == [("reranker", "http://127.0.0.1:8101/v1")]


def test_each_problem_is_named(local: list[EngineConfig]) -> None:
    EngineConfig.objects.filter(slug="whisper").update(parameters={"model": "kokoro-int8"})
    EngineConfig.objects.filter(slug="kokoro").update(parameters={"model": "no-such-model"})
    EngineConfig.objects.filter(slug="llama").update(backend="gone")
    found = problems(profile(Mode.LOCAL, *local))

    assert any("whisper" in line and "kokoro-int8" in line for line in found)
    assert any("kokoro" in line and "no-such-model" in line for line in found)
    assert any("llama" in line and "gone" in line for line in found)


def test_a_stage_without_an_engine_is_named(local: list[EngineConfig]) -> None:
    assert len(problems(profile(Mode.LOCAL, *local[:1]))) == 2


def test_a_model_that_lacks_the_language_is_named(local: list[EngineConfig]) -> None:
    made = profile(Mode.LOCAL, *local)

    assert problems(made, frozenset({"zh"})) == []
    with pytest.raises(ProfileError, match=r"kokoro.*xx"):
        engine_plan(made, "xx")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"base_url": "ftp://x", "model": "m"}, "base_url"),
        ({"base_url": "http://x/v1"}, "model"),
        ({"base_url": "http://x/v1", "model": "m", "temperature": 2}, "temperature"),
    ],
)
def test_wrong_parameters_are_named(parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        engine("wrong", "openai-llm", **parameters)


def test_a_key_is_encrypted_and_never_shown_again(admin_client: Client, vendor: list[EngineConfig]) -> None:
    made = EngineConfig.objects.get(slug="vendor-llm")
    assert "sk-secret" not in made.sealed
    assert "sk-secret" not in repr(made.build())
    url = reverse("admin:engines_engineconfig_change", args=[made.pk])
    assert "sk-secret" not in admin_client.get(url).content.decode()

    fields = {"name": "renamed", "slug": "vendor-llm", "parameter_api_key": ""}
    fields |= {f"parameter_{name}": value for name, value in VENDOR.items()}
    answer = admin_client.post(url, fields)

    assert answer.status_code == 302, answer.content.decode()
    made.refresh_from_db()
    assert made.name == "renamed"
    assert engine_plan(profile(Mode.API, *vendor), "zh").llm[0].api_key == "sk-secret"


def test_an_engine_is_made_in_two_steps(admin_client: Client) -> None:
    fields = {"name": "云端", "slug": "cloud", "backend": "openai-tts"}
    answer = admin_client.post(reverse("admin:engines_engineconfig_add"), fields, follow=True)
    made = EngineConfig.objects.get(slug="cloud")

    assert made.stage == "tts"
    assert 'name="parameter_base_url"' in answer.content.decode()
    page = admin_client.post(
        reverse("admin:engines_engineconfig_change", args=[made.pk]),
        {"name": "云端", "slug": "cloud", "parameter_base_url": "nowhere", "parameter_model": "m"},
    )
    assert page.status_code == 200
    assert "base_url" in page.content.decode()
    assert admin_client.get(reverse("admin:engines_engineconfig_changelist")).status_code == 200


def test_a_profile_with_problems_is_shown_and_its_call_refused(
    admin_client: Client, vendor: list[EngineConfig]
) -> None:
    made = profile(Mode.LOCAL, *vendor)
    Assistant.objects.create(name="安娜", slug="anna", profile=made)
    page = admin_client.get(reverse("admin:engines_backendprofile_change", args=[made.pk]))

    assert "api.example.com" in page.content.decode()
    with pytest.raises(ProfileError, match="AIKER_LOCAL_HOSTS"):
        load_plan("anna")


class TestFile:
    def test_the_whole_configuration_goes_out_and_in(
        self, local: list[EngineConfig], vendor: list[EngineConfig]
    ) -> None:
        profile(Mode.HYBRID, *local, *vendor)
        text = export()
        assert "sk-secret" not in text
        BackendProfile.objects.all().delete()
        EngineConfig.objects.filter(slug="kokoro").delete()

        assert apply(text) == []
        assert export() == text
        assert apply(text) == []
        made = engine_plan(BackendProfile.objects.get(), "zh")
        assert [(e.engine, e.api_key) for e in made.llm] == [("llama", "local"), ("vendor-llm", "sk-secret")]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("engines: [", "YAML"),
            ("engines: 3", "engines"),
            ("engines: [{slug: a, name: a, backend: nothing}]", "there are: bge-onnx"),
            ("engines: [{slug: a, name: a, backend: openai-llm, parameters: {model: m}}]", "base_url"),
            ("engines: [{slug: a, name: a, backend: openai-llm, parameters: {api_key: k}}]", "api_key"),
            ("profiles: [{slug: p, name: p, mode: local, routes: [{engine: b}]}]", "b"),
            ("profiles: [{slug: p, name: p, mode: cloud}]", "mode"),
        ],
    )
    def test_a_wrong_file_changes_nothing(self, local: list[EngineConfig], text: str, says: str) -> None:
        with pytest.raises(BackendFileError, match=says):
            apply(text)
        assert EngineConfig.objects.count() == len(local)

    def test_a_profile_in_use_is_not_removed(self, local: list[EngineConfig]) -> None:
        Assistant.objects.create(name="安娜", slug="anna", profile=profile(Mode.LOCAL, *local))
        with pytest.raises(BackendFileError, match="安娜"):
            apply("engines: []")
        assert BackendProfile.objects.exists()

    def test_the_command_says_what_calls_still_lack(self, tmp_path: Any) -> None:
        file = tmp_path / "ai_backend.yaml"
        file.write_text("profiles: [{slug: p, name: p, mode: local}]")
        with pytest.raises(CommandError, match="cannot use all"):
            call_command("ai_backend", "apply", str(file))
        call_command("ai_backend", "export", str(file))
        assert "slug: p" in file.read_text()


def test_an_unknown_backend_names_the_others() -> None:
    with pytest.raises(LookupError, match="faster-whisper"):
        get_backend("nothing")


def test_the_system_check_names_each_problem(local: list[EngineConfig]) -> None:
    profile(Mode.LOCAL, *local[:1])
    found = check_profiles(databases=["default"])

    assert [message.id for message in found] == ["engines.W001"] * 2
    assert all(message.hint for message in found)
    assert check_profiles(databases=None) == []
