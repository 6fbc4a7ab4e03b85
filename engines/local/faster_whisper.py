"""Whisper on CTranslate2, fast on the short utterances of a phone call.

Whisper always encodes 30 s, and on a CPU that is most of its cost. Here the window is cut to the
utterance's length, which takes a 3 s question from 1.2 s to about 0.4 s on two cores.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import opencc
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_compression_ratio, get_suppressed_tokens

from engines.local.base import STT_SAMPLE_RATE, BadRequestError, Samples, Transcript

WINDOWS_S = (6, 8, 12, 20, 30)
# With less silence behind the speech the decoder says the sentence again.
WINDOW_MARGIN_S = 3.0
FRAMES_PER_S = 100
SILENCE_RMS = 10 ** (-60 / 20)
NO_SPEECH_PROB = 0.6
LOW_LOGPROB = -1.0
HOPELESS_LOGPROB = -1.6
MAX_COMPRESSION_RATIO = 2.4
# Fast Mandarin has about 7 syllables a second; a loop has no end.
TOKENS_PER_S = 14
SIMPLIFIED_PROMPT = "以下是普通话的电话录音，使用简体中文。"
# What Whisper learned from subtitles and says into silence. Compared without punctuation, whole text only.
HALLUCINATIONS = re.compile(
    r"(字幕(由|by|制作|志愿者|提供).*|.*字幕组.*|.*(点赞|点個赞).*(订阅|转发|打赏).*|(谢谢|感谢)(大家)?(的)?(观看|收看|收听).*"
    r"|请不吝.*|优优独播剧场.*|中文字幕.*|.*amara\.?org.*|thank(s| you) (for|so much for) watching.*"
    r"|以下是普通话.*|.*使用简体中文|(字幕|音乐|掌声|笑声)+|[a-z])",
    re.IGNORECASE,
)
_PUNCTUATION = re.compile(r"[\s，。！？、,.!?…~\-—()（）【】\[\]“”\"'♪]+")


class FasterWhisperSTT:
    """A CTranslate2 Whisper model.

    ::

        stt = FasterWhisperSTT(models / "whisper-base", threads=2)
        stt.transcribe(samples).text      # "请问你们几点开门?"

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
        self._language = language
        self._simplify = opencc.OpenCC("t2s").convert

    def warm(self) -> None:
        noise = np.random.default_rng(0).standard_normal(STT_SAMPLE_RATE).astype(np.float32) * 0.01
        self.transcribe(noise)

    def transcribe(self, samples: Samples, language: str | None = None, prompt: str = "") -> Transcript:
        """Return the text of ``samples`` (float32, 16 kHz), or "" with a reason when it is not speech."""
        language = language or self._language
        if language not in self._model.supported_languages:
            raise BadRequestError(
                f"Unknown language {language!r}; use a code such as 'zh' or 'en'.", "language"
            )
        duration_s = len(samples) / STT_SAMPLE_RATE
        if not samples.size or float(np.sqrt(np.mean(samples**2))) < SILENCE_RMS:
            return Transcript("", language, duration_s, rejected="silence")
        tokenizer = Tokenizer(
            self._model.hf_tokenizer, self._model.model.is_multilingual, "transcribe", language
        )
        if language == "zh":
            prompt = f"{SIMPLIFIED_PROMPT}{prompt}"
        if duration_s + WINDOW_MARGIN_S > WINDOWS_S[-1]:
            heard = self._long(samples, language, prompt)
        else:
            heard = self._short(samples, tokenizer, prompt)
        return self._judge(heard)

    def _short(self, samples: Samples, tokenizer: Tokenizer, prompt: str) -> Transcript:
        duration_s = len(samples) / STT_SAMPLE_RATE
        window_s = next(w for w in WINDOWS_S if w >= duration_s + WINDOW_MARGIN_S)
        padded = np.pad(samples, (0, window_s * STT_SAMPLE_RATE - len(samples)))
        features = self._model.feature_extractor(padded)[:, : window_s * FRAMES_PER_S]
        encoded = self._model.encode(features)
        tokens = self._model.get_prompt(
            tokenizer, tokenizer.encode(" " + prompt) if prompt else [], without_timestamps=True
        )
        result = self._model.model.generate(
            encoded,
            [tokens],
            beam_size=1,
            max_length=min(len(tokens) + 16 + round(TOKENS_PER_S * duration_s), self._model.max_length),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
        )[0]
        said = result.sequences_ids[0]
        text = tokenizer.decode(said).strip()
        return Transcript(
            text=text,
            language=tokenizer.language_code,
            duration_s=duration_s,
            avg_logprob=result.scores[0] * len(said) / (len(said) + 1),
            no_speech_prob=result.no_speech_prob,
            compression_ratio=get_compression_ratio(text) if text else 0.0,
        )

    def _long(self, samples: Samples, language: str, prompt: str) -> Transcript:
        segments, info = self._model.transcribe(
            samples, language=language, initial_prompt=prompt or None, beam_size=1, vad_filter=True
        )
        kept = [
            s for s in segments if not (s.no_speech_prob > NO_SPEECH_PROB and s.avg_logprob < LOW_LOGPROB)
        ]
        if not kept:
            return Transcript("", language, info.duration, no_speech_prob=1.0)
        return Transcript(
            text="".join(s.text for s in kept).strip(),
            language=language,
            duration_s=info.duration,
            avg_logprob=sum(s.avg_logprob for s in kept) / len(kept),
            no_speech_prob=min(s.no_speech_prob for s in kept),
            compression_ratio=max(s.compression_ratio for s in kept),
        )

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


def rejection(text: str, heard: Transcript) -> str:
    """Say why ``text`` is not what a caller said, or return ""."""
    bare = _PUNCTUATION.sub("", text)
    if not bare:
        return "no_speech"
    if HALLUCINATIONS.fullmatch(bare):
        return "hallucination"
    if _loops(bare) or get_compression_ratio(text) > MAX_COMPRESSION_RATIO:
        return "repetition"
    if heard.no_speech_prob > NO_SPEECH_PROB and heard.avg_logprob < LOW_LOGPROB:
        return "no_speech"
    if heard.avg_logprob < HOPELESS_LOGPROB:
        return "unlikely"
    return ""


def said_once(text: str) -> str:
    """Return the sentence that ``text`` repeats to its end, as a decoder in a loop does, else ``text``."""
    match = re.fullmatch(r"(.{6,}?)\1+(.*)", text, re.DOTALL)
    return match[1] if match and match[1].startswith(match[2]) else text


def _loops(bare: str) -> bool:
    """A phrase said five times in a row, which is shorter than what zlib's ratio notices."""
    return re.search(r"(.{2,10}?)\1{4,}", bare) is not None
