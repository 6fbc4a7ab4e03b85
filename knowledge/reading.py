"""Words as the voice is given them, where it would say the written form wrongly.

::

    read = Reader({"OneSuite": "万速", "㎡": "平方米", "店长": ""})
    read("OneSuite有50㎡")              # "万速有50平方米"

Records and pages keep the written form. The longest word wins; one without a reading stays as it is and
protects what is inside it. A Latin word or a figure is never found within a longer one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping


class Reader:
    """Callable: see the module. Pure."""

    def __init__(self, readings: Mapping[str, str]) -> None:
        self._readings = {term: reading or term for term, reading in readings.items()}
        changes = any(term != reading for term, reading in self._readings.items())
        longest = sorted(self._readings, key=len, reverse=True)
        self._terms = re.compile("|".join(map(bounded, longest))) if changes else None

    def __call__(self, text: str) -> str:
        """Return ``text`` with every word in its reading."""
        if self._terms is None:
            return text
        return self._terms.sub(lambda found: self._readings[found[0]], text)


def bounded(term: str, pattern: str = "") -> str:
    """Return a pattern of ``term`` (or ``pattern`` in its place) that no longer word or number contains."""
    before = after = ""
    if term[0].isascii() and term[0].isalpha():
        before = r"(?<![A-Za-z])"  # a figure may stand there: 50GB
    elif term[0].isdecimal():
        before = r"(?<![\dA-Za-z.])"
    if term[-1].isascii() and term[-1].isalpha():
        after = r"(?![A-Za-z0-9])"
    elif term[-1].isdecimal():
        after = r"(?![\dA-Za-z]|\.\d)"
    return f"{before}{pattern or re.escape(term)}{after}"
