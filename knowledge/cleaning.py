"""Text without what no screen shows and no database takes.

::

    clean("押金\\x00是\\r\\n2个月\\u200b租金")   # "押金是\\n2个月租金"
"""

from __future__ import annotations

import re

# Controls except tab and line feed; zero-width spaces and byte order marks; marks that turn the direction of
# writing, by which a name can be made to look like another; halves of surrogate pairs; what is no character.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def clean(text: str) -> str:
    """Return ``text`` with lines ended by line feeds, and without invisible characters."""
    return INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
