"""Kokoro 82M on onnxruntime: Mandarin speech at 24 kHz, sent while it is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from engines.local.base import BadRequestError, check_speed
from engines.local.kokoro_model import KokoroModel, VoiceData
from engines.local.mandarin_g2p import MandarinG2P
from engines.local.speech_pieces import pause_ms, read_pieces
from engines.local.stitching import dressed, to_pcm
from engines.local.text_normalization import spoken

# Ordinary speech with every initial and tone, from which a voice's statistics are taken.
SAMPLE = "您好，欢迎来电。我们周一到周五早上九点开门，晚上六点下班，价格和地址都可以问我，请您慢慢说。"


class KokoroTTS:
    """A Kokoro model directory: ``model.onnx`` and ``voices/<name>.bin``.

    ::

        tts = KokoroTTS(models / "kokoro-int8", threads=2, cache_dir=data_dir / "cache")
        for pcm in tts.pieces("您好，这里是OneSuite。", voice="zf_xiaobei"):
            send(pcm)           # s16le mono 24 kHz, ends with the pause its punctuation asks for

    ``default_voice`` speaks when a request names none.
    """

    def __init__(
        self, model_dir: Path, threads: int, cache_dir: Path, default_voice: str = "zf_xiaobei"
    ) -> None:
        self._model = KokoroModel(model_dir / "model.onnx", threads, cache_dir)
        self._g2p = MandarinG2P(cache_dir)
        self._files = {path.stem: path for path in sorted((model_dir / "voices").glob("*.bin"))}
        self._voices: dict[str, VoiceData] = {}
        self._default_voice = default_voice

    @property
    def voices(self) -> Sequence[str]:
        """Names of the voices on disk; those for Mandarin start with ``z``."""
        return list(self._files)

    def warm(self) -> None:
        for _ in self.pieces("您好，系统正在预热。"):
            pass

    def pieces(self, text: str, voice: str | None = None, speed: float = 1.0) -> Iterator[bytes]:
        """Yield s16le PCM of 0.3 to 1.2 s, made when asked for. Raises BadRequestError before the first."""
        voice = voice or self._default_voice
        if voice not in self._files:
            mandarin = ", ".join(name for name in self._files if name.startswith("z"))
            raise BadRequestError(f"Unknown voice {voice!r}. Mandarin voices: {mandarin}.", "voice")
        return self._make(read_pieces(text, spoken), voice, check_speed(speed))

    def _make(self, pieces: Iterator[str], name: str, speed: float) -> Iterator[bytes]:
        voice = self._voice(name)
        for piece in pieces:
            stretches = self._model.speak(self._g2p(piece), voice, speed)
            for samples in dressed(stretches, voice.level, pause_ms(piece) / speed):
                yield to_pcm(samples)

    def _voice(self, name: str) -> VoiceData:
        if name not in self._voices:
            self._voices[name] = self._model.voice(self._files[name], self._g2p(SAMPLE))
        return self._voices[name]
