"""Middleware of the project."""

from __future__ import annotations

from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware


class ChosenLocaleMiddleware(LocaleMiddleware):
    """The language that was chosen in the page, else ``AIKER_LANGUAGE``; browsers often ask for another."""

    def process_request(self, request: HttpRequest) -> None:
        request.META.pop("HTTP_ACCEPT_LANGUAGE", None)
        super().process_request(request)
