"""How a text is read aloud, clause by clause, without making sound.

::

    for clause in read_clauses("热线400-820-8800，周一-周五9:00-18:00。"):
        print(clause)             # 热线四零零 八二零 八八零零， then 周一到周五九点到十八点。

These are the functions of a call: the clauses it cuts, the readings of the lexicon, and the normalisation of
this machine's voices. Engines of other vendors get the clauses as written and read figures in their own way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aiker.calls.clauses import ClauseSplitter
from engines.adapters.tts_adapter import as_written
from engines.local.speech_pieces import read_pieces
from engines.local.text_normalization import spoken


def read_clauses(text: str, read: Callable[[str], str] = as_written, *, early: bool = True) -> Iterator[str]:
    """Yield how each clause of ``text`` is said; ``read`` is what the lexicon makes of a clause.

    ``early``: as an answer of the language model is cut, else as a text that is recited.
    """
    splitter = ClauseSplitter(early=early)
    for clause in [*splitter.feed(text), *splitter.finish()]:
        if said := "".join(read_pieces(read(clause), spoken)):
            yield said
