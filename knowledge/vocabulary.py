"""The accepted words of a base, as a call uses them: for recognition, for its transcript, for the voice.

::

    lexicon = Lexicon.of(base_id)                   # before the call: reads the database, loads jieba
    lexicon.hot_words("门店", 150)                   # what recognition is told to expect
    lexicon.correct("固定公位多少钱")                  # "固定工位多少钱"
    lexicon.read("刘店长在三楼")                       # what the voice is given

Without words all of it leaves texts as they are, and loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from knowledge.correction import Corrector
from knowledge.models import LexiconEntry
from knowledge.reading import Reader


@dataclass(frozen=True, slots=True)
class Word:
    """An accepted entry; ``count`` is how often the base has it."""

    term: str
    hot: bool = True
    misheard: tuple[str, ...] = ()
    reading: str = ""
    count: int = 0


@dataclass(frozen=True)
class Lexicon:
    """See the module. Made before a call, then only read."""

    words: tuple[Word, ...] = ()
    correct: Corrector = field(init=False, repr=False, compare=False)
    read: Reader = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        hot = [word.term for word in self.words if word.hot]
        misheard = {heard: word.term for word in self.words for heard in word.misheard}
        object.__setattr__(self, "correct", Corrector(hot, misheard))
        object.__setattr__(self, "read", Reader({word.term: word.reading for word in self.words}))

    @classmethod
    def of(cls, base_id: int | None) -> Lexicon:
        """Return the accepted words of a base; of no base, none."""
        accepted = LexiconEntry.objects.filter(base_id=base_id, state=LexiconEntry.State.ACCEPTED)
        rows = accepted.order_by("term")
        return cls(tuple(Word(r.term, r.hot_word, tuple(r.misheard), r.reading, r.count) for r in rows))

    def hot_words(self, first: str, most_chars: int) -> str:
        """Return ``first`` and then the words callers say that it lacks, the most frequent first."""
        hot = sorted((word for word in self.words if word.hot), key=lambda word: -word.count)
        return joined(first, (word.term for word in hot), most_chars)


def joined(first: str, terms: Iterable[str], most_chars: int) -> str:
    """Return the terms behind ``first``, as many as there is room for; ``first`` itself is never cut."""
    text = first.rstrip("。，、 ")
    for term in terms:
        longer = f"{text}、{term}" if text else term
        if term not in text and len(longer) <= most_chars:
            text = longer
    return text
