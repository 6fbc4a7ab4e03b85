"""Rows of a Markdown table as sentences. Pure.

::

    table = Table()
    table.row("| 套餐 | 价格 | 席位 |\\n")      # "": a heading, if a rule follows
    table.row("|---|---|---|\\n")              # ""
    table.row("| 基础 | 99元 | 1 |\\n")         # "基础，价格99元，席位1。\\n"
    table.row("都含税。")                        # "都含税。": no row
"""

from __future__ import annotations

import re

_RULE = re.compile(r"^\s*\|?(?:\s*:?-+:?\s*\|?)+\s*$")
_YES, _NO = re.compile(r"^[✅✓✔☑√]$"), re.compile(r"^[❌✗✘×]$")


def is_row(text: str) -> bool:
    """Whether a line begins as a row does."""
    return text.lstrip(" \t").startswith("|")


class Table:
    """The table that is being read. ``pending``: a first row that is a heading if a rule follows it."""

    def __init__(self) -> None:
        self.pending: list[str] = []
        self._heading: list[str] = []
        self._inside = False

    def row(self, line: str) -> str:
        """Return what is said of a line: a row as a sentence, and what is no row as it stands."""
        if not is_row(line):
            first = self._take_pending()
            self._heading, self._inside = [], False
            return first + line
        if _RULE.match(line.strip()):
            self._heading, self.pending, self._inside = self.pending, [], True
            return ""
        cells = [_cell(cell) for cell in line.strip().strip("|").split("|")]
        if self._inside:
            return self._sentence(cells)
        if self.pending:
            self._inside = True
            return self._take_pending() + self._sentence(cells)
        self.pending = cells
        return ""

    def _take_pending(self) -> str:
        cells, self.pending = self.pending, []
        return self._sentence(cells)

    def _sentence(self, cells: list[str]) -> str:
        named = len(cells) > 2 and len(self._heading) == len(cells)
        said = [
            self._heading[place] + cell if named and place else cell
            for place, cell in enumerate(cells)
            if cell
        ]
        return "，".join(said) + "。\n" if said else ""


def _cell(cell: str) -> str:
    cell = cell.strip()
    return "有" if _YES.match(cell) else "没有" if _NO.match(cell) else cell
