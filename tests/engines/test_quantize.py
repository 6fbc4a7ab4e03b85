"""Models quantised by the command: real libraries, small models, memory before and after.

The tests of GPTQ need the environment of ``make quantize-venv``; ``make test-quantize`` runs them all.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.core.management import CommandError
from pytest_django.fixtures import Settings

from engines import quantize
from engines.backends.stt import FasterWhisper
from engines.catalog import get_model, load_catalog, model_dir
from engines.fetch import is_installed, verify
from engines.local.base import Utterance
from engines.registry import Place
from engines.worker_process import run_worker
from tests.engines.test_fetch import run
from tests.engines.tiny_models import save_random, save_trained, save_whisper

torch = pytest.importorskip("torch", reason="needs PyTorch: make test-torch")
transformers = pytest.importorskip("transformers", reason="needs PyTorch: make test-torch")
pytest.importorskip("compressed_tensors", reason="needs PyTorch: make test-torch")
pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("english")]

WHISPER = model_dir("whisper-base")
PYTHON = project.AIKER.quantize_python
needs_llm_compressor = pytest.mark.skipif(
    not PYTHON.exists(), reason=f"needs {PYTHON} (make quantize-venv; make test-quantize)"
)


@pytest.fixture
def models(tmp_path: Path, settings: Settings) -> Path:
    settings.AIKER = settings.AIKER.model_copy(update={"models": tmp_path / "models"})
    return tmp_path / "models"


@needs_llm_compressor
def test_a_model_in_4_bits_takes_less_disk_and_memory_loads_and_writes(models: Path, tmp_path: Path) -> None:
    from engines.local.packed_weights import keep_packed
    from engines.local.transformers_llm import TransformersLLM

    save_random(tmp_path / "Tiny Qwen")
    calls = tmp_path / "calls.txt"
    calls.write_text("\n".join(text.replace("\n", " ") for text in quantize.read_texts(None)[:16]))
    out, progress = run(
        "quantize", str(tmp_path / "Tiny Qwen"), "--to", "tiny", "--calibration", str(calls), "--json"
    )

    figures = json.loads(out)
    print(out)
    before, after = figures["before"], figures["after"]
    assert after["disk"] < 0.35 * before["disk"]
    assert after["weights_mb"] < 0.35 * before["weights_mb"]
    assert after["memory_mb"] < 0.5 * before["memory_mb"]
    assert after["perplexity"] < 1.05 * before["perplexity"]
    assert "56 of 56 layers" in progress
    assert figures["id"] == "tiny"
    assert is_installed(get_model("tiny"), models)
    assert verify(get_model("tiny"), models) == []
    assert get_model("tiny").origin == "python manage.py models quantize tiny-qwen --to tiny"
    assert [path.name for path in models.iterdir() if path.name != ".locks"] == ["tiny"]

    tokenizer = transformers.AutoTokenizer.from_pretrained(models / "tiny")
    model = transformers.AutoModelForCausalLM.from_pretrained(models / "tiny", dtype="auto")
    layer = model.model.layers[0].mlp.down_proj
    assert layer.weight_packed.dtype == torch.int32
    assert layer.weight_packed.numel() * 8 == layer.out_features * layer.in_features
    assert keep_packed(model) == 56
    question = tokenizer("流动工位一个月多少钱？", return_tensors="pt")
    kept = model.generate(**question, max_new_tokens=8, do_sample=False)
    assert kept.shape[1] == question.input_ids.shape[1] + 8
    assert not hasattr(layer, "weight")
    engine = TransformersLLM(models / "tiny", threads=1)
    deltas = list(engine.stream([{"role": "user", "content": "你好"}], max_tokens=4))
    assert deltas[-1].finish_reason
    assert not any(name.endswith("mlp.down_proj.weight") for name, _ in engine._model.named_parameters())
    # transformers' own way unpacks everything at once, and says the same.
    plain = transformers.AutoModelForCausalLM.from_pretrained(models / "tiny", dtype="auto")
    assert torch.equal(plain.generate(**question, max_new_tokens=8, do_sample=False), kept)


@needs_llm_compressor
def test_gptq_errs_less_than_rounding_to_the_nearest_step(models: Path, tmp_path: Path) -> None:
    texts = quantize.read_texts(None)
    held_out = texts[quantize.HELD_OUT_EVERY - 1 :: quantize.HELD_OUT_EVERY]
    read = [text for text in texts if text not in held_out]
    save_trained(tmp_path / "trained", read)
    run("quantize", str(tmp_path / "trained"), "--to", "gptq")
    given = tmp_path / "texts.json"
    given.write_text(json.dumps(read))
    run_worker(PYTHON, "gptq", tmp_path / "trained", tmp_path / "rtn", "--texts", given, "--method", "rtn")

    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "trained")
    ids = tokenizer("\n".join(held_out), return_tensors="pt").input_ids[:, :500]

    def predicted(folder: Path) -> Any:
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
        with torch.inference_mode():
            return model(input_ids=ids).logits[0].float().log_softmax(-1)

    original, gptq, rounded = (
        predicted(p) for p in (tmp_path / "trained", models / "gptq", tmp_path / "rtn")
    )
    lost, lost_by_rounding = (
        torch.nn.functional.kl_div(other, original, log_target=True, reduction="batchmean").item()
        for other in (gptq, rounded)
    )
    print(f"divergence from the original: GPTQ {lost:.4f}, rounding {lost_by_rounding:.4f}")
    assert 0 < lost < 0.1
    assert lost < 0.6 * lost_by_rounding


@needs_llm_compressor
def test_a_model_that_cannot_be_grouped_is_refused_and_leaves_nothing(models: Path, tmp_path: Path) -> None:
    save_random(tmp_path / "odd", hidden_size=80, intermediate_size=96, layers=1)
    with pytest.raises(CommandError, match="rows of 80 weights, which is no multiple of 32"):
        run("quantize", str(tmp_path / "odd"))
    assert list(models.iterdir()) == []


@pytest.mark.models
@pytest.mark.usefixtures("models")
def test_whisper_in_8_bits_takes_less_disk_and_memory_and_hears(tmp_path: Path) -> None:
    save_whisper(tmp_path / "My Whisper", WHISPER)
    out, _err = run("quantize", str(tmp_path / "My Whisper"), "--to", "small")

    print(out)
    rows = {line.split("  ")[0]: line.split() for line in out.splitlines()}
    assert int(rows["Disk"][-1].rstrip("%")) < 40
    assert int(rows["Memory, once it has run"][-1].rstrip("%")) < 60
    engine = FasterWhisper(model="small", compute_type="int8").load(Place(1, tmp_path))
    (heard,) = engine.transcribe_many([Utterance(torch.randn(16_000 * 2).numpy() * 0.1, "zh")])
    assert heard.duration_s == 2.0
    assert load_catalog()["small"].format == "ctranslate2"


@pytest.mark.models
def test_a_whisper_of_ctranslate2_is_quantised_as_it_is_loaded(models: Path) -> None:
    shutil.copytree(WHISPER, models / "whisper-base")
    with pytest.raises(
        CommandError, match=r"precision to int8.*Measured here: (\d+) MB, without it (\d+) MB"
    ) as no:
        run("quantize", "whisper-base")
    int8, plain = (int(word) for word in str(no.value).split() if word.isdigit())
    assert int8 < 0.8 * plain


def llama_file(folder: Path) -> None:
    (folder / "model.gguf").write_bytes(b"GGUF")


def picture_model(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "vit", "architectures": ["ViTModel"]}')


def quantised_model(folder: Path) -> None:
    config = {"architectures": ["Qwen2ForCausalLM"], "quantization_config": {"quant_method": "awq"}}
    (folder / "config.json").write_text(json.dumps(config))


def language_model(folder: Path) -> None:
    (folder / "config.json").write_text('{"architectures": ["Qwen2ForCausalLM"]}')


def whisper(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "whisper"}')


@pytest.mark.parametrize(
    ("make", "options", "problem"),
    [
        (llama_file, [], "llama-quantize"),
        (picture_model, [], "neither a language model nor a Whisper"),
        (quantised_model, [], "quantised already"),
        (whisper, ["--bits", "4"], "--bits 8"),
        (lambda _folder: None, [], "config.json cannot be read"),
        (language_model, ["--calibration", "no-such-file"], "no-such-file cannot be read"),
        (language_model, ["--calibration", "short.txt"], "has 2 lines of text; at least 8"),
    ],
    ids=["gguf", "picture", "quantised", "whisper-4", "empty", "no-text", "short-text"],
)
def test_what_cannot_be_quantised_is_named(
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Any,
    options: list[str],
    problem: str,
) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    make(folder)
    monkeypatch.chdir(tmp_path)
    Path("short.txt").write_text("一\n\n二\n")
    with pytest.raises(CommandError, match=problem):
        run("quantize", str(folder), *options)
    assert not models.exists()


@pytest.mark.usefixtures("models")
def test_without_its_environment_the_command_says_how_to_make_it(tmp_path: Path, settings: Settings) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"quantize_python": tmp_path / "none"})
    language_model(tmp_path)
    with pytest.raises(CommandError, match="make quantize-venv"):
        run("quantize", str(tmp_path))


@pytest.mark.usefixtures("models")
def test_a_model_that_is_not_installed_is_named() -> None:
    with pytest.raises(CommandError, match="models pull whisper-base"):
        run("quantize", "whisper-base")
