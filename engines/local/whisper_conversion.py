"""A Whisper checkpoint of transformers as one that CTranslate2 reads.

::

    convert(models / "belle-whisper-large-v3-zh", folder, "float16")

CTranslate2's own converter does it; it needs torch and transformers, and memory for the whole checkpoint.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from pickle import UnpicklingError

from ctranslate2.converters import TransformersConverter
from safetensors import SafetensorError
from transformers import AutoTokenizer, WhisperFeatureExtractor

from engines.local.base import BadRequestError

# What the libraries raise for files that are missing, cut off or of another model.
BROKEN = (OSError, ValueError, RuntimeError, KeyError, SafetensorError, UnpicklingError)
TOKENIZER, FEATURES = "tokenizer.json", "preprocessor_config.json"


def convert(source: Path, target: Path, quantization: str) -> None:
    """Write the converted model of ``source`` into the empty folder ``target``.

    ``quantization`` is how the weights are stored (float32, float16, int8_float16, int8). Raises
    BadRequestError when ``source`` is no Whisper checkpoint, or its weights do not fit its configuration.
    """
    config = read_config(source)
    try:
        TransformersConverter(str(source)).convert(str(target), quantization=quantization, force=True)
    except BROKEN as exc:
        raise BadRequestError(f"{source} cannot be converted: {exc}") from exc
    if (source / TOKENIZER).is_file():
        shutil.copy2(source / TOKENIZER, target / TOKENIZER)
    else:
        # Checkpoints of older versions have vocab.json and merges.txt only.
        AutoTokenizer.from_pretrained(str(source)).backend_tokenizer.save(str(target / TOKENIZER))
    if (source / FEATURES).is_file():
        shutil.copy2(source / FEATURES, target / FEATURES)
    else:
        WhisperFeatureExtractor(feature_size=config["num_mel_bins"]).save_pretrained(str(target))


def read_config(source: Path) -> dict[str, object]:
    """Return the configuration of a Whisper checkpoint, or raise BadRequestError that says what it is."""
    path = source / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise BadRequestError(f"{path} cannot be read ({exc}); a folder of transformers has one.") from exc
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "whisper":
        raise BadRequestError(f"{path} is of a model of type {kind!r}; only whisper can be converted.")
    return dict(config)
