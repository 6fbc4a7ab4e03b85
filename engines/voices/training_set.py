"""The recordings of a voice as a training set: utterances with what is said in them, on disk.

::

    made = build(folder, voice, Cutting("zh-cn", longest_s=11.0, texts=None, unfit=base.unfit), say=print)
    made.train, made.held_out, made.seconds

``folder`` then holds ``wavs/`` at 22.05 kHz and two lists in the format of Coqui's ``coqui`` formatter. It is
built anew only when the recordings or the texts change, so that the lists can be corrected by hand.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soxr
from django.utils.translation import gettext as _

from aiker.audio.wav import wav_bytes
from engines.adapters.stt_adapter import STTAdapter
from engines.local.audio_input import decode_at_own_rate
from engines.local.base import Samples
from engines.local.text_normalization import spoken
from engines.profiles import default_plan
from engines.routing import Breakers, Routes
from engines.voices.models import VoiceProfile, VoiceSample
from engines.voices.prepare import Say, VoiceError
from engines.voices.utterances import SHORTEST_S, PairingError, Span, cut, cut_by_lines

SAMPLE_RATE = 22_050
TRAIN_LIST, EVAL_LIST = "metadata_train.csv", "metadata_eval.csv"
# One utterance in so many is held out: which checkpoint is best is judged on it.
HELD_OUT = 10
# Nobody is on the telephone: a slow model may take its time.
HEARING_TIMEOUT_S = 60.0
_SOURCE = "source.sha256"
_SEPARATORS = str.maketrans({"|": " ", '"': " ", "\n": " ", "\r": " "})


@dataclass(frozen=True, slots=True)
class Cutting:
    """How recordings are cut. ``texts`` holds ``<recording>.txt`` with one line an utterance; recordings
    without one are heard by the engine server. ``unfit(text, language)`` says why a text cannot be used."""

    language: str
    longest_s: float
    texts: Path | None
    unfit: Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What there is to train on; ``digest`` changes with every word and every sample of it."""

    train: int
    held_out: int
    seconds: float
    digest: str


@dataclass(frozen=True, slots=True)
class _Utterance:
    name: str
    clip: bytes
    seconds: float
    text: str


def build(folder: Path, voice: VoiceProfile, cutting: Cutting, say: Say) -> TrainingSet:
    """Return the training set in ``folder``, made from the recordings of ``voice`` unless it is there.

    Raises VoiceError naming the recording and its text; EngineError when the engine server does not hear.
    """
    texts = _texts(voice, cutting.texts)
    source = _source(voice, cutting, texts)
    if not (folder / _SOURCE).exists() or (folder / _SOURCE).read_text() != source:
        utterances = [
            u for sample in voice.samples.all() for u in _cut(sample, texts.get(sample.pk), cutting)
        ]
        utterances = asyncio.run(_heard(utterances, cutting.language))
        _write(folder, [u for u in utterances if _usable(u, cutting, say)])
        (folder / _SOURCE).write_text(source)
    return _found(folder, cutting)


def _texts(voice: VoiceProfile, folder: Path | None) -> dict[int, list[str]]:
    """Return the lines of each recording's text by the recording's key; every text must belong to one."""
    if folder is None:
        return {}
    files = {path.stem: path for path in sorted(folder.glob("*.txt"))}
    found: dict[int, list[str]] = {}
    for sample in voice.samples.all():
        # As it is stored (with twelve digits before it), else as it was uploaded.
        stored = Path(str(sample)).stem
        path = files.pop(stored, None) or files.pop(stored.partition("-")[2], None)
        if path:
            found[sample.pk] = _lines(path)
    if files or not found:
        names = ", ".join(Path(str(sample)).stem for sample in voice.samples.all())
        raise VoiceError(
            _("Texts in %(folder)s that belong to no recording: %(texts)s. The recordings: %(names)s.")
            % {"folder": folder, "texts": ", ".join(files) or "-", "names": names}
        )
    return found


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise VoiceError(_("%(file)s is not text in UTF-8.") % {"file": path}) from exc
    return [line.strip() for line in text.splitlines() if line.strip()]


def _source(voice: VoiceProfile, cutting: Cutting, texts: dict[int, list[str]]) -> str:
    digest = hashlib.sha256(f"{cutting.language} {cutting.longest_s}".encode())
    for sample in voice.samples.all():
        with sample.recording.open("rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
        digest.update(repr(texts.get(sample.pk)).encode())
    return digest.hexdigest()


def _cut(sample: VoiceSample, lines: list[str] | None, cutting: Cutting) -> list[_Utterance]:
    with sample.recording.open("rb") as file:
        samples, rate = decode_at_own_rate(file.read(), str(sample.recording))
    try:
        if lines is None:
            spans, lines = cut(samples, rate, cutting.longest_s), []
        else:
            spans = cut_by_lines(samples, rate, lines)
    except PairingError as exc:
        raise VoiceError(
            _(
                "The text of %(recording)s does not fit it: %(error)s. "
                "Write one line for each part between pauses."
            )
            % {"recording": sample, "error": exc}
        ) from exc
    said = lines or [""] * len(spans)
    return [
        _Utterance(f"{sample.pk}-{number:03}", _clip(span, samples, rate), span.length_s, text)
        for number, (span, text) in enumerate(zip(spans, said, strict=True))
    ]


def _clip(span: Span, samples: Samples, rate_hz: int) -> bytes:
    sound = soxr.resample(span.of(samples, rate_hz), rate_hz, SAMPLE_RATE)
    return wav_bytes(SAMPLE_RATE, (np.clip(sound, -1, 1) * 32767).astype(np.int16))


async def _heard(utterances: list[_Utterance], language: str) -> list[_Utterance]:
    """Return the utterances with their texts: those without one are asked of the engine server."""
    endpoints = tuple(replace(endpoint, timeout_s=HEARING_TIMEOUT_S) for endpoint in default_plan().stt)
    stt = STTAdapter(Routes("stt", endpoints, Breakers()), language.partition("-")[0])
    heard = []
    for u in utterances:
        text = u.text or await stt.transcribe_wav(u.clip, lambda _served: None)
        heard.append(_Utterance(u.name, u.clip, u.seconds, spoken(text).translate(_SEPARATORS).strip()))
    return heard


def _usable(utterance: _Utterance, cutting: Cutting, say: Say) -> bool:
    reason = ""
    if not utterance.text:
        reason = _("nothing was understood")
    elif not SHORTEST_S <= utterance.seconds <= cutting.longest_s:
        reason = _("%(length).1f s, the model learns from %(shortest).0f to %(longest).1f s") % {
            "length": utterance.seconds,
            "shortest": SHORTEST_S,
            "longest": cutting.longest_s,
        }
    else:
        reason = cutting.unfit(utterance.text, cutting.language)
    if reason:
        say(_("Left out: “%(text)s” (%(reason)s)") % {"text": utterance.text, "reason": reason})
    return not reason


def _write(folder: Path, utterances: list[_Utterance]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wavs").mkdir(parents=True)
    for utterance in utterances:
        (folder / "wavs" / f"{utterance.name}.wav").write_bytes(utterance.clip)
    held_out = utterances[HELD_OUT // 2 :: HELD_OUT] or utterances[-1:]
    for name, part in (
        (TRAIN_LIST, [u for u in utterances if u not in held_out]),
        (EVAL_LIST, held_out),
    ):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, delimiter="|", lineterminator="\n")
            rows.writerow(["audio_file", "text"])
            rows.writerows([f"wavs/{u.name}.wav", u.text] for u in part)


def _found(folder: Path, cutting: Cutting) -> TrainingSet:
    """Read the lists as they are now: somebody may have corrected them."""
    digest = hashlib.sha256((folder / _SOURCE).read_bytes())
    counts, length = [], 0
    for name in (TRAIN_LIST, EVAL_LIST):
        data = (folder / name).read_bytes()
        digest.update(data)
        rows = list(csv.DictReader(data.decode("utf-8").splitlines(), delimiter="|"))
        counts.append(len(rows))
        for number, row in enumerate(rows, start=2):
            text, wav = row.get("text") or "", folder / (row.get("audio_file") or "wavs/-")
            problem = cutting.unfit(text, cutting.language) if text else _("no text")
            if problem or not wav.is_file():
                raise VoiceError(
                    _("Line %(number)d of %(file)s: %(problem)s")
                    % {"number": number, "file": folder / name, "problem": problem or _("no such file")}
                )
            length += wav.stat().st_size
    return TrainingSet(counts[0], counts[1], length / (2 * SAMPLE_RATE), digest.hexdigest())
