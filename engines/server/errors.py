"""Errors in the shape OpenAI's clients read: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engines.local.base import BadRequestError, EngineDownError
from engines.server.queue import QueueFullError

logger = logging.getLogger(__name__)
Body = TypeVar("Body", bound=BaseModel)


class Strict(BaseModel):
    """A part of a body in which nothing is passed over in silence."""

    model_config = ConfigDict(extra="forbid")


class StrictRequest(Strict):
    """A whole body, which may say who asks; that changes no answer."""

    user: Any = None
    metadata: Any = None
    store: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None


class APIError(Exception):
    """Ends the request with this status and message."""

    def __init__(
        self, status: int, message: str, code: str, param: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}


HANDLED = (APIError, BadRequestError, EngineDownError, QueueFullError, HTTPException)


def error_response(error: APIError) -> Response:
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    body = {"message": str(error), "type": kind, "param": error.param, "code": error.code}
    return JSONResponse({"error": body}, error.status, error.headers)


async def handle(request: Request, exc: Exception) -> Response:
    """Starlette's exception handler for everything a request can raise; writes its log line."""
    error = _as_api_error(exc)
    # Starlette raises what has no handler of its own again, and uvicorn logs its traceback.
    logger.info("%s %s: %s %s", request.method, request.url.path, error.status, error)
    return error_response(error)


def _as_api_error(exc: Exception) -> APIError:
    match exc:
        case APIError():
            return exc
        case BadRequestError():
            return APIError(400, str(exc), "invalid_value", exc.param)
        case EngineDownError():
            return APIError(503, str(exc), "engine_down", retry_after_s=2)
        case QueueFullError():
            return APIError(429, str(exc), "queue_full", retry_after_s=exc.retry_after_s)
        case HTTPException():
            return APIError(exc.status_code, exc.detail, "http_error")
    return APIError(500, "The engine failed on this request; the server's log says why.", "engine_failed")


def parse(model: type[Body], data: bytes) -> Body:
    """Read a JSON body, or raise the 400 that names the wrong field."""
    try:
        return model.model_validate_json(data)
    except ValidationError as exc:
        first = exc.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else None
        message = f"{field or 'body'}: {first['msg']}"
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            raise unsupported(str(field), model.model_fields) from None
        raise APIError(400, message, "invalid_value", field) from None


def unsupported(field: str, known: Iterable[str]) -> APIError:
    """Return the 400 for a field that nothing here can act on."""
    there_is = ", ".join(sorted(known))
    return APIError(
        400, f"{field} is not supported here; there is: {there_is}.", "unsupported_parameter", field
    )
