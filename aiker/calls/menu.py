"""What typed keys mean to an assistant: a choice of its menu, or an answer of the caller. Pure.

::

    keyed("9", plan.menu, plan)      # Keyed("（按键）9", say="感谢您的来电，再见。", manner=Manner.GOODBYE)
    keyed("138", plan.menu, plan)    # Keyed("（按键）138"): a turn with these words
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiker.calls.answering import Words
from aiker.calls.manners import Manner
from aiker.calls.models import MenuAction
from aiker.calls.plan import MenuChoice


@dataclass(frozen=True, slots=True)
class Keyed:
    """``text`` stands in the record; ``asked`` is answered in its place, or ``say`` is said to it."""

    text: str
    asked: str = ""
    say: str = ""
    manner: Manner = Manner.NONE


def keyed(keys: str, menu: Mapping[str, MenuChoice], words: Words) -> Keyed:
    """Return what ``keys`` mean."""
    text, choice = f"（按键）{keys}", menu.get(keys)
    if choice is None:
        return Keyed(text)
    match choice.action:
        case MenuAction.SAY:
            return Keyed(text, say=choice.text)
        case MenuAction.ASK:
            return Keyed(text, asked=choice.text)
        case MenuAction.REPEAT:
            return Keyed(text, say=words.greeting, manner=Manner.REPEAT)
        case MenuAction.HANG_UP:
            return Keyed(text, say=words.goodbye, manner=Manner.GOODBYE)
