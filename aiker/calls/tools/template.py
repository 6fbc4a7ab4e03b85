"""Sentences with places to fill: "您的订单{status}，预计{eta}到。" Pure.

::

    places("您的订单{status}")                         # {"status"}
    fill("您的订单{order.status}", {"order": {"status": "已发货"}})
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiker.calls.prompt import harmless
from aiker.calls.tools.spec import ToolError

PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)\}")
MOST_VALUE_CHARS = 120  # of one value that is read aloud


def places(template: str) -> set[str]:
    """Return the names in braces, without what follows a dot."""
    return {name.split(".")[0] for name in PLACE.findall(template)}


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Return the sentence; ToolError with code ``template`` when a value is not there or cannot be said."""
    return PLACE.sub(lambda place: _spoken(place[1], values), template)


def _spoken(path: str, values: Mapping[str, Any]) -> str:
    value: Any = values
    for name in path.split("."):
        if isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, Mapping) and name in value:
            value = value[name]
        else:
            raise ToolError("template", f"the answer has no “{path}”, which the sentence needs")
    if isinstance(value, bool):
        return "是" if value else "否"
    if not isinstance(value, str | int | float) or not str(value).strip():
        raise ToolError("template", f"“{path}” is nothing that can be said: {str(value)[:80]}")
    return harmless(str(value))[:MOST_VALUE_CHARS]
