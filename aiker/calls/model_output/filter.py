"""The filter of a language model's answer: tokens in, words that may be spoken out. Pure.

::

    output = OutputFilter(OutputSettings(), question="会员价多少", texts=("会员价99元一个月。",))
    for token in stream:
        say(output.feed(token))
        if output.ended: break
    say(output.finish())
    output.failure         # ("empty", "..."): there was nothing to say; None: it is an answer
    output.notes           # {"stopped": "repetition", "dropped": ["language"]}, for the record

Text is judged clause by clause and handed out when its clause is whole; of the first clause, as soon as the
voice could begin with it. So an ordinary answer is not delayed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiker.calls.clauses import ClauseSplitter
from aiker.calls.model_output import thinking
from aiker.calls.model_output.asides import Label, label
from aiker.calls.model_output.boundaries import SENTENCE_END, SIGNS, clause_end, may_go_on
from aiker.calls.model_output.characters import SAYABLE, visible
from aiker.calls.model_output.language import LanguageCheck
from aiker.calls.model_output.markup import NONE, plain
from aiker.calls.model_output.repetition import Repetition, loop_start
from aiker.calls.model_output.sections import SectionFilter
from aiker.calls.model_output.tables import Table

CHARACTERS_PER_SECOND = 4.5  # of Mandarin as the default voice speaks it

_FULL_STOPS = frozenset("。！？!?…")
_NO_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """How an assistant's answers are filtered; ``texts`` are its own sentences."""

    language: str = "zh"
    max_seconds: float = 30.0
    texts: tuple[str, ...] = ()

    @property
    def max_chars(self) -> float:
        """The longest answer, as ``spoken_length`` counts."""
        return self.max_seconds * CHARACTERS_PER_SECOND


class OutputFilter:
    """See the module. ``texts``: what the answer is made from; Latin words of it are known."""

    def __init__(self, settings: OutputSettings, question: str = "", texts: Iterable[str] = ()) -> None:
        self.ended = False
        self.text = ""  # all that was handed out
        self.closed_thought = False  # a thought was closed that was never opened
        self._sections = SectionFilter()
        self._languages = LanguageCheck(settings.language, question, (*settings.texts, *texts))
        self._repetition = Repetition()
        self._max_chars = settings.max_chars
        self._buffer = ""
        self._begun = ""  # of a clause whose start was handed out
        self._held: list[str] = []  # clauses that may turn out to be a thought
        self._holding = False
        self._skipping = False  # the caller's words, invented or repeated
        self._answering = False  # behind such words
        self._line_start = True
        self._sentence_start = True
        self._sentence_over = False  # what was handed out ends with a sentence
        self._table = Table()
        self._spoken_chars = 0.0
        self._dropped: dict[str, int] = {}  # why, and how many letters
        self._stopped = ""

    # -- the stream

    def feed(self, text: str) -> str:
        """Add what the model wrote and return what may be said of it."""
        return self._take(self._sections.feed(visible(text)), final=False)

    def finish(self) -> str:
        """Return what may be said of the rest: the model wrote all it will."""
        if self.ended:
            return ""
        out = self._take(self._sections.finish(), final=True)
        held, self._held, self._holding = self._held, [], False
        for clause in [*held, plain(self._table.row("").rstrip(), line_start=True)]:
            if not self.ended:
                out += self._say(clause)
        self.ended = True
        return out

    def _take(self, pieces: list[str | None], *, final: bool) -> str:
        out = ""
        for piece in pieces:
            if piece is None:
                self._forget_thought()
            elif not self.ended:
                self._buffer += piece
                out += self._clauses(final=False)
        if final or self._sections.ended:
            out += self._clauses(final=True)
        if self._sections.ended and not self.ended:
            self._stop("end_token")
        return out

    def expect_thought(self) -> None:
        """Keep back what comes: this model begins with thoughts, and only closes them."""
        self._holding = True

    @property
    def pending(self) -> bool:
        """Whether the model thinks, or wrote what may yet be said."""
        return self._sections.inside or self._holding or SAYABLE.search(self._buffer) is not None

    # -- what came of it

    @property
    def failure(self) -> tuple[str, str] | None:
        """Why this is no answer, as code and message of an EngineError; known when the stream is over."""
        foreign, kept = self._dropped.get("language", 0), _letters(self.text)
        if not kept and not foreign:
            return "empty", "the language model answered with nothing that can be said"
        if foreign and (foreign >= kept or not self._sentence_over):
            return "language", "the language model answered in another language"
        return None

    @property
    def notes(self) -> dict[str, Any]:
        """What was done to the answer, for the record of the turn; empty for most."""
        notes: dict[str, Any] = {"dropped": sorted(self._dropped)} if self._dropped else {}
        return notes | {"stopped": self._stopped} if self._stopped else notes

    # -- clauses

    def _clauses(self, *, final: bool) -> str:
        out, cut = "", NONE
        while not self.ended:
            cut = clause_end(self._buffer, line_start=self._line_start, final=final)
            if cut <= NONE:
                break
            clause, self._buffer = self._buffer[:cut], self._buffer[cut:]
            out += self._judge(clause)
        if self.ended or not self._buffer:
            return out
        if final:
            clause, self._buffer = self._buffer, ""
            return out + self._judge(clause)
        if not self._skipping and (at := loop_start(self._buffer)) is not None:
            out += self._judge(self._buffer[:at])
            self._stop("repetition")
        elif cut == NONE and not self.text:
            out += self._begin()
        return out

    def _begin(self) -> str:
        """Hand out the start of the first clause, once the voice can begin with it."""
        buffer = self._buffer
        if self._skipping or self._holding or may_go_on(buffer):
            return ""
        if thinking.possible(buffer) or label(buffer, answering=self._answering):
            return ""
        words = plain(buffer, line_start=self._line_start)
        if not SAYABLE.search(words) or not ClauseSplitter().feed(words) or not self._languages.speaks(words):
            return ""
        self._begun, self._buffer = words, ""
        self._line_start = self._sentence_start = False
        return self._out(words)

    def _judge(self, clause: str) -> str:
        """Return what is said of a whole clause, in its place in the answer."""
        line_start, sentence_start = self._line_start, self._sentence_start
        self._line_start = clause.endswith("\n")
        self._sentence_start = clause.rstrip(" \t")[-1:] in {*SENTENCE_END, "."}
        if sentence_start and (found := label(clause, answering=self._answering)):
            return self._change_speaker(*found)
        if self._skipping:
            self._skipping = not self._sentence_start
            return ""
        words = self._words(clause, line_start=line_start)
        if not words.strip():
            return ""
        if sentence_start and thinking.certain(words):
            self._holding = True
            self._drop("thought", words)
            return ""
        if self._holding or (sentence_start and not self.text and thinking.possible(words)):
            self._holding = True
            self._held.append(words)
            return ""
        return self._say(words)

    def _words(self, clause: str, *, line_start: bool) -> str:
        """Return a clause without its markup; the end of a line is the end of a sentence."""
        line = self._table.row(clause) if line_start else clause
        words = plain(line.rstrip("\n"), line_start=line_start)
        if line.endswith("\n"):
            words = words.rstrip()
            last = (self._begun + words)[-1:]
            if last and last not in SIGNS:
                words += "。"
        return words

    def _change_speaker(self, whose: Label, before: str) -> str:
        """A label of a speaker: at the start it is left out, behind words the answer ends."""
        self._sentence_start = True
        if not SAYABLE.search(self.text + "".join(self._held) + before):
            self._skipping = self._answering = whose is Label.OTHER
            return ""
        out = self._say(plain(before, line_start=False))
        self._stop("dialogue")
        return out

    def _say(self, words: str) -> str:
        begun, self._begun = self._begun, ""
        whole = begun + words
        if not SAYABLE.search(whole):
            return self._close(words)
        if thinking.certain(whole):
            self._drop("thought", words)
        elif not self._languages.speaks(whole):
            self._drop("language", words)
        elif self.text and not begun and self._spoken_chars + spoken_length(whole) > self._max_chars:
            self._stop("too_long")
        elif (at := loop_start(whole)) is not None:
            self._stop("repetition")
            return self._out(whole[len(begun) : at])
        elif self._repetition.again(whole) and not begun:
            self._stop("repetition")
        else:
            return self._out(words)
        return ""

    def _close(self, sign: str) -> str:
        """A sign of its own closes what was said; behind another one it is not heard."""
        if not self.text:
            return ""
        self._sentence_over = self._sentence_over or sign.strip()[-1:] in _FULL_STOPS
        return self._out(sign) if SAYABLE.search(self.text[-1]) else ""

    def _out(self, words: str) -> str:
        if not self.text or self.text[-1] in SIGNS:
            words = words.lstrip(" \t\n\u3000，,")
        self.text += words
        self._sentence_over = self.text.rstrip()[-1:] in _FULL_STOPS
        self._spoken_chars += spoken_length(words)
        return words

    def _drop(self, why: str, words: str) -> None:
        self._dropped[why] = self._dropped.get(why, 0) + _letters(words)

    def _forget_thought(self) -> None:
        """All that is not handed out yet was a thought."""
        self.closed_thought = True
        self._drop("thought", "".join(self._held) + self._buffer)
        self._held, self._buffer = [], ""
        self._holding = self._skipping = False
        self._line_start = self._sentence_start = True

    def _stop(self, why: str) -> None:
        self.ended, self._stopped, self._buffer = True, why, ""


def spoken_length(text: str) -> float:
    """Return how long a text takes to say, in Chinese characters; a Latin letter counts half."""
    return sum(0.5 if char.isascii() and char.isalpha() else 1 for char in text if char.isalnum())


def _letters(text: str) -> int:
    return len(_NO_LETTERS.sub("", text))
