"""Servers of language models as engines of a profile: their commands, addresses, and what can be wrong."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ValidationError

from aiker.llm_servers import wanted_services
from engines.doctor import look
from engines.models import BackendProfile, EngineConfig, Mode, Route
from engines.profiles import engine_plan, engine_problems, problems
from engines.registry import ServerBackend
from engines.servers import servers_to_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder as a chat model for vLLM has it; what is read here is only its configuration."""
    folder = tmp_path / "glm-4-9b-chat"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "glm"}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "…"}))
    return folder


@pytest.fixture
def installed(settings: LazySettings) -> None:
    """A machine on which vLLM and TGI are installed, as far as that is looked at: a program is there."""
    programs = {"vllm": Path(sys.executable), "tgi": Path("env")}
    settings.AIKER = settings.AIKER.model_copy(update=programs)


def engine(slug: str, backend: str, **parameters: Any) -> EngineConfig:
    made = EngineConfig(slug=slug, name=slug, backend=backend, parameters=parameters)
    made.full_clean()
    made.save()
    return made


def routed(*engines: EngineConfig) -> BackendProfile:
    profile = BackendProfile.objects.create(slug="p", name="p", mode=Mode.LOCAL, is_published=True)
    for position, one in enumerate(engines, start=1):
        Route.objects.create(profile=profile, engine=one, position=position)
    return profile


def built(made: EngineConfig) -> ServerBackend:
    server = made.build()
    assert isinstance(server, ServerBackend)
    return server


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_vllm_is_told_what_the_admin_says(model: Path, settings: LazySettings) -> None:
    made = engine(
        "glm",
        "vllm",
        model=str(model),
        port=8201,
        context=2048,
        sequences=3,
        gpu_share=0.5,
        quantization="gptq",
        extra_arguments="--tensor-parallel-size 2 --seed '7'",
    )
    server = built(made)
    arguments = server.arguments()

    assert server.program() == str(settings.AIKER.vllm)
    assert arguments[:2] == ["serve", str(model)]
    assert {name: option(arguments, name) for name in arguments if name.startswith("--max-m")} == {
        "--max-model-len": "2048"
    }
    assert option(arguments, "--host") == "127.0.0.1"
    assert option(arguments, "--port") == "8201"
    assert option(arguments, "--served-model-name") == "glm-4-9b-chat"
    assert option(arguments, "--max-num-seqs") == "3"
    assert option(arguments, "--gpu-memory-utilization") == "0.5"
    assert option(arguments, "--quantization") == "gptq"
    assert arguments[-4:] == ["--tensor-parallel-size", "2", "--seed", "7"]
    assert "--chat-template" not in arguments
    assert "--trust-remote-code" not in arguments
    assert server.environment()["VLLM_NO_USAGE_STATS"] == "1"


def test_a_model_without_a_chat_template_is_given_one(model: Path) -> None:
    (model / "config.json").write_text(json.dumps({"model_type": "baichuan"}))
    (model / "tokenizer_config.json").write_text("{}")
    arguments = built(engine("b", "vllm", model=str(model), remote_code=True)).arguments()

    assert "reserved_106" in Path(option(arguments, "--chat-template")).read_text()
    assert "--trust-remote-code" in arguments


def test_tgi_listens_here_and_tells_nobody(model: Path) -> None:
    arguments = built(engine("t", "tgi", model=str(model), port=8202, quantization="fp8")).arguments()

    assert option(arguments, "--hostname") == "127.0.0.1"
    assert option(arguments, "--model-id") == str(model)
    assert option(arguments, "--max-total-tokens") == "4096"
    assert option(arguments, "--quantize") == "fp8"
    assert option(arguments, "--usage-stats") == "off"


@pytest.mark.usefixtures("installed")
def test_a_server_is_an_engine_of_this_house_at_its_own_address(model: Path) -> None:
    made = engine("glm", "vllm", model=str(model), port=8201)
    profile = routed(engine("w", "faster-whisper"), made, engine("k", "kokoro"))

    assert problems(profile) == []
    (endpoint,) = engine_plan(profile, "zh").llm
    assert (endpoint.url, endpoint.model) == ("http://127.0.0.1:8201/v1", "glm-4-9b-chat")


@pytest.mark.usefixtures("installed")
def test_servers_that_a_profile_names_are_run_and_no_others(model: Path) -> None:
    routed(engine("glm", "vllm", model=str(model), port=8201))
    engine("spare", "vllm", model=str(model), port=8201)
    services, found = wanted_services()

    assert list(servers_to_run()) == list(services) == ["glm"]
    assert found == {}
    assert services["glm"].name == "llm-glm"
    assert services["glm"].health_url == "http://127.0.0.1:8201/health"
    assert services["glm"].optional
    assert services == wanted_services()[0], "what has not changed is not started again"


@pytest.mark.usefixtures("installed")
def test_two_servers_on_one_port_are_named(model: Path, settings: LazySettings) -> None:
    first = engine("first", "vllm", model=str(model), port=8201)
    second = engine("second", "tgi", model=str(model), port=8201)
    third = engine("third", "vllm", model=str(model), port=settings.AIKER.engines_port)
    routed(first, second, third)

    assert "8201" in engine_problems(first)[0]
    assert "second" in engine_problems(first)[0]
    assert "first" in engine_problems(second)[0]
    assert "AIKER_ENGINES_PORT" in engine_problems(third)[0]
    services, found = wanted_services()
    assert services == {}
    assert sorted(found) == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("backend", "says"), [("vllm", "make vllm"), ("tgi", "AIKER_TGI")], ids=["vllm", "tgi"]
)
def test_a_program_that_is_not_installed_is_named_with_the_remedy(
    model: Path, settings: LazySettings, backend: str, says: str
) -> None:
    nowhere = {"vllm": Path("/nowhere/vllm"), "tgi": Path("/nowhere/tgi")}
    settings.AIKER = settings.AIKER.model_copy(update=nowhere)
    (problem,) = engine_problems(engine("s", backend, model=str(model)))

    assert f"/nowhere/{backend}" in problem
    assert says in problem


def test_the_doctor_names_a_program_that_is_missing(settings: LazySettings) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"vllm": Path("/nowhere/vllm"), "tgi": Path("env")})
    missing = look().missing

    assert (missing["vllm"], missing["tgi"], missing["llama.cpp"]) == (("/nowhere/vllm",), (), ())


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("backend", "given", "says"),
    [
        ("vllm", "qwen2.5-coder-0.5b", r"gguf.*transformers"),
        ("llama.cpp", "no-such-model", "no-such-model"),
        ("llama.cpp", "whisper-base", "whisper-base"),
        ("llama.cpp", "/nowhere", r"/nowhere.*\.gguf"),
    ],
)
def test_a_model_that_the_server_cannot_serve_is_named(backend: str, given: str, says: str) -> None:
    made = EngineConfig(slug="s", name="s", backend=backend, stage="llm", parameters={"model": given})
    made.save()  # as it was stored before its model was removed: the form refuses it
    assert re.search(says, engine_problems(made)[0])


@pytest.mark.usefixtures("installed")
def test_a_model_without_a_known_template_is_named(model: Path) -> None:
    (model / "tokenizer_config.json").write_text("{}")

    assert "chat_template.jinja" in engine_problems(engine("s", "vllm", model=str(model)))[0]


@pytest.mark.parametrize(
    ("backend", "parameters", "says"),
    [
        ("vllm", {"model": "m", "extra_arguments": "--a 'b"}, "extra_arguments"),
        ("vllm", {"model": "m", "port": 80}, "port"),
        ("vllm", {"model": "m", "gpu_share": 1.5}, "gpu_share"),
        ("tgi", {"model": "m", "quantization": "int3"}, "quantization"),
        ("llama.cpp", {}, "model"),
    ],
)
def test_wrong_parameters_are_named(backend: str, parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        engine("s", backend, **parameters)
