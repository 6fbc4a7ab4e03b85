"""What a reader makes of one figure, and how readers are written.

::

    @reader(r"(\\d+)%", Kind.PERCENT)
    def percent(match: Match) -> str | None:
        return "百分之" + number(match[1])

    percent("50%的", 0)        # Item("百分之五十", end=3, kind=Kind.PERCENT)

A reader is given a text and a position and returns an ``Item``, or None when something else stands there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from engines.local.text_normalization.context import LEFT_CHARS

Match = re.Match[str]


class Kind(Enum):
    """What a figure stands for; two of one kind with a dash between them are a range."""

    NUMBER = auto()  # bare: takes the unit of what follows the dash
    QUANTITY = auto()
    ORDINAL = auto()
    MONEY = auto()
    PERCENT = auto()
    FRACTION = auto()
    TIME = auto()
    DATE = auto()
    WEEKDAY = auto()
    CODE = auto()
    WORD = auto()
    SIGN = auto()


@dataclass(frozen=True, slots=True)
class Item:
    """``said`` stands for the text up to ``end``. ``pair``: a 2 before this unit is 两."""

    said: str
    end: int
    kind: Kind
    pair: bool = False


Reader = Callable[[str, int], Item | None]


def reader(pattern: str, kind: Kind, flags: int = 0) -> Callable[[Callable[[Match], str | None]], Reader]:
    """Make a reader of a function that says what ``pattern`` matched, or None where it does not apply."""
    compiled = re.compile(pattern, flags)

    def decorate(say: Callable[[Match], str | None]) -> Reader:
        def read(text: str, position: int) -> Item | None:
            match = compiled.match(text, position)
            said = say(match) if match else None
            return Item(said, match.end(), kind) if match and said is not None else None

        read.__doc__ = say.__doc__
        return read

    return decorate


def before(match: Match) -> str:
    """Return the text before ``match``, as far as it may matter."""
    return left_of(match.string, match.start())


def left_of(text: str, position: int) -> str:
    """Return the text before ``position``, as far as it may matter."""
    return text[max(0, position - LEFT_CHARS) : position]
