"""Whisper on CTranslate2, fast on the short utterances of a phone call.

Whisper always encodes 30 s, and on a CPU that is most of its cost. Here the window is cut to the
utterance's length, which takes a 3 s question from 1.2 s to about 0.4 s on two cores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import opencc
from ctranslate2.models import WhisperGenerationResult
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import Segment as WhisperSegment
from faster_whisper.transcribe import get_compression_ratio, get_suppressed_tokens

from engines.local.base import (
    STT_SAMPLE_RATE,
    BadRequestError,
    Samples,
    Segment,
    Transcript,
    Utterance,
    Word,
)

WINDOWS_S = (6, 8, 12, 20, 30)
# With less silence behind the speech the decoder says the sentence again.
WINDOW_MARGIN_S = 3.0
FRAMES_PER_S = 100
# A processor is busy with one utterance: together, the first would only wait for the others.
MOST_TOGETHER_ON_GPU = 8
SILENCE_RMS = 10 ** (-60 / 20)
NO_SPEECH_PROB = 0.6
LOW_LOGPROB = -1.0
HOPELESS_LOGPROB = -1.6
MAX_COMPRESSION_RATIO = 2.4
# Fast Mandarin has about 7 syllables a second; a loop has no end.
TOKENS_PER_S = 14
MAX_LENGTH = 448  # of Whisper's decoder
MOST_PROMPT_TOKENS = MAX_LENGTH // 2 - 1
SIMPLIFIED_PROMPT = "以下是普通话的电话录音，使用简体中文。"
# What Whisper learned from subtitles and says into silence. Compared without punctuation, whole text only.
HALLUCINATIONS = re.compile(
    r"(字幕(由|by|制作|志愿者|提供).*|.*字幕组.*|.*(点赞|点個赞).*(订阅|转发|打赏).*|(谢谢|感谢)(大家)?(的)?(观看|收看|收听).*"
    r"|请不吝.*|优优独播剧场.*|中文字幕.*|.*amara\.?org.*|thank(s| you) (for|so much for) watching.*"
    r"|以下是普通话.*|.*使用简体中文|(字幕|音乐|掌声|笑声)+|[a-z])",
    re.IGNORECASE,
)
# What is dictated, with repetitions of its own: 13888888888. Nobody says more digits, or says them faster.
DIGITS = re.compile(r"[0-9零〇一二三四五六七八九幺]{4,}")
DIGITS_AT_END = re.compile(rf"{DIGITS.pattern}$")
MOST_DIGITS, DIGITS_A_SECOND = 22, 8.0
# 13 of one digit, or two to four that are not all one, five times.
_LOOP_OF_DIGITS = re.compile(r"(.)\1{12,}|((.)(?!\3)..?.?)\2{4,}")
ARABIC = str.maketrans("零〇一二三四五六七八九幺", "001234567891")
# Digits in words do not send the decoder into a loop. The second has numbers that repeat theirs.
DIGIT_PROMPTS = ("一二三四五六七八九零。", "嗯，幺三八，一三九，五五五，零零零零，六六六六，八八八八。")
_PUNCTUATION = re.compile(r"[\s，。！？、,.!?…~\-—()（）【】\[\]“”\"'♪]+")


class _Short(NamedTuple):
    """An utterance that fits a window, ready for the decoder."""

    samples: Samples
    window_s: int
    tokenizer: Tokenizer
    tokens: list[int]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / STT_SAMPLE_RATE

    @property
    def max_length(self) -> int:
        """What can be said in this time, with the prompt; a decoder that says more has lost itself."""
        return min(len(self.tokens) + 16 + round(TOKENS_PER_S * self.duration_s), MAX_LENGTH)

    @property
    def most_tokens(self) -> int:
        """The tokens that CTranslate2 writes for this ``max_length`` at most."""
        return min(self.max_length // 2, self.max_length - len(self.tokens))


class FasterWhisperSTT:
    """A CTranslate2 Whisper model.

    ::

        stt = FasterWhisperSTT(models / "whisper-base", threads=2)
        stt.transcribe(samples).text      # "请问你们几点开门?"
        stt.transcribe_many([Utterance(a), Utterance(b, "en")])     # one pass where the windows are equal

    ``device`` is cpu or cuda, ``compute_type`` one of CTranslate2's, ``language`` Whisper's code of the
    default language.
    """

    def __init__(
        self,
        model_dir: Path,
        threads: int,
        device: str = "cpu",
        compute_type: str = "int8",
        language: str = "zh",
    ) -> None:
        self._model = WhisperModel(
            str(model_dir), device=device, compute_type=compute_type, cpu_threads=threads
        )
        if (mels := self._model.model.n_mels) != len(self._model.feature_extractor.mel_filters):
            # The folder has no preprocessor_config.json, and the model is not of the usual 80.
            self._model.feature_extractor = FeatureExtractor(feature_size=mels)
        self._language = language
        self.most_together = MOST_TOGETHER_ON_GPU if device == "cuda" else 1
        self._simplify = opencc.OpenCC("t2s").convert

    def warm(self) -> None:
        noise = np.random.default_rng(0).standard_normal(STT_SAMPLE_RATE).astype(np.float32) * 0.01
        self.transcribe(noise)

    def transcribe(self, samples: Samples, language: str | None = None, prompt: str = "") -> Transcript:
        """Return the text of ``samples`` (float32, 16 kHz), or "" with a reason when it is not speech."""
        return self.transcribe_many([Utterance(samples, language, prompt)])[0]

    def transcribe_many(self, utterances: Sequence[Utterance]) -> list[Transcript]:
        """Return the transcript of each utterance, in order; the texts are those of one by one.

        Those with the same window and a prompt of the same length go through the model together, which on a
        GPU costs little more than one. An unknown language raises before anything is heard (``check``).
        """
        for utterance in utterances:
            self.check(utterance.language)
        heard: dict[int, Transcript] = {}
        groups: dict[tuple[int, int], dict[int, _Short]] = {}
        for index, utterance in enumerate(utterances):
            samples, language = utterance.samples, utterance.language or self._language
            prompt = f"{SIMPLIFIED_PROMPT if language == 'zh' else ''}{utterance.prompt}"
            duration_s = len(samples) / STT_SAMPLE_RATE
            if _is_silent(samples):
                heard[index] = Transcript("", language, duration_s, rejected="silence")
            elif duration_s + WINDOW_MARGIN_S > WINDOWS_S[-1]:
                heard[index] = self._judge(self._long(samples, language, prompt)[0])
            else:
                short = self._prepare(samples, language, prompt)
                groups.setdefault((short.window_s, len(short.tokens)), {})[index] = short
        for group in groups.values():
            transcripts = self._short(list(group.values()))
            heard |= {
                index: self._digits_again(short, self._judge(transcript), transcript.text)
                for (index, short), transcript in zip(group.items(), transcripts, strict=True)
            }
        return [heard[index] for index in range(len(utterances))]

    def transcribe_timed(
        self, utterance: Utterance, *, words: bool = False, temperature: float = 0.0, translate: bool = False
    ) -> Transcript:
        """Return a transcript with the times of its segments and, with ``words``, of their words.

        At ``temperature`` 0 a stretch that the decoder is lost in is tried again at higher ones.
        """
        self.check(utterance.language)
        samples, language = utterance.samples, utterance.language or self._language
        written = "en" if translate else language
        if _is_silent(samples):
            return Transcript("", written, len(samples) / STT_SAMPLE_RATE, rejected="silence")
        prompt = f"{SIMPLIFIED_PROMPT if written == 'zh' else ''}{utterance.prompt}"
        more: dict[str, Any] = {"temperature": temperature} if temperature else {}
        more |= {"word_timestamps": words, "task": "translate" if translate else "transcribe"}
        heard, segments = self._long(samples, language, prompt, **more)
        judged = self._judge(replace(heard, language=written))
        kept = [self._segment(segment, written) for segment in segments]
        return judged if judged.rejected else replace(judged, segments=kept)

    def _segment(self, segment: WhisperSegment, language: str) -> Segment:
        write = self._simplify if language == "zh" else str
        return Segment(
            text=write(segment.text),
            start_s=segment.start,
            end_s=segment.end,
            tokens=segment.tokens,
            temperature=segment.temperature or 0.0,
            avg_logprob=segment.avg_logprob,
            no_speech_prob=segment.no_speech_prob,
            compression_ratio=segment.compression_ratio,
            words=[Word(write(word.word), word.start, word.end) for word in segment.words or ()],
        )

    def _digits_again(self, short: _Short, judged: Transcript, text: str) -> Transcript:
        """Return what is heard when the decoder, in a loop over digits, expects them in words instead."""
        if judged.rejected != "repetition" or not DIGITS.search(_PUNCTUATION.sub("", text)):
            return judged
        for prompt in DIGIT_PROMPTS:
            again = self._prepare(short.samples, judged.language, prompt)
            if not (found := self._judge(self._short([again])[0])).rejected:
                return replace(found, text=DIGITS.sub(lambda run: run[0].translate(ARABIC), found.text))
        return judged

    def check(self, language: str | None) -> None:
        """Raise BadRequestError for a language this model does not know."""
        if (language or self._language) not in self._model.supported_languages:
            raise BadRequestError(
                f"Unknown language {language!r}; use a code such as 'zh' or 'en'.", "language"
            )

    def _prepare(self, samples: Samples, language: str, prompt: str) -> _Short:
        tokenizer = Tokenizer(
            self._model.hf_tokenizer, self._model.model.is_multilingual, "transcribe", language
        )
        # Of a prompt that is too long the model would get the end; what matters stands at its beginning.
        previous = tokenizer.encode(" " + prompt)[:MOST_PROMPT_TOKENS] if prompt else []
        tokens = self._model.get_prompt(tokenizer, previous, without_timestamps=True)
        wanted_s = len(samples) / STT_SAMPLE_RATE + WINDOW_MARGIN_S
        return _Short(samples, next(w for w in WINDOWS_S if w >= wanted_s), tokenizer, tokens)

    def _short(self, group: Sequence[_Short]) -> list[Transcript]:
        """Decode utterances of one window and one length of prompt together."""
        encoded = self._model.encode(np.stack([self._features(short) for short in group]))
        first = group[0]
        results = self._model.model.generate(
            encoded,
            [short.tokens for short in group],
            beam_size=1,
            max_length=max(short.max_length for short in group),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(first.tokenizer, [-1]),
        )
        return [_transcript(short, result) for short, result in zip(group, results, strict=True)]

    def _features(self, short: _Short) -> Samples:
        """Return the log-mel spectrogram of the whole window, shape [mels, frames]."""
        padded = np.pad(short.samples, (0, short.window_s * STT_SAMPLE_RATE - len(short.samples)))
        features: Samples = self._model.feature_extractor(padded)[:, : short.window_s * FRAMES_PER_S]
        return features

    def _long(
        self, samples: Samples, language: str, prompt: str, **more: Any
    ) -> tuple[Transcript, list[WhisperSegment]]:
        """Return what is heard by way of segments; what is hardly speech is none of them."""
        segments, info = self._model.transcribe(
            samples, language=language, initial_prompt=prompt or None, beam_size=1, vad_filter=True, **more
        )
        kept = [
            s for s in segments if not (s.no_speech_prob > NO_SPEECH_PROB and s.avg_logprob < LOW_LOGPROB)
        ]
        if not kept:
            return Transcript("", language, info.duration, no_speech_prob=1.0), []
        transcript = Transcript(
            text="".join(s.text for s in kept).strip(),
            language=language,
            duration_s=info.duration,
            avg_logprob=sum(s.avg_logprob for s in kept) / len(kept),
            no_speech_prob=min(s.no_speech_prob for s in kept),
            compression_ratio=max(s.compression_ratio for s in kept),
        )
        return transcript, kept

    def _judge(self, heard: Transcript) -> Transcript:
        text = said_once(heard.text)
        if heard.language == "zh":
            text = self._simplify(text)
        return Transcript(
            text="" if (reason := rejection(text, heard)) else text,
            language=heard.language,
            duration_s=heard.duration_s,
            avg_logprob=heard.avg_logprob,
            no_speech_prob=heard.no_speech_prob,
            compression_ratio=heard.compression_ratio,
            rejected=reason,
        )


def _is_silent(samples: Samples) -> bool:
    return not samples.size or float(np.sqrt(np.mean(samples**2))) < SILENCE_RMS


def _transcript(short: _Short, result: WhisperGenerationResult) -> Transcript:
    # In a batch the decoder goes on for as long as the longest utterance may.
    said = result.sequences_ids[0]
    text = short.tokenizer.decode(said[: short.most_tokens]).strip()
    return Transcript(
        text=text,
        language=short.tokenizer.language_code,
        duration_s=short.duration_s,
        avg_logprob=result.scores[0] * len(said) / (len(said) + 1),
        no_speech_prob=result.no_speech_prob,
        compression_ratio=get_compression_ratio(text) if text else 0.0,
    )


def rejection(text: str, heard: Transcript) -> str:
    """Say why ``text`` is not what a caller said, or return ""."""
    bare = _PUNCTUATION.sub("", text)
    if not bare:
        return "no_speech"
    if HALLUCINATIONS.fullmatch(bare):
        return "hallucination"
    if run := DIGITS_AT_END.search(bare):
        digits, before = run[0], bare[: run.start()]
        too_many = len(digits) > MOST_DIGITS or len(digits) > DIGITS_A_SECOND * heard.duration_s
        return "repetition" if too_many or _LOOP_OF_DIGITS.search(digits) or _loops(before) else ""
    if _loops(bare) or get_compression_ratio(text) > MAX_COMPRESSION_RATIO:
        return "repetition"
    if heard.no_speech_prob > NO_SPEECH_PROB and heard.avg_logprob < LOW_LOGPROB:
        return "no_speech"
    if heard.avg_logprob < HOPELESS_LOGPROB:
        return "unlikely"
    return ""


def said_once(text: str) -> str:
    """Return the sentence that ``text`` repeats to its end, as a decoder in a loop does, else ``text``."""
    if DIGITS_AT_END.search(_PUNCTUATION.sub("", text)):
        return text
    match = re.fullmatch(r"(.{6,}?)\1+(.*)", text, re.DOTALL)
    return match[1] if match and match[1].startswith(match[2]) else text


def _loops(bare: str) -> bool:
    """A phrase said five times in a row, which is shorter than what zlib's ratio notices."""
    return re.search(r"(.{2,10}?)\1{4,}", bare) is not None
