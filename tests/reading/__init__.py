"""Written texts and how they are said: tables for the tests of reading aloud.

``figures.tsv`` has the row of the field cases that a text belongs to ("keep": was right before),
the text, and what
is said; ``polyphones.tsv`` a sentence, a character in it and its readings, in order.
"""

from __future__ import annotations

import csv
from pathlib import Path

_FOLDER = Path(__file__).parent


def rows(name: str) -> list[tuple[str, str, str]]:
    """Return the rows of a table, three cells each."""
    with (_FOLDER / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(first, second, third) for first, second, third in lines[1:]]


FIGURES = rows("figures")
FIGURE_IDS = [f"{row}-{written}" for row, written, _ in FIGURES]
POLYPHONES = rows("polyphones")
