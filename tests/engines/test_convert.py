"""A Whisper checkpoint of transformers, converted by the command and heard through faster-whisper."""

from __future__ import annotations

import io
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings
from tokenizers import Tokenizer

from engines import conversions
from engines.backends.stt import FasterWhisper
from engines.catalog import get_model, model_dir
from engines.fetch import is_installed, verify
from engines.registry import Place
from tests.engines.test_fetch import run

torch = pytest.importorskip("torch", reason="needs PyTorch: make test-torch")
transformers = pytest.importorskip("transformers", reason="needs PyTorch: make test-torch")
pytestmark = [pytest.mark.torch, pytest.mark.models, pytest.mark.usefixtures("english")]

PUBLISHED = model_dir("whisper-base")
VOCABULARY = 51_865
START, ZH, TRANSCRIBE, NO_TIMESTAMPS = 50_258, 50_260, 50_359, 50_363
STEPS = 12


def checkpoint(folder: Path, mels: int, *, old: bool = False) -> Any:
    """Save a Whisper of random weights as transformers does; ``old``: without the files of later versions."""
    torch.manual_seed(mels)
    config = transformers.WhisperConfig(
        vocab_size=VOCABULARY,
        num_mel_bins=mels,
        d_model=64,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        max_source_positions=1500,
        max_target_positions=448,
        init_std=0.2,
    )
    model = transformers.WhisperForConditionalGeneration(config).eval()
    model.save_pretrained(folder)
    # The published tokenizer, which whisper-base has in common with the larger ones.
    shutil.copy2(PUBLISHED / "tokenizer.json", folder)
    if old:
        vocabulary = json.loads((folder / "tokenizer.json").read_text())
        (folder / "vocab.json").write_text(json.dumps(vocabulary["model"]["vocab"]))
        merges = [m if isinstance(m, str) else " ".join(m) for m in vocabulary["model"]["merges"]]
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
        added = {token["content"]: token["id"] for token in vocabulary["added_tokens"]}
        (folder / "added_tokens.json").write_text(json.dumps(added))
        (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "WhisperTokenizer"}')
        (folder / "tokenizer.json").unlink()
    else:
        transformers.WhisperFeatureExtractor(feature_size=mels).save_pretrained(folder)
    return model


@pytest.fixture
def models(tmp_path: Path, settings: Settings) -> Path:
    settings.AIKER = settings.AIKER.model_copy(update={"models": tmp_path / "models"})
    return tmp_path / "models"


def features(mels: int) -> Any:
    """The log-mel spectrogram of 30 s of a rising tone, by transformers' own extractor."""
    ticks = np.arange(30 * 16_000) / 16_000
    sound = (0.1 * np.sin(2 * np.pi * (200 + 20 * ticks) * ticks)).astype(np.float32)
    extractor = transformers.WhisperFeatureExtractor(feature_size=mels)
    return extractor(sound, sampling_rate=16_000, return_tensors="np").input_features


def greedy(model: Any, spectrogram: Any, prompt: list[int]) -> list[int]:
    """What transformers' model says, token by token, without any rule on what may be said."""
    tokens = list(prompt)
    with torch.no_grad():
        encoded = model.model.encoder(torch.from_numpy(spectrogram))
        for _ in range(STEPS):
            logits = model(encoder_outputs=encoded, decoder_input_ids=torch.tensor([tokens])).logits
            tokens.append(int(logits[0, -1].argmax()))
    return tokens[len(prompt) :]


@pytest.mark.parametrize("mels", [80, 128])
def test_the_converted_model_says_what_the_original_says(models: Path, tmp_path: Path, mels: int) -> None:
    original = checkpoint(tmp_path / "My Whisper", mels)
    run("convert", str(tmp_path / "My Whisper"), "--quantization", "float32", "--to", "tiny")

    assert {path.name for path in (models / "tiny").iterdir()} >= {
        "model.bin",
        "config.json",
        "tokenizer.json",
        "preprocessor_config.json",
    }
    converted = ctranslate2.models.Whisper(str(models / "tiny"), compute_type="float32")
    assert (converted.compute_type, converted.n_mels) == ("float32", mels)
    spectrogram = features(mels)
    encoded = converted.encode(ctranslate2.StorageView.from_array(spectrogram))
    with torch.no_grad():
        expected = original.model.encoder(torch.from_numpy(spectrogram)).last_hidden_state.numpy()
    assert np.array(encoded) == pytest.approx(expected, abs=1e-3)
    prompt = [START, ZH, TRANSCRIBE, NO_TIMESTAMPS]
    (said,) = converted.generate(
        encoded,
        [prompt],
        beam_size=1,
        max_length=64,
        suppress_blank=False,
        suppress_tokens=[],
    )
    assert said.sequences_ids[0][:STEPS] == greedy(original, spectrogram, prompt)


@pytest.mark.parametrize(("mels", "quantization"), [(80, "int8"), (128, "int8"), (128, "float16")])
@pytest.mark.usefixtures("models")
def test_the_backend_loads_it_by_its_id_and_hears_with_it(
    tmp_path: Path, mels: int, quantization: str
) -> None:
    checkpoint(tmp_path / "whisper", mels)
    run("convert", str(tmp_path / "whisper"), "--quantization", quantization, "--to", "tiny")
    stt: Any = FasterWhisper(model="tiny", compute_type="int8").load(Place(2, tmp_path))

    assert stt._model.model.compute_type == "int8_float32"
    assert stt._model.model.n_mels == mels
    voice = np.random.default_rng(0).standard_normal(2 * 16_000).astype(np.float32) * 0.1
    heard = stt.transcribe(voice, "zh")
    assert heard.duration_s == 2.0
    assert heard.avg_logprob < 0, "it was decoded"
    assert heard.rejected, "random weights say nothing that is speech"


def test_a_quantised_model_is_smaller_and_near(models: Path, tmp_path: Path) -> None:
    checkpoint(tmp_path / "whisper", 80)
    spectrogram = ctranslate2.StorageView.from_array(features(80))
    outputs, sizes = [], []
    for quantization in ("float32", "float16", "int8"):
        run("convert", str(tmp_path / "whisper"), "--quantization", quantization)
        folder = models / f"whisper-{quantization}"
        sizes.append((folder / "model.bin").stat().st_size)
        outputs.append(np.array(ctranslate2.models.Whisper(str(folder)).encode(spectrogram)).ravel())

    assert sizes[0] > 1.9 * sizes[1]
    assert sizes[1] > 1.7 * sizes[2]
    for output in outputs[1:]:
        cosine = output @ outputs[0] / np.linalg.norm(output) / np.linalg.norm(outputs[0])
        assert cosine > 0.99


def test_it_is_a_model_like_any_other(models: Path, tmp_path: Path) -> None:
    checkpoint(tmp_path / "My Whisper", 80)
    run("convert", str(tmp_path / "My Whisper"))
    model = get_model("my-whisper-float16")

    assert (model.kind, model.format, model.licence, model.commercial) == (
        "stt",
        "ctranslate2",
        "not stated",
        False,
    )
    assert model.origin.endswith("--quantization float16 --to my-whisper-float16")
    assert is_installed(model, models)
    assert verify(model, models) == []
    with pytest.raises(CommandError, match="models remove my-whisper-float16"):
        run("convert", str(tmp_path / "My Whisper"))
    run("remove", "my-whisper-float16")
    assert not list(models.glob("*whisper*"))


def test_a_checkpoint_without_the_files_of_later_versions_is_completed(models: Path, tmp_path: Path) -> None:
    checkpoint(tmp_path / "old", 128, old=True)
    run("convert", str(tmp_path / "old"), "--quantization", "int8", "--to", "tiny")
    stt: Any = FasterWhisper(model="tiny").load(Place(2, tmp_path))

    features_of = json.loads((models / "tiny/preprocessor_config.json").read_text())
    assert features_of["feature_size"] == 128
    published = Tokenizer.from_file(str(PUBLISHED / "tokenizer.json"))
    rebuilt = stt._model.hf_tokenizer
    for text in ("几点开门？", " Hello, OneSuite"):
        expected = published.encode(text, add_special_tokens=False).ids
        assert rebuilt.encode(text, add_special_tokens=False).ids == expected
    assert rebuilt.token_to_id("<|zh|>") == ZH


def test_mels_come_from_the_weights_where_no_file_names_them(models: Path, tmp_path: Path) -> None:
    checkpoint(tmp_path / "whisper", 128)
    run("convert", str(tmp_path / "whisper"), "--to", "tiny")
    (models / "tiny/preprocessor_config.json").unlink()
    stt: Any = FasterWhisper(model="tiny").load(Place(2, tmp_path))
    stt.warm()

    assert stt._model.feature_extractor.mel_filters.shape[0] == 128


def truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda f: (f / "config.json").unlink(), "config.json cannot be read"),
        (lambda f: (f / "config.json").write_text('{"model_type": "bert"}'), "of type 'bert'"),
        (lambda f: (f / "model.safetensors").unlink(), "cannot be converted"),
        (truncate, "cannot be converted"),
    ],
    ids=["no-config", "bert", "no-weights", "truncated"],
)
def test_what_is_no_whisper_is_named_and_leaves_nothing(
    models: Path, tmp_path: Path, spoil: Any, named: str
) -> None:
    checkpoint(tmp_path / "whisper", 80)
    spoil(tmp_path / "whisper")
    with pytest.raises(CommandError, match=named):
        run("convert", str(tmp_path / "whisper"), "--to", "tiny")
    assert list(models.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("belle-whisper-large-v3-zh", "models pull belle-whisper-large-v3-zh"),
        ("kokoro-int8", "of kind tts and format onnx"),
        ("whisper-base", "of kind stt and format ctranslate2"),
        ("nothing", "Unknown model"),
    ],
)
@pytest.mark.usefixtures("models")
def test_a_source_that_cannot_be_converted_is_refused_with_what_to_do(source: str, named: str) -> None:
    with pytest.raises(CommandError, match=named):
        run("convert", source)


@pytest.mark.usefixtures("models")
def test_without_torch_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversions, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    with pytest.raises(CommandError, match=r"needs torch\. Run: pip install -r requirements/torch.txt"):
        call_command("models", "convert", "belle-whisper-large-v3-zh", stdout=io.StringIO())


def test_an_engine_that_cannot_read_a_model_says_how_to_convert_it() -> None:
    from engines.models import EngineConfig
    from engines.profiles import engine_problems

    engine = EngineConfig(backend="faster-whisper", parameters={"model": "belle-whisper-large-v3-zh"})
    found = engine_problems(engine)
    assert any("models convert belle-whisper-large-v3-zh" in problem for problem in found)
