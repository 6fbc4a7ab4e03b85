"""Writes a FastSpeech2 and a vocoder small enough for a test, as PaddleSpeech publishes its own.

Run with PaddleSpeech's Python: ``python paddle_checkpoint.py FOLDER hifigan|pwgan SPEAKERS``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import yaml
from paddlespeech.t2s.frontend.generate_lexicon import generate_lexicon
from paddlespeech.t2s.models.fastspeech2 import FastSpeech2
from paddlespeech.t2s.models.hifigan import HiFiGANGenerator
from paddlespeech.t2s.models.parallel_wavegan import PWGGenerator

RATE, HOP, MELS = 24_000, 300, 80
FRAMES_A_PHONE = 6
ACOUSTIC: dict[str, Any] = {
    "adim": 32,
    "aheads": 2,
    "elayers": 1,
    "eunits": 32,
    "dlayers": 1,
    "dunits": 32,
    "postnet_layers": 1,
    "postnet_chans": 16,
    "duration_predictor_chans": 16,
    "pitch_predictor_chans": 16,
    "energy_predictor_chans": 16,
    "pitch_embed_kernel_size": 1,
    "energy_embed_kernel_size": 1,
}
HIFIGAN: dict[str, Any] = {
    "in_channels": MELS,
    "channels": 32,
    "kernel_size": 7,
    "upsample_scales": [5, 5, 4, 3],
    "upsample_kernel_sizes": [10, 10, 8, 6],
    "resblock_kernel_sizes": [3],
    "resblock_dilations": [[1]],
}
PWGAN: dict[str, Any] = {
    "aux_channels": MELS,
    "aux_context_window": 2,
    "layers": 4,
    "stacks": 2,
    "residual_channels": 8,
    "gate_channels": 16,
    "skip_channels": 8,
    "upsample_scales": [4, 5, 3, 5],
}


def write(folder: Path, vocoder: str, speakers: int) -> None:
    paddle.seed(0)
    _acoustic(folder / "fastspeech2", speakers)
    generator, parameters = {"hifigan": (HiFiGANGenerator, HIFIGAN), "pwgan": (PWGGenerator, PWGAN)}[vocoder]
    made = folder / "vocoder"
    made.mkdir(parents=True)
    _config(made, {"generator_params": parameters})
    paddle.save({"generator_params": generator(**parameters).state_dict()}, str(made / "snapshot_iter_1.pdz"))
    np.save(made / "feats_stats.npy", _statistics())


def _acoustic(folder: Path, speakers: int) -> None:
    folder.mkdir(parents=True)
    syllables = generate_lexicon(with_tone=True, with_erhua=False).values()
    phones = ["<pad>", "<unk>", *sorted({phone for s in syllables for phone in s.split()}), "sp", "<eos>"]
    (folder / "phone_id_map.txt").write_text("".join(f"{phone} {n}\n" for n, phone in enumerate(phones)))
    if speakers > 1:
        names = "".join(f"SSB{n:04} {n}\n" for n in range(speakers))
        (folder / "speaker_id_map.txt").write_text(names)
    model = ACOUSTIC | ({"spk_embed_dim": 8} if speakers > 1 else {})
    network = FastSpeech2(idim=len(phones), odim=MELS, spk_num=speakers if speakers > 1 else None, **model)
    # Without training it would give every sound no time at all.
    network.duration_predictor.linear.bias.set_value(np.array([np.log(FRAMES_A_PHONE + 1)], np.float32))
    network.duration_predictor.linear.weight.set_value(network.duration_predictor.linear.weight * 0)
    _config(folder, {"n_mels": MELS, "model": model})
    paddle.save({"main_params": network.state_dict()}, str(folder / "snapshot_iter_1.pdz"))
    np.save(folder / "speech_stats.npy", _statistics())


def _config(folder: Path, more: dict[str, Any]) -> None:
    (folder / "default.yaml").write_text(yaml.safe_dump({"fs": RATE, "n_shift": HOP} | more))


def _statistics() -> Any:
    return np.stack([np.zeros(MELS), np.ones(MELS)]).astype(np.float32)


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
