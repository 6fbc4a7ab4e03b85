"""A page of a PDF, as text in fixed columns, to paragraphs in reading order and tables.

::

    page = ["一、退货政策          二、保修政策", "七天内可以退货。       床垫保修十年。"]
    pieces_of(page)                    # ["一、退货政策\\n七天内可以退货。\\n二、保修政策\\n床垫保修十年。"]
    furniture([page, ...])             # the lines that repeat on each page, and page numbers

Text is a run of characters without a gap of ``GAP`` spaces. Columns are told from tables by what they hold:
sentences stand in columns, words and figures in tables.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

GAP = 3
TOLERANCE = 2
MIN_LINES = 2
SEGMENT = re.compile(rf"\S+(?:\s{{1,{GAP - 1}}}\S+)*")
SENTENCE = re.compile(r"[。，；！？]|[,.;!?](?:\s|$)")
PAGE_NUMBER = re.compile(
    r"[-—–·\s]*(?:第\s*\d+\s*页(?:\s*[/,，]?\s*共\s*\d+\s*页)?|page\s*\d+(?:\s*(?:of|/)\s*\d+)?|\d+\s*/\s*\d+"
    r"|第\s*[一二三四五六七八九十百]+\s*页)[-—–·\s]*",
    re.IGNORECASE,
)
BARE_NUMBER = re.compile(r"[-—–·\s]*(\d{1,4})[-—–·\s]*")
# The first and last lines of a page that may be its head and foot.
EDGE_LINES = 2
ENDS = re.compile(r"[。！？；：.!?;:]$")
BEGINS = re.compile(
    r"[(（]?(?:\d+|[一二三四五六七八九十]+)\s*[.、．)）]|[-*•·●■①-⑳]|问|答|Q|A\d*[:：]|第.+[章节条]|【"
)
MIN_FULL_LINE = 10
FULL_LINE_SHARE = 0.8


@dataclass(frozen=True)
class Segment:
    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


Line = list[Segment]
# A paragraph, or the rows of a table.
Piece = str | list[list[str]]


def pieces_of(lines: Sequence[str]) -> list[Piece]:
    """Return what stands on a page: texts, and tables as rows of cells."""
    found: list[Piece] = []
    single: list[str] = []
    for band in bands(measured(lines)):
        starts = column_starts(band)
        if len(starts) < 2:
            single.extend("  ".join(segment.text for segment in line) for line in band)
            continue
        if single:
            found.append("\n".join(single).strip())
            single = []
        cells = [row_of(line, starts) for line in band if line]
        if is_table(cells):
            # Lines below a table begin where it does.
            end = max(n for n, row in enumerate(cells, start=1) if sum(map(bool, row)) > 1)
            found.append(cells[:end])
            single = [row[0] for row in cells[end:]]
        else:
            found.append("\n".join(column_text(cells, n) for n in range(len(starts))))
    if single:
        found.append("\n".join(single).strip())
    # The distance of lines on a page is counted in empty lines; paragraphs are parted by one.
    closed = (re.sub(r"\n{3,}", "\n\n", piece) if isinstance(piece, str) else piece for piece in found)
    return [piece for piece in closed if piece]


def measured(lines: Sequence[str]) -> list[Line]:
    """Return the texts of each line with their places.

    By its font, a page is laid out in characters or in the width of letters, of which a Chinese character has
    two; that is taken by which the texts begin at fewer places.
    """
    by_letter = [segments(line) for line in lines]
    by_width = [segments(line, wide=True) for line in lines]
    return min(by_letter, by_width, key=lambda found: len({s.start for line in found for s in line}))


def segments(line: str, *, wide: bool = False) -> Line:
    """Return the texts between gaps; ``wide``: places count two for each Chinese character before."""
    found = []
    for match in SEGMENT.finditer(line):
        before = sum(unicodedata.east_asian_width(letter) in "WF" for letter in line[: match.start()])
        found.append(Segment(match.start() + before * wide, match[0]))
    return found


def bands(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield runs of lines that stand in the same columns; a line across them ends the run."""
    band: list[Line] = []
    starts: list[int] = []
    for line in lines:
        if not line:
            band.append(line)
            continue
        fits = (
            bool(starts)
            and all(is_at(segment.start, starts) for segment in line)
            and not crosses(line, starts)
        )
        if len(line) > 1 and not fits and starts and any(is_at(s.start, starts[1:]) for s in line[1:]):
            # One column more or less than above: the same table.
            starts = sorted({*starts, *(s.start for s in line if not is_at(s.start, starts))})
            fits = not crosses(line, starts)
        if not fits and band:
            yield band
            band = []
        if not fits:
            starts = [segment.start for segment in line] if len(line) > 1 else []
        band.append(line)
    if band:
        yield band


def is_at(start: int, starts: Sequence[int]) -> bool:
    return any(abs(start - other) <= TOLERANCE for other in starts)


def crosses(line: Line, starts: Sequence[int]) -> bool:
    """Whether a text reaches into the next column."""
    return any(segment.start + TOLERANCE < start < segment.end for segment in line for start in starts)


def column_starts(band: Sequence[Line]) -> list[int]:
    """Return where the columns of a run begin; fewer than two when it has none."""
    wide = [line for line in band if len(line) > 1]
    if len(wide) < MIN_LINES:
        return []
    starts: list[int] = []
    for start in sorted(segment.start for line in band for segment in line):
        if not starts or start - starts[-1] > TOLERANCE:
            starts.append(start)
    return starts


def row_of(line: Line, starts: Sequence[int]) -> list[str]:
    """Return a line as cells."""
    cells = [""] * len(starts)
    for segment in line:
        place = max(n for n, start in enumerate(starts) if n == 0 or start - TOLERANCE <= segment.start)
        cells[place] = f"{cells[place]} {segment.text}".strip()
    return cells


def is_table(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows hold words and figures in most cells, not lines of sentences."""
    cells = [cell for row in rows for cell in row if cell]
    sentences = sum(bool(SENTENCE.search(cell)) for cell in cells)
    return sentences * 4 < len(cells)


def column_text(rows: Sequence[Sequence[str]], column: int) -> str:
    return "\n".join(row[column] for row in rows if row[column])


def furniture(pages: Sequence[Sequence[str]]) -> list[set[str]]:
    """Return for each page the lines at its edges that repeat on other pages or number it."""
    edges = [edge_lines(page) for page in pages]
    counts = Counter(pattern for lines in edges for pattern in {re.sub(r"\d+", "0", line) for line in lines})
    found = []
    for number, lines in enumerate(edges, start=1):
        repeated = {line for line in lines if is_repeated(counts[re.sub(r"\d+", "0", line)], len(pages))}
        numbers = {line for line in lines if PAGE_NUMBER.fullmatch(line)}
        numbers |= {
            line for line in lines if (bare := BARE_NUMBER.fullmatch(line)) and int(bare[1]) == number
        }
        found.append(repeated | numbers)
    return found


def is_repeated(count: int, pages: int) -> bool:
    return count > 1 and count * 2 > pages


def edge_lines(page: Sequence[str]) -> list[str]:
    """Return the first and last lines of a page, without the spaces between words that are only layout."""
    lines = [squeezed(line) for line in page if line.strip()]
    return lines if len(lines) <= 2 * EDGE_LINES else [*lines[:EDGE_LINES], *lines[-EDGE_LINES:]]


def squeezed(line: str) -> str:
    return " ".join(line.split())


def reflowed(text: str) -> str:
    """Return a text whose sentences are not broken at the ends of lines."""
    lines = text.split("\n")
    full = max(MIN_FULL_LINE, FULL_LINE_SHARE * max(map(len, lines)))
    joined = [lines[0]]
    for number, line in enumerate(lines[1:], start=1):
        above = lines[number - 1]
        goes_on = len(above) >= full and not ENDS.search(above) and line and not BEGINS.match(line)
        if goes_on and ends_later(lines[number:], full):
            space = " " if above[-1].isascii() and line[0].isascii() else ""
            joined[-1] += space + line
        else:
            joined.append(line)
    return "\n".join(joined)


def ends_later(lines: Sequence[str], full: float) -> bool:
    """Whether a sentence that goes on in these lines has an end; lines of a list have none."""
    for line in lines:
        if re.search(r"[。！？!?]|\.$", line):
            return True
        if len(line) < full:
            return False
    return False
