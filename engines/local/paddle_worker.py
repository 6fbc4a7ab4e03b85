"""PaddleSpeech FastSpeech2 with its vocoder, in a process and a Python of its own.

Run by ``engines.local.paddlespeech`` as ``python -I paddle_worker.py MODEL_DIR``; nothing of Aiker is
installed there. Once the model is loaded, and then for each request, an answer goes to stdout:

    request   4 bytes of length (big-endian), JSON {"text": "...", "speaker": null or a number, "speed": 1.0}
    answer    4 bytes of length, JSON {"rate": Hz, "samples": n} or {"error": "..."}, n samples as float32

It ends when stdin does.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

# Vocoders by a parameter that only their generator has.
VOCODERS = {"resblock_kernel_sizes": "hifigan_csmsc", "aux_channels": "pwgan_csmsc"}


def main(model_dir: Path) -> None:
    # The libraries print what they do: that belongs with the errors, not between the samples.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        speech = Speech(model_dir)
    except Exception as exc:  # whatever it is, the other side tells the operator
        answer(answers, error=f"{type(exc).__name__}: {exc}")
        return
    answer(answers, rate=speech.rate)
    while request := read_request(sys.stdin.buffer):
        try:
            samples = speech(**request)
        except Exception as exc:  # one text must not cost the next one its voice
            answer(answers, error=f"{type(exc).__name__}: {exc}")
        else:
            answer(answers, samples, rate=speech.rate)


class Speech:
    """A model directory: ``fastspeech2/`` and ``vocoder/``, each as PaddleSpeech publishes it, unpacked."""

    def __init__(self, model_dir: Path) -> None:
        import paddle
        from paddlespeech.t2s.exps.syn_utils import get_am_inference, get_voc_inference
        from paddlespeech.t2s.frontend.zh_frontend import Frontend

        paddle.set_device("cpu")
        acoustic, vocoder = model_dir / "fastspeech2", model_dir / "vocoder"
        config, vocoder_config = (_config(folder) for folder in (acoustic, vocoder))
        kind = next((name for key, name in VOCODERS.items() if key in vocoder_config.generator_params), None)
        if kind is None or config.fs != vocoder_config.fs:
            raise ValueError("vocoder/ must be a HiFiGAN or Parallel WaveGAN of the model's sample rate")
        phones, speakers = acoustic / "phone_id_map.txt", acoustic / "speaker_id_map.txt"
        self.rate = int(config.fs)
        self._no_grad = paddle.no_grad
        self._tensor = paddle.to_tensor
        # Its default front end, g2pW, would be fetched from the internet.
        self._frontend = Frontend(g2p_model="pypinyin", phone_vocab_path=str(phones))
        self._acoustic = get_am_inference(
            am="fastspeech2_csmsc",
            am_config=config,
            am_ckpt=str(_only(acoustic, "*.pdz")),
            am_stat=str(_only(acoustic, "*stats.npy")),
            phones_dict=str(phones),
            speaker_dict=str(speakers) if speakers.exists() else None,
        )
        self._vocoder = get_voc_inference(
            voc=kind,
            voc_config=vocoder_config,
            voc_ckpt=str(_only(vocoder, "*.pdz")),
            voc_stat=str(_only(vocoder, "*stats.npy")),
        )

    def __call__(self, text: str, speaker: int | None, speed: float) -> bytes:
        """Return float32 samples; none when ``text`` has no Chinese character."""
        sentences = self._frontend.get_phonemes(text, merge_sentences=False)
        with self._no_grad():
            return b"".join(
                self._sound(phones, speaker, speed) for phones in sentences if set(phones) - {"sp"}
            )

    def _sound(self, phones: list[str], speaker: int | None, speed: float) -> bytes:
        known, _tones = self._frontend._get_phone_tone(phones)
        ids = self._tensor(self._frontend._p2id(known))
        chosen = None if speaker is None else self._tensor([speaker])
        # FastSpeech2Inference does the same but leaves the speed as it is.
        mel = self._acoustic.acoustic_model.inference(ids, alpha=1 / speed, spk_id=chosen)[0]
        sound = self._vocoder(self._acoustic.normalizer.inverse(mel))
        return bytes(sound.numpy().astype("<f4").tobytes())


def _config(folder: Path) -> Any:
    import yaml
    from yacs.config import CfgNode

    return CfgNode(yaml.safe_load(_only(folder, "*.yaml").read_text("utf-8")))


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(f"{folder} must hold one {pattern}; it has {len(found)}")
    return found[0]


def read_request(stream: BinaryIO) -> dict[str, Any] | None:
    head = stream.read(4)
    if len(head) < 4:
        return None
    request: dict[str, Any] = json.loads(stream.read(struct.unpack(">I", head)[0]))
    return request


def answer(stream: BinaryIO, samples: bytes = b"", **about: Any) -> None:
    head = json.dumps({"samples": len(samples) // 4, **about}).encode()
    stream.write(struct.pack(">I", len(head)) + head + samples)
    stream.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
