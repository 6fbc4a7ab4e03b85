"""How Latin words in Chinese speech sound, in Kokoro's phoneme alphabet.

Misaki ships its English lexicon as JSON; reading it needs neither spaCy nor espeak.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib.resources import files

# Brand and product words that the lexicon lacks and that spelling or splitting would spoil.
KNOWN = {
    "aiker": "ˈAkəɹ",
    "alipay": "ˈAlipˌA",
    "github": "ɡˈɪthˌʌb",
    "linux": "lˈɪnəks",
    "pro": "pɹˈO",
    "python": "pˈIθˌɑn",
    "wifi": "wˈIfˌI",
}
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class LatinLexicon:
    """Phonemes of Latin words: ``LatinLexicon().phonemes("OneSuite")`` gives ``"wˈʌnswˈit"``.

    A word is looked up whole, then by its CamelCase parts, then as two known words run together, and
    is spelled letter by letter when none of these is known or when it is an acronym.
    """

    def __init__(self) -> None:
        data = files("misaki") / "data"
        self._words: dict[str, str] = {}
        for name in ("us_silver.json", "us_gold.json"):
            for word, value in json.loads((data / name).read_text("utf-8")).items():
                sound = value if isinstance(value, str) else value.get("DEFAULT")
                if sound:
                    self._words[word] = sound

    @lru_cache(maxsize=4096)  # noqa: B019 - one lexicon lives as long as the process
    def phonemes(self, word: str) -> str:
        """Return the sound of one word of letters (an apostrophe may be inside)."""
        if sound := self._word(word):
            return sound
        parts = _CAMEL.findall(word)
        if len(parts) > 1:
            return "".join(self.phonemes(part) for part in parts)
        return self._compound(word.lower()) or self._spell(word)

    def _word(self, word: str) -> str | None:
        lower = word.lower()
        if lower in KNOWN:
            return KNOWN[lower]
        if len(word) == 1:
            return self._words.get(word.upper())
        if word.isupper() and len(word) <= 4:
            return None
        return self._words.get(word) or self._words.get(lower) or self._words.get(word.capitalize())

    def _compound(self, word: str) -> str | None:
        cuts = [i for i in range(3, len(word) - 2) if word[:i] in self._words and word[i:] in self._words]
        if not cuts or word.upper() == word:
            return None
        cut = min(cuts, key=lambda i: abs(len(word) - 2 * i))
        return f"{self._words[word[:cut]]} {self._words[word[cut:]]}"

    def _spell(self, word: str) -> str:
        return " ".join(self._words[letter] for letter in word.upper() if letter in self._words)
