"""What is said instead of an answer that the language model did not give. Pure.

::

    words_behind("", found, 135)             # "会员价99元一个月。": the best passage
    words_behind("会员价", found, 135)        # "99元一个月。"; None when nothing was found
    words_behind("99元一个月。", found, 135)    # "": whole sentences are an answer
"""

from __future__ import annotations

from aiker.calls.clauses import clauses_of
from aiker.calls.model_output.filter import spoken_length
from knowledge.rag import Found

_SENTENCE_ENDS = ("。", "！", "？", "!", "?")


def words_behind(said: str, found: Found | None, max_chars: float) -> str | None:
    """Return what is said behind ``said``, an answer that failed; None when there is nothing to say."""
    if said.rstrip().endswith(_SENTENCE_ENDS):
        return ""
    words = entry_words(found, max_chars)
    if said and words.startswith(said):
        words = words[len(said) :]
    return words or None


def entry_words(found: Found | None, max_chars: float) -> str:
    """Return the words of the entry that answers best, whole clauses of at most ``max_chars``."""
    if found is None or not (found.spoken or found.written or found.passages):
        return ""
    said, length = "", 0.0
    for clause in clauses_of(found.spoken or found.written or found.passages[0].text):
        length += spoken_length(clause)
        if said and length > max_chars:
            break
        said += clause
    return said
