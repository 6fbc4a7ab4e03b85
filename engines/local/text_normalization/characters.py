"""Characters: one form for each sign, and none that no voice can say."""

from __future__ import annotations

import re
import unicodedata

# Categories of Unicode: control, format, surrogate, private, unassigned; and emoji and other pictures.
_CONTROL = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))
_PICTURES = frozenset(("So", "Sk", "Me"))
_SELECTORS = "\ufe0e\ufe0f"  # say whether the character before is shown as a picture

_FOLD = str.maketrans(
    {
        chr(code): chr(code - 0xFEE0)
        for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
    }
    | dict(zip("％～〜∼－−‐‑‒―／∕＋＠＃＊＝＄￥＆＜＞＿｜", "%~~~------//+@#*=$¥&<>_|", strict=True))
    | dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
    | {"．": ".", "〇": "零", "　": " ", "\t": " ", "\xa0": " ", "℃": "°C", "℉": "°F"}
    | {"µ": "μ", "№": "No.", "∶": ":", "ℓ": "L", "＾": "^"}
)
# Squared units in one sign, as ㎏; fractions in one sign, as ½.
_COMPOSED = re.compile("[\u3371-\u33df\u00bc-\u00be\u2150-\u215e]")
_COLON = re.compile(r"(?<=\d)\s?：\s?(?=\d)")


def speakable(text: str) -> str:
    """Return ``text`` without what no voice can say: emoji and other pictures, control characters."""
    return without_pictures(without_controls(text))


def without_controls(text: str) -> str:
    return _without(text, _CONTROL)


def without_pictures(text: str) -> str:
    return _without(text, _PICTURES)


def _without(text: str, categories: frozenset[str]) -> str:
    return "".join(
        character
        for character in unicodedata.normalize("NFC", text)
        if character in "\n\t"
        or (unicodedata.category(character) not in categories and character not in _SELECTORS)
    )


def fold(text: str) -> str:
    """Return ``text`` with full-width figures, letters and signs in their ASCII form; punctuation stays."""
    text = _COMPOSED.sub(lambda m: unicodedata.normalize("NFKC", m[0]).replace("\u2044", "/"), text)
    return _COLON.sub(":", text.translate(_FOLD))
