"""The bytes of a text file to text.

::

    decoded(Upload("价目表.csv", "押金".encode("gbk")))    # "押金"

A byte order mark decides; without one the text is UTF-8 if it can be, and otherwise whichever of GB18030
(with GBK and GB2312), Big5 and UTF-16 gives the most everyday characters. General detectors were tried and
are not used: they take short GBK tables for Korean.
"""

from __future__ import annotations

import codecs
from functools import cache

from django.utils.translation import gettext as _

from knowledge.cleaning import clean
from knowledge.readers.upload import Upload

# Share of control characters above which content is no text.
CONTROL_SHARE = 0.1
# In the wrong encoding, text turns into rare characters: UTF-16 accepts nearly any bytes.
UTF16_SHARE = 0.7
# So much of a file is decoded to compare the encodings.
COMPARED_BYTES = 100_000
CONTROLS = {*map(chr, range(32))} - {"\t", "\n", "\r"}
# What short texts of a business are full of, weighed double.
FREQUENT = set(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家"
    "这個們來為國時會對於過發後裡問題答案回覆复覆价價格元电電话話营營业業时間间周末日月号號店门門多少几幾吗嗎呢什么麼怎"
    "退换換货貨款保修费費免送请請客服联聯系係地址订訂单單可以开開关關票名称稱类類别別编編标標，。？！：；、（）“”"
)


def decoded(upload: Upload) -> str:
    """Return the text without invisible characters; raise LoadError when it is none."""
    for encoding in encodings(upload.content):
        try:
            text = upload.content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if sum(map(text.count, CONTROLS)) <= len(text) * CONTROL_SHARE:
            return clean(text)
    text = _("{file} is not text in UTF-8, UTF-16, GB18030 or Big5. Save it as UTF-8 and upload that.")
    raise upload.error(text)


def encodings(content: bytes) -> list[str]:
    """Return the encodings to try, the likeliest first."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    if content.startswith(codecs.BOM_UTF8):
        return ["utf-8-sig"]
    shares = {
        name: everyday_share(content, name) for name in ("gb18030", "big5hkscs", "utf-16-le", "utf-16-be")
    }
    likely = sorted((name for name in shares if shares[name] > 0), key=lambda name: -shares[name])
    wide = [name for name in likely if name.startswith("utf-16") and shares[name] > UTF16_SHARE]
    legacy = [name for name in likely if not name.startswith("utf-16")]
    if 0 in content:
        # Latin letters in UTF-16 are valid UTF-8 as well, with a zero byte in each.
        return [*wide, "utf-8", *legacy]
    best = [name for name in likely if name in wide or name in legacy]
    return ["utf-8", *best]


def everyday_share(content: bytes, encoding: str) -> float:
    """Return how much of the text is everyday characters, 0 to 1; 0 when the bytes do not fit."""
    if encoding.startswith("utf-16") and len(content) % 2:
        return 0.0
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(content[:COMPARED_BYTES])
    except UnicodeDecodeError:
        return 0.0
    known = everyday()
    # Letters of ASCII say nothing: they are the same in every encoding but UTF-16.
    counted = [
        letter for letter in text if letter not in "\r\n" and (letter >= "\x80" or "utf-16" in encoding)
    ]
    weights = [2 if letter in FREQUENT else 1 for letter in counted]
    usual = sum(weight for letter, weight in zip(counted, weights, strict=True) if letter in known)
    return (usual + 0.01) / (sum(weights) + 0.01)


@cache
def everyday() -> frozenset[str]:
    """Return printable ASCII, and the characters that both national standards put into their first level."""
    simplified = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    traditional = (
        bytes((row, cell)) for row in range(0xA4, 0xC7) for cell in (*range(0x40, 0x7F), *range(0xA1, 0xFF))
    )
    marks = "，。？！：；、（）“”‘’《》【】—…·～￥％℃㎡×－／＋＝　"
    digits = "".join(map(chr, range(0xFF10, 0xFF1A)))
    ascii_text = "\t\n\r" + "".join(map(chr, range(32, 127)))
    common = b"".join(simplified).decode("gb2312", "ignore") + b"".join(traditional).decode("big5", "ignore")
    return frozenset(ascii_text + marks + digits + common)
