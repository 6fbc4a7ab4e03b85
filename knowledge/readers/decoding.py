"""The bytes of a text file to text.

::

    decoded(Upload("价目表.csv", "押金".encode("gbk")))    # "押金"

A byte order mark decides; without one the text is UTF-8 if it can be, UTF-16 where zero bytes show it, and
otherwise GB18030, which includes GBK and GB2312. Guessing by letter frequency was tried and is not used: it
takes short GBK tables for Korean.
"""

from __future__ import annotations

import codecs

from django.utils.translation import gettext as _

from knowledge.cleaning import clean
from knowledge.readers.upload import Upload

# Share of zero bytes, all at even or all at odd places, from which text is UTF-16: they are halves of ASCII.
ZERO_SHARE = 0.02
# Share of control characters above which content is no text.
CONTROL_SHARE = 0.1


def decoded(upload: Upload) -> str:
    """Return the text without invisible characters; raise LoadError when it is none."""
    for encoding in encodings(upload.content):
        try:
            text = upload.content.decode(encoding)
        except UnicodeDecodeError:
            continue
        controls = sum(map(text.count, map(chr, {*range(32)} - {9, 10, 13})))
        if controls <= len(text) * CONTROL_SHARE:
            return clean(text)
    text = _("{file} is not text in UTF-8, UTF-16 or GB18030. Save it as UTF-8 and upload that.")
    raise upload.error(text)


def encodings(content: bytes) -> list[str]:
    """Return the encodings to try, in this order."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    if content.startswith(codecs.BOM_UTF8):
        return ["utf-8-sig"]
    even, odd = content[0::2].count(0), content[1::2].count(0)
    found = ["utf-8"]
    if not even and odd > len(content) // 2 * ZERO_SHARE:
        found.append("utf-16-le")
    if not odd and even > len(content) // 2 * ZERO_SHARE:
        found.append("utf-16-be")
    return [*found, "gb18030"]
