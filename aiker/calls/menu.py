"""What typed keys mean to an assistant: a choice of its menu, or an answer of the caller. Pure.

::

    keyed("9", plan.menu, plan)      # Keyed("9", say="感谢您的来电，再见。", manner=Manner.GOODBYE)
    keyed("138", plan.menu, plan)    # Keyed("138"): a turn with these words
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiker.calls.answering import Words
from aiker.calls.dictation import TYPED
from aiker.calls.manners import Manner
from aiker.calls.models import MenuAction
from aiker.calls.plan import MenuChoice
from aiker.calls.transfer_requests import PRESSED_FOR_PERSON


@dataclass(frozen=True, slots=True)
class Keyed:
    """``text`` stands in the record; ``asked`` is answered in its place, or ``say`` is said to it."""

    keys: str
    asked: str = ""
    say: str = ""
    manner: Manner = Manner.NONE

    @property
    def chosen(self) -> bool:
        """Whether it was a choice of the menu."""
        return bool(self.asked or self.say)

    @property
    def text(self) -> str:
        return f"{TYPED}{self.keys}"


def keyed(keys: str, menu: Mapping[str, MenuChoice], words: Words) -> Keyed:
    """Return what ``keys`` mean."""
    choice = menu.get(keys)
    if choice is None:
        return Keyed(keys)
    match choice.action:
        case MenuAction.SAY:
            return Keyed(keys, say=choice.text)
        case MenuAction.ASK:
            return Keyed(keys, asked=choice.text)
        case MenuAction.TRANSFER:
            return Keyed(keys, asked=PRESSED_FOR_PERSON)
        case MenuAction.REPEAT:
            return Keyed(keys, say=words.greeting, manner=Manner.REPEAT)
        case MenuAction.HANG_UP:
            return Keyed(keys, say=words.goodbye, manner=Manner.GOODBYE)
