"""XTTS-v2 through coqui-tts: speech in a voice that was cloned from recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from engines.local.base import STT_SAMPLE_RATE, BadRequestError, Samples, check_speed
from engines.local.speech_pieces import pause_ms, read_pieces
from engines.local.stitching import SPEECH_RMS, dressed, to_pcm
from engines.local.text_normalization import spoken
from engines.voices.latents import Latents, LatentsStore, fingerprint

# Tokens of 43 ms between two pieces of audio. On an H100 the first is heard after 0.22 s and none comes late;
# with 12 after 0.28 s (docs/performance.md).
CHUNK_TOKENS = 8
# What the model conditions on; more of a recording than this changes nothing.
REFERENCE_RATE = 22_050
LONGEST_REFERENCE_S = 30
CONDITIONING_S = 30
CONDITIONING_CHUNK_S = 6


class XTTSEngine:
    """An XTTS-v2 model directory: ``config.json``, ``model.pth``, ``vocab.json`` and, if there are
    preset speakers, ``speakers_xtts.pth``.

    ::

        tts = XTTSEngine(models / "xtts-v2", threads=4, store=LatentsStore(folder), device="cuda")
        tts.store.save("anna-1f0c", tts.clone([recording]), tts.fingerprint)
        for pcm in tts.pieces("您好！", voice="anna-1f0c"):
            send(pcm)                            # s16le mono 24 kHz

    A voice is a preset speaker or the name under which latents of this model lie in ``store``.
    """

    def __init__(
        self, model_dir: Path, threads: int, store: LatentsStore, device: str = "cpu", language: str = "zh-cn"
    ) -> None:
        torch.set_num_threads(threads)
        config = XttsConfig()
        config.load_json(str(model_dir / "config.json"))
        if language not in config.languages:
            raise ValueError(f"this model speaks {', '.join(config.languages)}, not {language}")
        self._model = Xtts(config)
        self._model.load_checkpoint(config, checkpoint_dir=str(model_dir))
        self._model.to(device)
        self._config = config
        self._language = language
        self._presets = self._model.speaker_manager.speakers if self._model.speaker_manager else {}
        self.store = store
        self.fingerprint = fingerprint(model_dir)
        self._loaded: dict[str, Latents] = {}

    @property
    def voices(self) -> Sequence[str]:
        return [*self._presets, *self.store.names(self.fingerprint)]

    def warm(self) -> None:
        """Run the whole path once; there may be no voice yet, so a tone lends its latents."""
        tone = np.sin(np.arange(2 * STT_SAMPLE_RATE) * 0.05).astype(np.float32) * 0.1
        for _pcm in self._speak("您好。", self.clone([tone]), 1.0):
            pass

    def clone(self, recordings: Sequence[Samples]) -> Latents:
        """Return the conditioning of a voice from recordings of it (float32 mono, 16 kHz)."""
        if not recordings:
            raise BadRequestError("A voice is cloned from one recording or more.")
        audios = [_reference(samples) for samples in recordings]
        speaker = torch.stack([self._model.get_speaker_embedding(a, REFERENCE_RATE) for a in audios])
        conditioning = self._model.get_gpt_cond_latents(
            torch.cat(audios, dim=-1), REFERENCE_RATE, CONDITIONING_S, CONDITIONING_CHUNK_S
        )
        return Latents(conditioning.cpu().numpy(), speaker.mean(dim=0).cpu().numpy())

    def pieces(self, text: str, voice: str | None = None, speed: float = 1.0) -> Iterator[bytes]:
        """Yield s16le PCM as it is made. Raises BadRequestError before the first."""
        check_speed(speed)
        return self._speak(text, self._latents(voice), speed)

    def _speak(self, text: str, latents: Latents, speed: float) -> Iterator[bytes]:
        for piece in read_pieces(text, spoken):
            for samples in dressed(self._chunks(piece, latents, speed), SPEECH_RMS, pause_ms(piece) / speed):
                yield to_pcm(samples)

    def _chunks(self, text: str, latents: Latents, speed: float) -> Iterator[Samples]:
        # Closed when the listener leaves: the model then stops at its next token.
        stream: Iterator[Any] = self._model.inference_stream(
            text,
            self._language,
            torch.from_numpy(latents.conditioning),
            torch.from_numpy(latents.speaker),
            stream_chunk_size=CHUNK_TOKENS,
            temperature=self._config.temperature,
            length_penalty=self._config.length_penalty,
            repetition_penalty=self._config.repetition_penalty,
            top_k=self._config.top_k,
            top_p=self._config.top_p,
            speed=speed,
        )
        for chunk in stream:
            yield chunk.float().cpu().numpy()

    def _latents(self, voice: str | None) -> Latents:
        if voice in self._presets:
            preset = self._presets[voice]
            return Latents(preset["gpt_cond_latent"].cpu().numpy(), preset["speaker_embedding"].cpu().numpy())
        if voice and voice not in self._loaded and (found := self.store.load(voice, self.fingerprint)):
            self._loaded[voice] = found
        if voice not in self._loaded:
            known = ", ".join(self.voices) or "none yet"
            raise BadRequestError(f"Unknown voice {voice!r}. Voices of this model: {known}.", "voice")
        return self._loaded[voice]


def _reference(samples: Samples) -> Any:
    audio = soxr.resample(samples[: LONGEST_REFERENCE_S * STT_SAMPLE_RATE], STT_SAMPLE_RATE, REFERENCE_RATE)
    return torch.from_numpy(np.ascontiguousarray(audio, dtype=np.float32))[None]
