"""Log lines as JSON, with the call and the turn that they are about.

::

    logs.call_id.set(str(call.id)); logs.turn.set(3)     # what runs in this context, and tasks it starts
    logger.warning("...")       # {"time": "...", "level": "WARNING", "call_id": "...", "turn": 3, ...}

``AIKER_LOG_FORMAT=json`` chooses it (``logging_settings``). An object a line, whatever the message holds.
"""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

call_id: ContextVar[str] = ContextVar("call_id", default="")
turn: ContextVar[int | None] = ContextVar("turn", default=None)


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time (UTC), level, logger, message, process; call_id and turn where known."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if call := call_id.get():
            line["call_id"] = call
        if (number := turn.get()) is not None:
            line["turn"] = number
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, ensure_ascii=False, default=str)


def logging_settings(form: str, level: str) -> dict[str, Any]:
    """Return what Django's LOGGING is for the format ``text`` or ``json``."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
            "json": {"()": "aiker.logs.JsonFormatter"},
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # They have handlers of their own before this is read.
            **{name: {"handlers": [], "propagate": True} for name in ("uvicorn", "django", "django.server")},
            "httpx": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
            "openai": {"level": "WARNING"},
        },
    }
