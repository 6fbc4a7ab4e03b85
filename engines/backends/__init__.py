"""The backends Aiker knows; importing this registers them, their libraries come when one is loaded."""

from engines.backends import embedding, llm, rerank, stt, tts

__all__ = ["embedding", "llm", "rerank", "stt", "tts"]
