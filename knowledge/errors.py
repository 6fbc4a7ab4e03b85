"""What can go wrong with knowledge, as (stage, code, message)."""

from __future__ import annotations


class KnowledgeError(Exception):
    """``stage`` is load, embedding, index or retrieval; ``code`` a stable word; the message says what to do.

    Codes: ``unreachable``, ``timeout``, ``busy``, ``refused``, ``broken`` (an engine or Chroma);
    ``index_missing``; ``empty``; ``bad_file``; ``bad_text``.
    """

    def __init__(self, stage: str, code: str, message: str) -> None:
        super().__init__(message)
        self.stage = stage
        self.code = code
        self.message = message


class LoadError(KnowledgeError):
    """A file cannot be loaded; nothing was changed. The message names every wrong entry and field."""

    def __init__(self, message: str) -> None:
        super().__init__("load", "bad_file", message)


class IndexingError(KnowledgeError):
    """An index was not built; the live version is the one it was before."""


class RetrievalError(KnowledgeError):
    """A search did not finish in time or at all; the call goes on without passages.

    ``index_version`` is the version that was asked, where that is known.
    """

    index_version = ""
