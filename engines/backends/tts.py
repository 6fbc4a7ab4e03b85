"""What speaks."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from pydantic import Field

from engines.catalog import model_dir
from engines.local.base import LocalTTSEngine
from engines.registry import LocalBackend, Place, RemoteBackend, backend


@backend(
    "kokoro",
    stage="tts",
    label="Kokoro 82M",
    licence="Apache-2.0",
    capabilities={"streaming", "voices"},
    packages=("onnxruntime", "onnx", "misaki"),
)
class Kokoro(LocalBackend):
    model: str = Field("kokoro-int8", title=_("Model"), description=_("Catalogue id of a Kokoro model."))
    voice: str = Field("", title=_("Voice"), description=_("Empty: the assistant's own."))

    def load(self, place: Place) -> LocalTTSEngine:
        from engines.local.kokoro import KokoroTTS

        return KokoroTTS(model_dir(self.model), place.threads, place.cache_dir)


@backend(
    "piper",
    stage="tts",
    label="Piper",
    # The package; each voice has its own.
    licence="GPL-3.0-or-later",
    capabilities={"streaming", "voices"},
    packages=("piper",),
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

    def problems(self) -> list[str]:
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
