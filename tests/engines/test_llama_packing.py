"""The language model's file, written anew for the processor."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, quants

from engines.local import llama_packing
from engines.local.llama_packing import packed, slow_share

LAYERS = {
    "token_embd.weight": "Q8_0",
    "blk.0.attn_q.weight": "Q5_0",
    "blk.0.ffn_up.weight": "Q5_0",
    "blk.0.ffn_down.weight": "Q6_K",
}


def model(folder: Path, kinds: dict[str, str]) -> Path:
    """Write a small Qwen2 of random weights with tensors of these types."""
    folder.mkdir(parents=True)
    path = folder / "model.gguf"
    writer = GGUFWriter(str(path), "qwen2")
    writer.add_block_count(1)
    writer.add_embedding_length(256)
    writer.add_head_count(4)
    writer.add_context_length(512)
    writer.add_token_list(["一", "二", "三"])
    rng = np.random.default_rng(1)
    for name, kind in kinds.items():
        weights = rng.standard_normal((64, 256), np.float32)
        as_stored = GGMLQuantizationType[kind]
        # The library reads Q6_K but does not write it: any bytes of the right length are some weights.
        data = (
            rng.integers(0, 60, (64, 210), np.uint8)
            if kind == "Q6_K"
            else quants.quantize(weights, as_stored)
        )
        writer.add_tensor(name, data, raw_dtype=as_stored)
    writer.add_tensor("blk.0.attn_norm.weight", np.ones(256, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def types(path: Path) -> dict[str, str]:
    return {tensor.name: tensor.tensor_type.name for tensor in GGUFReader(str(path)).tensors}


def test_what_is_slow_becomes_q4_and_all_else_stays(tmp_path: Path) -> None:
    source = model(tmp_path / "models" / "small", LAYERS)
    made = packed(source, tmp_path / "cache")
    assert made == tmp_path / "cache" / "small" / "model.gguf", "the name by which calls ask for it stays"
    assert types(made) == {
        "token_embd.weight": "Q8_0",
        "blk.0.attn_q.weight": "Q4_0",
        "blk.0.ffn_up.weight": "Q4_0",
        "blk.0.ffn_down.weight": "Q4_0",
        "blk.0.attn_norm.weight": "F32",
    }
    before, after = GGUFReader(str(source)), GGUFReader(str(made))
    fields = {name: field.contents() for name, field in before.fields.items() if not name.startswith("GGUF.")}
    assert {name: after.fields[name].contents() for name in fields} == fields
    for old, new in zip(before.tensors[1:3], after.tensors[1:3], strict=True):
        weights, packed_weights = (quants.dequantize(t.data, t.tensor_type) for t in (old, new))
        assert np.corrcoef(weights.ravel(), packed_weights.ravel())[0, 1] > 0.99


def test_it_is_made_once_and_again_for_a_newer_file(tmp_path: Path) -> None:
    source = model(tmp_path / "models" / "small", LAYERS)
    made = packed(source, tmp_path / "cache")
    first = made.stat().st_mtime_ns
    assert packed(source, tmp_path / "cache").stat().st_mtime_ns == first
    newer = made.stat().st_mtime + 10
    os.utime(source, (newer, newer))
    assert packed(source, tmp_path / "cache").stat().st_mtime_ns != first
    assert list(made.parent.glob("*.part")) == []


def test_a_file_that_is_quick_already_is_taken_as_it_is(tmp_path: Path) -> None:
    source = model(tmp_path / "quick", {"blk.0.attn_q.weight": "Q4_0", "blk.0.ffn_up.weight": "Q8_0"})
    assert slow_share(source) == 0
    assert packed(source, tmp_path / "cache") == source
    assert not (tmp_path / "cache").exists()


def test_a_full_disk_costs_speed_and_not_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_source: Path, target: Path) -> None:
        target.write_bytes(b"GGUF")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(llama_packing, "write_packed", full)
    source = model(tmp_path / "models" / "small", LAYERS)
    assert packed(source, tmp_path / "cache") == source
    assert "No space left" in caplog.text
    assert list((tmp_path / "cache").rglob("*.part")) == []
