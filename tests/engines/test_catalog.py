"""The catalogue: what is in it is complete, and what is wrong in one is named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from engines.catalog import (
    CATALOG,
    CatalogError,
    Model,
    default_models,
    get_model,
    load_catalog,
    model_dir,
    read_catalog,
)

SHA = "a" * 64
ENTRY = f"""
[models.tiny]
kind = "vad"
name = "Tiny"
languages = ["zh"]
licence = "MIT"
licence_url = "https://example.org/licence"
commercial = true
memory_mb = 1
format = "onnx"
[[models.tiny.sets]]
sources = ["pypi:tiny==1.0/tiny/data.bin"]
files = [{{ path = "data.bin", size = 3, sha256 = "{SHA}" }}]
[packages]
"pypi:tiny==1.0" = {{ sha256 = "{SHA}" }}
"""


def read(tmp_path: Path, text: str) -> dict[str, Model]:
    path = tmp_path / "catalog.toml"
    path.write_text(text)
    return read_catalog(path)


PINNED = [model for model in load_catalog().values() if model.files]
SNAPSHOTS = [model for model in load_catalog().values() if model.snapshot]


def test_the_models_of_a_fresh_installation_are_there_with_their_kind() -> None:
    assert {model.id: (model.kind, model.format) for model in PINNED} == {
        "whisper-base": ("stt", "ctranslate2"),
        "kokoro-int8": ("tts", "onnx"),
        "bge-small-zh": ("embedding", "onnx"),
        "piper-en-joe": ("tts", "piper"),
        "campplus": ("speaker", "torch"),
        "silero-vad": ("vad", "onnx"),
        "smart-turn-v3": ("turn", "onnx"),
        "qwen2.5-coder-0.5b": ("llm", "gguf"),
        "qwen2.5-coder-1.5b": ("llm", "gguf"),
    }


def test_the_models_of_the_plan_are_there_with_their_kind_and_format() -> None:
    assert {
        ("whisper-medium", "stt", "ctranslate2"),
        ("whisper-large-v3", "stt", "ctranslate2"),
        ("belle-whisper-large-v3-zh", "stt", "transformers"),
        ("belle-whisper-large-v3-turbo-zh", "stt", "transformers"),
        ("glm-4-9b-chat", "llm", "transformers"),
        ("glm-4-9b-chat-gptq-int4", "llm", "transformers"),
        ("qwen-14b-chat", "llm", "transformers"),
        ("qwen3-14b-awq", "llm", "transformers"),
        ("qwen2.5-7b-instruct-gptq-int4", "llm", "transformers"),
        ("baichuan2-13b-chat", "llm", "transformers"),
        ("baichuan2-13b-chat-4bits", "llm", "transformers"),
        ("xtts-v2", "tts", "xtts"),
        ("bge-large-zh", "embedding", "transformers"),
        ("bge-reranker-v2-m3", "rerank", "transformers"),
        ("bge-reranker-base", "rerank", "transformers"),
    } <= {(model.id, model.kind, model.format) for model in SNAPSHOTS}


def test_what_may_not_be_sold_and_what_brings_its_own_code_is_marked() -> None:
    models = load_catalog().values()
    assert {model.id for model in models if not model.commercial} == {
        "glm-4-9b-chat",
        "glm-4-9b-chat-gptq-int4",
        "baichuan2-13b-chat",
        "baichuan2-13b-chat-4bits",
        "xtts-v2",
        "piper-en-joe",
        "piper-zh-huayan",
    }
    with_code = {m.id for m in SNAPSHOTS if m.snapshot and "*.py" in m.snapshot.include}
    assert with_code == {model.id for model in models if model.remote_code}
    assert "qwen-14b-chat" in with_code


@pytest.mark.parametrize("model", PINNED, ids=lambda model: model.id)
def test_every_pinned_model_can_be_had_from_a_registry(model: Model) -> None:
    assert len({file.path for file in model.files}) == len(model.files)
    for file in model.files:
        assert any(all(part.sha256 for part in source) for source in file.sources), file.path


def test_hugging_face_comes_first_wherever_it_is_listed() -> None:
    for model in load_catalog().values():
        for file in model.files:
            schemes = [source[0].scheme for source in file.sources]
            assert "hf" not in schemes[1:], f"{model.id}/{file.path}"


def test_hub_revisions_of_hugging_face_cannot_move() -> None:
    parts = [p for m in load_catalog().values() for f in m.files for s in f.sources for p in s]
    assert all(len(part.version) == 40 for part in parts if part.scheme == "hf")


def test_every_pinned_package_is_used() -> None:
    used = {p.reference for m in load_catalog().values() for f in m.files for s in f.sources for p in s}
    assert set(tomllib.loads(CATALOG.read_text())["packages"]) <= used


def test_kokoro_has_all_mandarin_voices_and_english_ones() -> None:
    voices = [file.path for file in get_model("kokoro-int8").files if file.path.startswith("voices/")]
    assert len([voice for voice in voices if voice.startswith(("voices/zf_", "voices/zm_"))]) == 8
    assert "voices/af_heart.bin" in voices
    assert len(voices) == 54


def test_an_unknown_model_is_answered_with_the_known_ones() -> None:
    with (
        translation.override("en"),
        pytest.raises(CatalogError, match=r"Unknown.*whisper-huge.*whisper-base"),
    ):
        get_model("whisper-huge")


def test_a_models_folder_is_named_after_it() -> None:
    assert model_dir("silero-vad") == settings.AIKER.models / "silero-vad"


def test_the_default_models_are_those_of_the_settings_each_once() -> None:
    config = settings.AIKER.model_copy(update={"stt_model": "whisper-base"})
    assert default_models(config) == [
        "whisper-base",
        config.tts_model,
        config.embedding_model,
        "silero-vad",
        "smart-turn-v3",
    ]
    assert default_models(config.model_copy(update={"stt_model": "silero-vad"})).count("silero-vad") == 1


def test_a_correct_entry_is_read(tmp_path: Path) -> None:
    (model,) = read(tmp_path, ENTRY).values()
    assert (model.id, model.kind, model.licence, model.commercial) == ("tiny", "vad", "MIT", True)
    (file,) = model.files
    assert (file.path, file.size, file.sha256) == ("data.bin", 3, SHA)
    (((part,)),) = file.sources
    assert (part.scheme, part.package, part.version, part.member) == ("pypi", "tiny", "1.0", "tiny/data.bin")
    assert part.sha256 == SHA


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("tiny/data.bin", "../../etc/passwd", "not a plain relative path"),
        ("tiny/data.bin", "/etc/passwd", "not a plain relative path"),
        ('path = "data.bin"', 'path = "../data.bin"', "not a plain relative path"),
        ('path = "data.bin"', 'path = "/data.bin"', "not a plain relative path"),
        ('path = "data.bin"', 'path = "a\\\\..\\\\data.bin"', "not a plain relative path"),
        ("[models.tiny]", '[models."../tiny"]', "tiny"),
        (SHA, SHA[1:], "sha256"),
        ('licence = "MIT"', "", "licence"),
        ("size = 3", "size = 0", "size"),
        ('kind = "vad"', 'kind = "magic"', "kind"),
        ("commercial = true", 'commercial = "perhaps"', "commercial"),
        ("pypi:tiny==1.0/tiny/data.bin", "pypi:other==1.0/tiny/data.bin", "no sha256 for “pypi:other==1.0”"),
        ("pypi:tiny==1.0/tiny/data.bin", "ftp:tiny==1.0/tiny/data.bin", "cannot read the source"),
        ("pypi:tiny==1.0/tiny/data.bin", "pypi:tiny/data.bin", "cannot read the source"),
        ('["pypi:tiny==1.0/tiny/data.bin"]', '[["hf:a/b@main/1", "hf:a/b@main/2"]]', "can be joined"),
        ('["pypi:tiny==1.0/tiny/data.bin"]', "[]", "sources"),
    ],
)
def test_a_wrong_entry_is_refused_and_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    text = ENTRY.replace(old, new)
    if old in ("[models.tiny]",):
        text = text.replace("[[models.tiny.sets]]", '[[models."../tiny".sets]]')
    with pytest.raises(CatalogError, match=named):
        read(tmp_path, text)
