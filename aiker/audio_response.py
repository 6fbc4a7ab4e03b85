"""Send a recording so that a browser can seek in it."""

from __future__ import annotations

import re

from django.core.files import File
from django.http import HttpRequest, HttpResponse

_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


def audio_response(request: HttpRequest, file: File, content_type: str = "audio/wav") -> HttpResponse:
    """Return ``file``, or the one byte range the request asks for (RFC 9110, 14.2)."""
    size = file.size
    match = _RANGE.match(request.headers.get("Range", ""))
    if not match or match.groups() == ("", ""):
        response = HttpResponse(file.read(), content_type=content_type)
    else:
        first, last = match.groups()
        start = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if start > end:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        file.seek(start)
        response = HttpResponse(file.read(end - start + 1), status=206, content_type=content_type)
        response["Content-Range"] = f"bytes {start}-{end}/{size}"
    response["Accept-Ranges"] = "bytes"
    return response
