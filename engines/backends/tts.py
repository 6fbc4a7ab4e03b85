"""What speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from pydantic import Field

from engines.backends.torch_demand import overhead_mb
from engines.catalog import model_dir
from engines.local.base import LocalTTSEngine
from engines.memory import MIB, ONNX_COPIES, Demand, weights_bytes
from engines.model_files import read_onnx, read_whole
from engines.registry import LocalBackend, Place, RemoteBackend, backend
from engines.voices.latents import voices_store

# The dictionaries of Mandarin and English pronunciation, onnx and onnxruntime, and the buffers for the 1.4 s
# of sound that are made at once, which onnxruntime keeps from its warming on (python -m bench memory).
RUNTIME_MB = 300.0
# The cache of a clause's 210 steps, and the vocoder that makes all of it again (docs/performance.md).
XTTS_ACTIVATIONS_MB = 850.0
KOKORO_INITIALS = {"zh": "z", "ja": "j", "es": "e", "fr": "f", "hi": "h", "it": "i", "pt": "p"}
"""How the voices of a language begin; those of English with a and b."""
XTTSLanguage = Literal[
    "zh-cn", "en", "ja", "ko", "de", "fr", "es", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "hu", "hi"
]


@backend(
    "kokoro",
    stage="tts",
    label="Kokoro 82M",
    licence="Apache-2.0",
    capabilities={"streaming", "voices"},
    packages=("onnxruntime", "onnx", "misaki"),
    formats=("onnx",),
)
class Kokoro(LocalBackend):
    model: str = Field("kokoro-int8", title=_("Model"), description=_("Catalogue id of a Kokoro model."))
    voice: str = Field("", title=_("Voice"), description=_("Empty: the assistant's own."))

    def demand_of(self, folder: Path) -> Demand:
        stored = weights_bytes(read_onnx(folder / "model.onnx"), "stored")
        return Demand("cpu", stored * ONNX_COPIES, overhead_mb=RUNTIME_MB)

    def load(self, place: Place) -> LocalTTSEngine:
        from engines.local.kokoro import KokoroTTS

        return KokoroTTS(model_dir(self.model), place.threads, place.cache_dir)

    def known_voices(self, language: str = "") -> list[str] | None:
        names = sorted(path.stem for path in (model_dir(self.model) / "voices").glob("*.bin"))
        initial = KOKORO_INITIALS.get(language, "")
        return [name for name in names if name.startswith(initial)] or None


@backend(
    "xtts",
    stage="tts",
    label=_("XTTS-v2 (cloned voices)"),
    licence="CPML",
    commercial=False,
    capabilities={"streaming", "voices", "cloning"},
    packages=("torch", "TTS"),
    formats=("xtts",),
    extra="requirements/torch.txt",
)
class XTTS(LocalBackend):
    model: str = Field("xtts-v2", title=_("Model"), description=_("Catalogue id of an XTTS-v2 model."))
    device: Literal["cpu", "cuda"] = Field("cpu", title=_("Device"))
    language: XTTSLanguage = Field(
        "zh-cn", title=_("Language"), description=_("As the model names it: zh-cn, en.")
    )
    voice: str = Field("", title=_("Voice"), description=_("Empty: the assistant's own."))

    def demand_of(self, folder: Path) -> Demand:
        weights = weights_bytes(read_whole(folder / "model.pth"), "stored")
        return Demand(self.runs_on, weights, 0, XTTS_ACTIVATIONS_MB * MIB, overhead_mb(self.runs_on))

    def load(self, place: Place) -> LocalTTSEngine:
        from engines.local.xtts import XTTSEngine

        return XTTSEngine(model_dir(self.model), place.threads, voices_store(), self.device, self.language)


@backend(
    "piper",
    stage="tts",
    label="Piper",
    # The package; each voice has its own.
    licence="GPL-3.0-or-later",
    capabilities={"streaming", "voices"},
    packages=("piper",),
    formats=("piper",),
    extra="requirements/piper.txt",
)
class Piper(LocalBackend):
    model: str = Field(title=_("Model"), description=_("Catalogue id of a Piper voice."))
    voice: str = Field(
        "default",
        min_length=1,
        title=_("Voice"),
        description=_("A speaker of the model; default: its first."),
    )

    def load(self, place: Place) -> LocalTTSEngine:
        from engines.local.piper import PiperTTS

        return PiperTTS(model_dir(self.model), place.threads)


@backend(
    "paddlespeech",
    stage="tts",
    label="PaddleSpeech FastSpeech2",
    licence="Apache-2.0",
    capabilities={"streaming", "voices"},
    formats=("paddle",),
    extra="requirements/paddle.txt",
)
class PaddleSpeech(LocalBackend):
    model: str = Field(
        title=_("Model"), description=_("Catalogue id of a FastSpeech2 model with its vocoder.")
    )
    voice: str = Field(
        "default",
        min_length=1,
        title=_("Voice"),
        description=_("A speaker of the model; default: its first."),
    )

    def load(self, place: Place) -> LocalTTSEngine:
        from engines.local.paddlespeech import PaddleSpeechTTS

        python = settings.AIKER.paddle_python
        return PaddleSpeechTTS(model_dir(self.model), place.threads, place.cache_dir, python)

    @classmethod
    def problems(cls) -> list[str]:
        if settings.AIKER.paddle_python.exists():
            return []
        return [gettext("PaddleSpeech is not installed. Run: make paddle")]


@backend(
    "openai-tts",
    stage="tts",
    label=_("OpenAI-compatible speech synthesis"),
    licence=_("of the vendor"),
    capabilities={"streaming", "voices"},
)
class OpenAITTS(RemoteBackend):
    voice: str = Field("", title=_("Voice"), description=_("Empty: the assistant's own."))
