"""Written Chinese to what a speaker says: numbers, money, times, dates, telephone numbers, signs.

::

    spoken("9:30-18:00，热线400-820-8800")    # "九点三十分到十八点，热线四零零 八二零 八八零零"

A text is read from left to right (``scanner``). At each figure the readers of each kind are asked in turn:
``codes``, ``dates``, ``times``, ``money``, ``quantities``, ``signs``. Latin words stay as they are;
``latin`` gives them a sound. What has none is dropped (``speakable``). Pure Python without dependencies.
"""

from __future__ import annotations

import re

from engines.local.text_normalization.characters import fold, speakable, without_controls, without_pictures
from engines.local.text_normalization.grouping import ungroup
from engines.local.text_normalization.markup import strip_markup
from engines.local.text_normalization.scanner import scan

_SPACE_BEFORE_PAUSE = re.compile(r" +(?=[，、。！？；：])")

__all__ = ["speakable", "spoken"]


def spoken(text: str) -> str:
    """Return ``text`` with every figure and sign written as it is said; sentence punctuation stays."""
    written = ungroup(fold(strip_markup(without_controls(text))))
    # Pictures go last: some of these signs are read, as the one for degrees.
    return _SPACE_BEFORE_PAUSE.sub("", without_pictures(scan(written)))
