"""The backends Aiker knows; importing this registers them, their libraries come when one is loaded."""

from engines.backends import embedding, llm, llm_servers, rerank, stt, tts

__all__ = ["embedding", "llm", "llm_servers", "rerank", "stt", "tts"]
