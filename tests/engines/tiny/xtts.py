"""A shrunken XTTS with random weights, in the files of a real one: it speaks noise through the real code.

It never says stop, so a sentence lasts ``gpt_max_audio_tokens`` tokens of 43 ms.
"""

from __future__ import annotations

import string
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
from TTS.tts.layers.xtts.dvae import DiscreteVAE
from TTS.tts.models.xtts import Xtts

SPECIAL = ["[STOP]", "[UNK]", "[SPACE]", "[zh-cn]", "[en]", "[START]"]
AUDIO_TOKENS = 12
LOUDNESS = 30


def make_vocabulary(folder: Path) -> Path:
    """Write ``vocab.json``: one token a character of pinyin."""
    letters = string.ascii_lowercase + string.digits + ",.!?，。！？、；：'-"
    tokenizer = Tokenizer(
        BPE({token: i for i, token in enumerate([*SPECIAL, *dict.fromkeys(letters)])}, [], unk_token="[UNK]")
    )
    tokenizer.add_special_tokens(SPECIAL)
    path = folder / "vocab.json"
    tokenizer.save(str(path))
    return path


def small_args(vocabulary: Path, audio_tokens: int) -> dict[str, object]:
    return {
        "gpt_layers": 2,
        "gpt_n_model_channels": 64,
        "gpt_n_heads": 2,
        "gpt_max_audio_tokens": audio_tokens,
        "gpt_max_text_tokens": 402,
        "gpt_max_prompt_tokens": 70,
        "gpt_num_audio_tokens": 34,
        "gpt_start_audio_token": 32,
        "gpt_stop_audio_token": 33,
        "gpt_use_perceiver_resampler": True,
        "decoder_input_dim": 64,
        "tokenizer_file": str(vocabulary),
    }


def make_xtts(folder: Path, seed: int = 0, audio_tokens: int = AUDIO_TOKENS) -> Path:
    """Write a checkpoint that ``Xtts.load_checkpoint`` reads; about 90 MB, most of it the vocoder."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = make_vocabulary(folder)
    config = XttsConfig(
        languages=["en", "zh-cn"], model_args=XttsArgs(**small_args(vocabulary, audio_tokens))
    )
    model = Xtts(config)
    model.tokenizer = type(model.tokenizer)(vocab_file=str(vocabulary))
    model.init_models()
    weights = model.state_dict()
    # A random vocoder whispers below what counts as speech.
    weights["hifigan_decoder.waveform_decoder.conv_post.weight"] *= LOUDNESS
    torch.save({"model": weights}, folder / "model.pth")
    config.model_args.tokenizer_file = ""
    config.save_json(str(folder / "config.json"))
    return folder


def add_training_files(folder: Path, seed: int = 0) -> Path:
    """Write beside a checkpoint what training it needs: ``dvae.pth`` (200 MB) and ``mel_stats.pth``."""
    torch.manual_seed(seed)
    config = XttsConfig()
    config.load_json(str(folder / "config.json"))
    # The sizes that GPTTrainer gives it; only the number of tokens follows the model.
    dvae = DiscreteVAE(
        channels=80,
        normalization=None,
        positional_dims=1,
        num_tokens=config.model_args.gpt_num_audio_tokens - 2,
        codebook_dim=512,
        hidden_dim=512,
        num_resnet_blocks=3,
        kernel_size=3,
        num_layers=2,
        use_transposed_convs=False,
    )
    torch.save(dvae.state_dict(), folder / "dvae.pth")
    torch.save(torch.ones(80), folder / "mel_stats.pth")
    return folder
