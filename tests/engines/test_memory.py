"""Predictions against answers worked out by hand, and against the real files of the default models."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from engines.backends.embedding import BGEOnnx
from engines.backends.llm import OpenAILLM
from engines.backends.stt import FasterWhisper
from engines.backends.tts import Kokoro
from engines.memory import MIB, Demand, Device, Prediction, Tensor, predict, together_mb, weights_bytes
from engines.model_files import (
    ModelFileError,
    read_config,
    read_ctranslate2,
    read_gguf,
    read_onnx,
    read_safetensors,
    read_whole,
)
from engines.registry import LocalBackend

GLM = {  # glm-4-9b-chat, in the words of its own code
    "num_layers": 40,
    "num_attention_heads": 32,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "kv_channels": 128,
    "hidden_size": 4096,
    "padded_vocab_size": 151552,
    "seq_length": 131072,
}
QWEN = {  # Qwen2.5-14B-Instruct
    "num_hidden_layers": 48,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "hidden_size": 5120,
    "vocab_size": 152064,
    "max_position_embeddings": 32768,
}
BAICHUAN = {  # Baichuan2-13B-Chat: every head has its own keys and values
    "num_hidden_layers": 40,
    "num_attention_heads": 40,
    "hidden_size": 5120,
    "vocab_size": 125696,
    "model_max_length": 4096,
}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[dict[str, object]], Path]:
    def write(config: dict[str, object]) -> Path:
        (tmp_path / "config.json").write_text(json.dumps(config))
        return tmp_path

    return write


def write_safetensors(path: Path, tensors: dict[str, tuple[str, list[int], int]]) -> None:
    """A file of the real format whose weights are a hole: nothing of them is on the disk."""
    header, end = {}, 0
    for name, (dtype, shape, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps({"__metadata__": {"format": "pt"}} | header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)


@pytest.mark.parametrize(
    ("config", "bytes_per_token"),
    [
        (GLM, 40_960),  # 2 x 40 layers x 2 heads x 128 x 2 bytes
        (QWEN, 196_608),  # 2 x 48 x 8 x (5120 / 40 = 128) x 2
        (BAICHUAN, 819_200),  # 2 x 40 x 40 x (5120 / 40 = 128) x 2
    ],
)
def test_the_cache_of_a_token(
    folder: Callable[..., Path], config: dict[str, object], bytes_per_token: int
) -> None:
    model = read_config(folder(config))
    assert model.cache_bytes(1) == bytes_per_token
    assert model.cache_bytes(4096, value_bytes=1) == bytes_per_token * 4096 / 2


def test_a_server_with_eight_calls(folder: Callable[..., Path]) -> None:
    model = read_config(folder(GLM))
    found = predict(model.demand("cuda", 18_800_000_000, context=8192, sequences=8), gpu_mb=81920)

    assert found.weights_mb == pytest.approx(17_929.08, abs=0.01)  # 18.8e9 / 2**20
    assert found.kv_cache_mb == 2560  # 40,960 B x 8192 x 8 / 2**20
    # 2048 tokens x 4096 x 18 x 2 B = 288 MiB; 8 x 151,552 x 4 B = 4.625 MiB
    assert found.activations_mb == 292.625
    assert found.total_mb == found.loaded_mb + 292.625


def test_a_share_of_the_gpu_is_all_that_is_taken(folder: Callable[..., Path]) -> None:
    model = read_config(folder(QWEN))
    # Qwen2.5-14B in GPTQ-Int4 has 9.3 GiB of files; one sequence of 4096 tokens 768 MiB of cache.
    demand = model.demand("cuda", 9523 * MIB, context=4096, sequences=4, process="vllm", share=0.9)
    fits = predict(demand, gpu_mb=16384)
    assert fits.total_mb == pytest.approx(0.9 * 16384)
    assert fits.short_mb == 0

    small = predict(demand, gpu_mb=12288)  # 11,059 MB of it: 484 MB beside weights, activations, context
    assert small.short_mb == pytest.approx(small.total_mb - 0.9 * 12288)
    assert small.short_mb == pytest.approx(284, abs=1)
    assert small.kv_cache_mb == 768


def test_each_precision_of_a_checkpoint(tmp_path: Path) -> None:
    write_safetensors(
        tmp_path / "model-00001.safetensors",
        {
            "model.embed_tokens.weight": ("BF16", [1000, 64], 128_000),
            "model.layers.0.mlp.up_proj.weight": ("BF16", [256, 64], 32_768),
        },
    )
    write_safetensors(
        tmp_path / "model-00002.safetensors",
        {
            "model.layers.0.norm.weight": ("F32", [64], 256),
            "model.layers.0.mlp.down_proj.qweight": ("I32", [8, 256], 8192),
        },
    )
    tensors = read_safetensors(tmp_path)

    assert weights_bytes(tensors, "stored") == 128_000 + 32_768 + 256 + 8192
    assert weights_bytes(tensors, "float32") == 256_000 + 65_536 + 256 + 8192
    assert weights_bytes(tensors, "float16") == 128_000 + 32_768 + 128 + 8192
    # The matrix: 256 x 64 bytes and 256 scales of 4; or half of them and a scale of 4 for each 64.
    assert weights_bytes(tensors, "int8") == 128_000 + 16_384 + 1024 + 128 + 8192
    assert weights_bytes(tensors, "4-bit") == 128_000 + 8192 + 1024 + 128 + 8192


def test_glm_4_9b_in_bfloat16_is_17_9_gb(tmp_path: Path) -> None:
    hidden, ffn, vocabulary = 4096, 13696, 151_552
    layer = {
        "qkv.weight": [hidden + 2 * 2 * 128, hidden],
        "qkv.bias": [hidden + 2 * 2 * 128],
        "dense.weight": [hidden, hidden],
        "gate_up.weight": [2 * ffn, hidden],
        "down.weight": [hidden, ffn],
        "norm1.weight": [hidden],
        "norm2.weight": [hidden],
    }
    shapes = {f"layers.{n}.{name}": shape for n in range(40) for name, shape in layer.items()}
    shapes |= {"embed.weight": [vocabulary, hidden], "norm.weight": [hidden]}
    shapes |= {"output_layer.weight": [vocabulary, hidden]}
    tensors = {
        name: ("BF16", shape, 2 * shape[0] * (shape[1] if len(shape) == 2 else 1))
        for name, shape in shapes.items()
    }
    write_safetensors(tmp_path / "model.safetensors", tensors)

    # The model card says 9.4 billion parameters.
    assert weights_bytes(read_safetensors(tmp_path), "bfloat16") == 2 * 9_399_951_360


def test_a_process_has_one_context_and_other_devices_do_not_count() -> None:
    def engine(device: Device, process: str) -> Prediction:
        return predict(Demand(device, 1000 * MIB, process=process), gpu_mb=16384)

    engines = [
        engine("cuda", "engines"),
        engine("cuda", "engines"),
        engine("cuda", "vllm"),
        engine("cpu", "x"),
    ]

    assert together_mb(engines, "cuda") == 3000 + 2 * engines[0].overhead_mb
    assert together_mb(engines, "cpu") == 1000


@pytest.mark.parametrize("read", [read_ctranslate2, read_gguf, read_onnx])
@pytest.mark.parametrize(
    "content",
    [b"", b"<html>not found</html>" * 9, b"GGUF\x03\0\0\0" + b"\xff" * 64, b"\x06\0\0\0\x08\0Whisper"],
)
def test_a_file_of_another_kind_is_named(
    tmp_path: Path, read: Callable[[Path], object], content: bytes
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.bin"):
        read(path)


def test_other_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="safetensors"):
        read_safetensors(tmp_path)
    with pytest.raises(ModelFileError, match=r"config\.json"):
        read_config(tmp_path)
    (tmp_path / "x.safetensors").write_bytes(b"\xff" * 99)
    with pytest.raises(ModelFileError, match=r"x\.safetensors"):
        read_safetensors(tmp_path)
    (tmp_path / "config.json").write_text('{"num_hidden_layers": 2}')
    with pytest.raises(ModelFileError, match="num_attention_heads"):
        read_config(tmp_path)


def test_a_checkpoint_that_tells_nothing_is_its_size(tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes(bytes(4096))
    assert read_whole(tmp_path / "model.pth") == [Tensor("model.pth", (1024,), 4096)]


@pytest.mark.models
@pytest.mark.parametrize(
    ("engine", "loaded_mb"),
    # As measured by ``python -m bench memory``, each in a process of its own.
    [(Kokoro(), 472), (FasterWhisper(), 142), (BGEOnnx(), 62)],
    ids=lambda value: getattr(value, "model", None),
)
def test_the_default_models_are_predicted_within_a_fifth(engine: LocalBackend, loaded_mb: float) -> None:
    assert predict(engine.demand(), 0).loaded_mb == pytest.approx(loaded_mb, rel=0.2)


@pytest.mark.models
def test_whisper_base_by_its_parameters() -> None:
    tensors = read_ctranslate2(settings.AIKER.models / "whisper-base" / "model.bin")
    # OpenAI's 71.8 million parameters and the encoder's positions, 1500 x 512.
    assert sum(tensor.count for tensor in tensors if tensor.is_float) == pytest.approx(72_593_920, rel=0.001)
    half, whole = FasterWhisper(device="cuda", compute_type="float16"), FasterWhisper(compute_type="float32")
    assert predict(whole.demand(), 0).weights_mb == pytest.approx(
        2 * predict(half.demand(), 0).weights_mb, 0.01
    )


@pytest.mark.models
def test_the_cache_of_llama_cpp_is_what_it_says_itself() -> None:
    demand = OpenAILLM(base_url=settings.AIKER.llm_url, model="qwen").demand()
    assert demand is not None
    model = read_gguf(settings.AIKER.models / "qwen2.5-coder-0.5b" / "model.gguf").model
    # llama.cpp's log: "CPU KV buffer size = 48.00 MiB" for 4096 tokens.
    assert model.cache_bytes(4096) == 48 * MIB
    assert demand.process == "llm"
    assert OpenAILLM(base_url="https://api.example.com/v1", model="m").demand() is None
