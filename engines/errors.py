"""What can go wrong with an engine, as (stage, code, message)."""

from __future__ import annotations


class EngineError(Exception):
    """An engine did not deliver.

    ``stage`` is stt, llm, tts, embedding or rerank; ``code`` a stable word
    (``unreachable``, ``timeout``, ``refused``, ``broken``); the message says what to do.
    """

    def __init__(self, stage: str, code: str, message: str) -> None:
        super().__init__(message)
        self.stage = stage
        self.code = code
        self.message = message

    def as_dict(self) -> dict[str, str]:
        return {"stage": self.stage, "code": self.code, "message": self.message}
