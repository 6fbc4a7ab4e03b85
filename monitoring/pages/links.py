"""Addresses of a page with other filters.

::

    links = Links({"window": "7d", "assistant": "anna"})
    links.to(window="24h")          # "?window=24h&assistant=anna"; what is empty is left out
    links.windows("7d")             # the choices of time, as page.html shows them
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from monitoring.windows import CHOICES


class Links:
    def __init__(self, filters: Mapping[str, str]) -> None:
        self._filters = dict(filters)

    def to(self, **changed: str) -> str:
        filters = self._filters | changed
        return "?" + urlencode({name: value for name, value in filters.items() if value})

    def windows(self, active: str) -> list[dict[str, Any]]:
        return [
            {"label": choice.label, "link": self.to(window=choice.name), "active": choice.name == active}
            for choice in CHOICES
        ]
