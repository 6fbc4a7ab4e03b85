"""Keys of the telephone, one by one, to what was typed. Pure.

::

    keypad = Keypad(menu={"1", "9"})
    keypad.press("1")        # None: it may go on for ``keypad.wait_s``
    keypad.press("3")        # None
    keypad.press("#")        # "13": complete
    keypad.take()            # what there is when the wait is over
"""

from __future__ import annotations

from collections.abc import Container

MENU_S = 1.0
"""A key of the menu means itself when no other follows within this time."""
END_S = 2.0
MOST_KEYS = 64
END_KEY = "#"


class Keypad:
    """See the module. ``menu`` holds the keys that mean something of their own when they stand alone."""

    def __init__(self, menu: Container[str]) -> None:
        self._menu = menu
        self._keys = ""

    @property
    def typing(self) -> bool:
        """Whether keys were pressed that are not taken yet."""
        return bool(self._keys)

    @property
    def wait_s(self) -> float:
        """Seconds after which what was typed is complete, unless another key comes."""
        return MENU_S if self._keys in self._menu else END_S

    def press(self, key: str) -> str | None:
        """Take a key; return what was typed when that completes it."""
        if key == END_KEY and self._keys:
            return self.take()
        if key == END_KEY:
            return key if key in self._menu else None  # ends nothing
        self._keys += key
        return self.take() if len(self._keys) >= MOST_KEYS else None

    def take(self) -> str:
        """Return what was typed so far and begin anew."""
        keys, self._keys = self._keys, ""
        return keys
