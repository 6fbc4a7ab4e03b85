"""The weekdays that a text speaks of. Pure.

::

    days_in("门店前台周一到周五9点到18点营业。")    # {0, 1, 2, 3, 4}; 0 is Monday
    days_in("我们在上海")                          # set(): none named
"""

from __future__ import annotations

import re

_DAY = "(?:周|星期|礼拜)"
_NAMED = re.compile(
    rf"{_DAY}(?P<first>[一二三四五六日天])(?:到|至|-|—|~|～|－){_DAY}?(?P<last>[一二三四五六日天])"
    rf"|(?P<group>工作日|每天|天天|全年|周末|双休日)|{_DAY}(?P<day>[一二三四五六日天])"
)
_GROUPS = {"工作日": range(5), "周末": range(5, 7), "双休日": range(5, 7)}


def days_in(text: str) -> set[int]:
    """Return the weekdays that a text names, 0 for Monday; empty when it names none."""
    days: set[int] = set()
    for match in _NAMED.finditer(text):
        if match["first"]:
            days.update(range(_number(match["first"]), _number(match["last"]) + 1))
        elif match["day"]:
            days.add(_number(match["day"]))
        else:
            days.update(_GROUPS.get(match["group"], range(7)))
    return days


def _number(char: str) -> int:
    return "一二三四五六日".index("日" if char == "天" else char)
