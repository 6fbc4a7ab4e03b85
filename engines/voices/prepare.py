"""Make a voice ready: check its recordings, clone it, let it speak, judge what came out.

::

    prepare(VoiceProfile.objects.get(slug="anna_su"), say=print)     # VoiceError says what is in the way

Loads the engine into this process and takes its time: ``manage.py prepare_voice`` runs it in a process of
its own, which gives the memory back. Recognition is asked of the engine server of this machine.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from django.conf import settings
from django.core.files.base import ContentFile
from django.utils import timezone
from django.utils.translation import gettext as _
from openai import OpenAI

from aiker.audio import g711
from aiker.audio.wav import wav_bytes
from engines.adapters.stt_adapter import STTAdapter
from engines.catalog import get_model
from engines.errors import EngineError
from engines.local.base import STT_SAMPLE_RATE, TTS_SAMPLE_RATE, BadRequestError, Samples
from engines.profiles import default_plan, engine_problems
from engines.registry import Backend, LocalBackend, Place, RemoteBackend
from engines.routing import Breakers, Routes
from engines.server.launch import threads
from engines.voices.identity import identity_obstacles, is_not_the_person
from engines.voices.models import VoiceProfile, VoiceState
from engines.voices.own_engine import own_tts
from engines.voices.publishing import consent_obstacles
from engines.voices.recordings import Heard, SpeakerJudge, examine
from engines.voices.scorecard import SENTENCES, Measured, error_rate, judge

Say = Callable[[str], None]
Pcm = np.ndarray[Any, np.dtype[np.int16]]


class VoiceError(Exception):
    """The voice cannot be made ready; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence as the engine spoke it: int16 at 24 kHz, and the ms until its first piece."""

    text: str
    pcm: Pcm
    first_audio_ms: int


def prepare(voice: VoiceProfile, say: Say) -> None:
    """Bring ``voice`` to READY with its preview and scorecard, or to FAILED with its error."""
    voice.state, voice.error = VoiceState.PREPARING, ""
    voice.save(update_fields=["state", "error"])
    try:
        _prepare(voice, say)
    except Exception as exc:
        # Whatever a model library raises, the operator must see why the voice is not ready.
        known = isinstance(exc, VoiceError | EngineError | BadRequestError)
        voice.state, voice.error = VoiceState.FAILED, str(exc) if known else f"{type(exc).__name__}: {exc}"
        voice.save(update_fields=["state", "error"])
        raise


def _prepare(voice: VoiceProfile, say: Say) -> None:
    source = voice.source
    if found := consent_obstacles(voice):
        raise VoiceError("\n".join(found))
    if is_not_the_person(voice):
        for line in identity_obstacles(voice):
            say(line)
    missing = SpeakerJudge.missing()
    judge_of_speakers = None if missing else SpeakerJudge()
    if missing:
        say(_("Likeness is not measured; it needs: %(command)s") % {"command": missing})
    recordings = checked_recordings(voice, judge_of_speakers, say)
    backend = _backend(voice)
    say(_("Loading %(engine)s ...") % {"engine": voice.engine or backend.spec.label})
    speak = _speaker(voice, backend, recordings, source)
    said = [_spoken(speak, sentence) for sentence in SENTENCES]
    measured = asyncio.run(_measure(said, recordings, judge_of_speakers))
    card = judge(measured)
    for figure in card:
        say(f"{'✓' if figure.ok else '✗'} {figure}")
    sound = np.concatenate([spoken.pcm for spoken in said])
    voice.preview.delete(save=False)
    voice.preview.save("preview.wav", ContentFile(wav_bytes(TTS_SAMPLE_RATE, sound)), save=False)
    voice.scorecard = {"figures": [figure.as_dict() for figure in card], **_licence(backend)}
    voice.state, voice.prepared, voice.prepared_at = VoiceState.READY, source, timezone.now()
    voice.save()


def checked_recordings(voice: VoiceProfile, speakers: SpeakerJudge | None, say: Say) -> list[Samples]:
    """Check every recording and store what was found; VoiceError when one cannot be cloned from."""
    heard = [examine(sample) for sample in voice.samples.all()]
    readable = [h.samples for h in heard if h.samples is not None]
    if speakers and readable:
        one = speakers.one_speaker(readable)
        heard = [Heard(h.sample, h.samples, [*h.verdict, one]) for h in heard]
    for h in heard:
        h.sample.verdict = [figure.as_dict() for figure in h.verdict]
        h.sample.save(update_fields=["verdict"])
    bad = [f"{h.sample}: {figure}" for h in heard for figure in h.verdict if not figure.ok]
    for line in bad:
        say(f"✗ {line}")
    if bad and voice.clones:
        raise VoiceError(_("The recordings are not good enough to clone from:") + "\n" + "\n".join(bad))
    if voice.clones and not readable:
        raise VoiceError(_("There is no recording to clone."))
    return readable


def _backend(voice: VoiceProfile) -> Backend:
    if voice.engine is None:
        return own_tts()
    if found := engine_problems(voice.engine):
        raise VoiceError("; ".join(found))
    return voice.engine.build()


def _speaker(
    voice: VoiceProfile, backend: Backend, recordings: list[Samples], source: str
) -> Callable[[str], Iterator[bytes]]:
    """Return what speaks a text as s16le at 24 kHz in this voice; cloning happens here."""
    named = voice.names.filter(engine=voice.engine).first()
    if isinstance(backend, RemoteBackend):
        return functools.partial(
            _speak_remotely, backend, named.voice if named else getattr(backend, "voice", "")
        )
    assert isinstance(backend, LocalBackend)
    engine = backend.load(Place(threads(), settings.AIKER.data_dir / "cache"))
    if not voice.clones:
        name = named.voice if named else None
        return lambda text: engine.pieces(text, name)
    version = voice.engine_voice(source)
    engine.store.save(version, engine.clone(recordings), engine.fingerprint)
    keep = {version, voice.engine_voice(voice.published)}
    engine.store.remove_others(f"{voice.slug}-", keep)
    engine.warm()
    return lambda text: engine.pieces(text, version)


def _speak_remotely(backend: RemoteBackend, voice: str, text: str) -> Iterator[bytes]:
    client = OpenAI(base_url=backend.base_url, api_key=backend.api_key.get_secret_value(), max_retries=0)
    with client.audio.speech.with_streaming_response.create(
        input=text, model=backend.model, voice=voice, response_format="pcm"
    ) as response:
        yield from response.iter_bytes(4800)


def _spoken(speak: Callable[[str], Iterator[bytes]], text: str) -> Spoken:
    began = time.perf_counter()
    first_ms = 0
    chunks = []
    for chunk in speak(text):
        first_ms = first_ms or round((time.perf_counter() - began) * 1000)
        chunks.append(chunk)
    pcm = np.frombuffer(b"".join(chunks), "<i2")
    if not pcm.size:
        raise VoiceError(_("The engine said nothing for: %(text)s") % {"text": text})
    return Spoken(text, pcm, first_ms)


async def _measure(said: list[Spoken], recordings: list[Samples], speakers: SpeakerJudge | None) -> Measured:
    stt = STTAdapter(Routes("stt", default_plan().stt, Breakers()), "zh")
    wide, telephone = [], []
    for spoken in said:
        heard = await stt.transcribe_wav(wav_bytes(TTS_SAMPLE_RATE, spoken.pcm), lambda _served: None)
        wide.append(error_rate(spoken.text, heard))
        heard = await stt.transcribe(g711.encode(_at(g711.RATE, spoken.pcm)), lambda _served: None)
        telephone.append(error_rate(spoken.text, heard))
    sound = _at(STT_SAMPLE_RATE, np.concatenate([spoken.pcm for spoken in said]))
    speech = sound.astype(np.float32) / np.float32(32768)
    return Measured(
        similarity=speakers.likeness(recordings, speech) if speakers and recordings else None,
        error_rate=float(np.mean(wide)),
        telephone_error_rate=float(np.mean(telephone)),
        first_audio_ms=round(float(np.median([s.first_audio_ms for s in said]))),
    )


def _at(rate_hz: int, pcm: Pcm) -> Pcm:
    resampled: Pcm = soxr.resample(pcm, TTS_SAMPLE_RATE, rate_hz)
    return resampled


def _licence(backend: Backend) -> dict[str, Any]:
    if not isinstance(backend, LocalBackend):
        return {"licence": backend.spec.licence, "commercial": backend.spec.commercial}
    model = get_model(backend.model)
    return {"licence": model.licence, "commercial": model.commercial}
