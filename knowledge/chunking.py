"""Documents to passages, and passages to the texts that are embedded for them.

::

    passages = split(document.answer, base.passage_chars)   # what the language model is given
    texts = search_texts(document, passages[0], first=True)   # what a question is compared with
"""

from __future__ import annotations

import re

from knowledge.models import Document

PARAGRAPH = re.compile(r"\n\s*\n")
SENTENCE_END = re.compile(r"(?<=[。！？；!?;\n])")
CLAUSE_END = re.compile(r"(?<=[，、：,:\s])")


def split(text: str, max_chars: int) -> list[str]:
    """Return passages of at most ``max_chars`` characters, cut at the largest boundary that serves.

    A paragraph that fits is one passage. A longer one is cut between sentences, a longer sentence between
    clauses, and only a clause without any boundary inside.
    """
    passages: list[str] = []
    for paragraph in PARAGRAPH.split(text.strip()):
        passages.extend(pack(pieces(paragraph, max_chars), max_chars))
    return passages


def pieces(text: str, max_chars: int) -> list[str]:
    """Return ``text`` as pieces that each fit, smaller than sentences only where a sentence does not fit."""
    fitting: list[str] = []
    for sentence in SENTENCE_END.split(text):
        for clause in [sentence] if len(sentence) <= max_chars else CLAUSE_END.split(sentence):
            fitting.extend(clause[i : i + max_chars] for i in range(0, len(clause), max_chars))
    return fitting


def pack(parts: list[str], max_chars: int) -> list[str]:
    """Join neighbours while they fit; return them stripped, without empty ones."""
    packed: list[str] = []
    current = ""
    for part in parts:
        if current and len(current) + len(part) > max_chars:
            packed.append(current)
            current = ""
        current += part
    return [text for text in (p.strip() for p in [*packed, current]) if text]


def wordings(document: Document) -> list[str]:
    """Return what callers may say to mean this document: its questions and its title, each once."""
    texts = [document.question, *document.alternative_questions, document.title]
    return list(dict.fromkeys(text.strip() for text in texts if text.strip()))


def search_texts(document: Document, passage: str, *, first: bool) -> list[str]:
    """Return the texts whose vectors lead to a passage, each once.

    Every wording of the question is a vector of its own, so that a caller's sentence meets the nearest one
    instead of their mean. The title alone catches short utterances ("停车月卡"), the title with the passage
    catches those that name the fact ("5折"). All wordings lead to a document's ``first`` passage.
    """
    texts = [*(wordings(document) if first else []), f"{document.title}：{passage}"]
    return list(dict.fromkeys(texts))
