"""Characters that a voice can say, those that nobody can, and pictures. Pure.

::

    SAYABLE.search("……」")            # None: nothing to be heard
    visible("价\u200b格")              # "价格"
    without_pictures("好的😊")         # "好的"
"""

from __future__ import annotations

import re

SAYABLE = re.compile(r"[^\W_]")  # a letter or a figure of any script

# Controls, marks of direction and joining, variation selectors, private use, what is no character.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u20d0-\u20ff\u3164\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\ud800-\udfff\U0001fffe\U0001ffff\U000e0000-\U0010ffff]"
)
_PICTURES = (
    "\u2190-\u21ff\u2300-\u23ff\u2500-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f8ff\U0001f900-\U0001faff"
)
# Between words an arrow or a picture stands for a pause.
_BETWEEN = re.compile(rf"(?<=[^\W_])\s*[{_PICTURES}]+\s*(?=[^\W_])")
_PICTURE = re.compile(rf"[{_PICTURES}]+")

_KAOMOJI = re.compile(
    r"[oOヽヾ٩ｏ\\╰╮╭ヘ┗ε乁]{0,3}[（(](?=[^（()）]*[^\w\s（()）])(?![^（()）]*[\u4e00-\u9fff\dA-Za-z]{2})"
    r"[^（()）\u4e00-\u9fff，。！？]{1,20}[)）][ノﾉ۶وづ┛厂oOヽ╯ブ/✧☆~～*^]{0,4}"
    r"|¯?\\?_?[（(]ツ[)）]_?/?¯?|\^[_.oO-]*\^|[TQ][_.wWAω]+[TQ]|[>＞]_*[<＜]|=_=|-_-[|｜!]*|(?<![\w.])(?::-?[)(DPp]|;-?\)|XD|orz|OTZ)(?!\w)"
)


def visible(text: str) -> str:
    """Return ``text`` without what has neither a shape nor a sound; line ends are ``\\n``."""
    return _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def without_pictures(text: str) -> str:
    """Return ``text`` without emoji, arrows, frames and faces made of signs."""
    return _PICTURE.sub("", _BETWEEN.sub("，", _KAOMOJI.sub("", text)))
