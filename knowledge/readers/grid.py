"""The tables that lie on a sheet: where each begins and ends, its header, and how its columns are called.

::

    tables = tables_of(rows, Columns())
    tables[0].header       # ["门店", "工作日开门", "工作日关门"]; [] when the table has none
    tables[0].caption      # the line above it

Tables lie below each other, parted by an empty row or a line of a single cell, or side by side, parted by an
empty column. A header may take several rows: its levels are joined. Whether a table has one is told by its
names where they are known, else by what the columns hold below: a column of figures under a word has a
header, one whose first cell looks like the others has none.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from knowledge.readers.columns import Columns, known_field

HEADER_SEARCHED = 10
MAX_HEADER_ROWS = 4
MAX_LABEL = 30
# As many rows below the header are compared with it.
COMPARED = 50
FIGURE = re.compile(r"[\d¥￥$€£%,.:：/+\-~()\s]*\d[\d¥￥$€£%,.:：/+\-~()\s]*")
YEAR = re.compile(r"(?:19|20)\d\d")
QUESTION = re.compile(
    r"[？?]\s*$|[吗呢么]\s*$|怎么|怎样|如何|多少|几[点个天年月号时人]|什么|哪[里儿些个家天]|能不能|可不可以|可以.*吗|"
    r"是不是|有没有|是否|多久|多大|多远|为什么|为何|要不要|^(?:what|how|when|where|who|why|which|can|do|does|is|are)\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"[。！!；;]|[，,].*[，,]|^.{40,}", re.DOTALL)
# What the first column of a table of one record holds: 电话, 地址 ... beside their values.
ATTRIBUTE = re.compile(
    r"(?:电话|热线|手机|传真|地址|位置|时间|名称|店名|姓名|联系人|负责人|经理|店长|邮箱|邮编|网址|网站|微信|公众号|面积|停车"
    r"|停车位|价格|单价|费用|押金|人数|交通|地铁|楼层|品牌|型号|规格|尺寸|重量|颜色|材质|产地|保修|保修期|城市|区域|简介"
    r"|电子邮件|email|phone|tel|telephone|address|name|hours|opening hours|website|contact|price|area)",
    re.IGNORECASE,
)
VALUE_NAMES = re.compile(r"内容|值|说明|信息|详情|明细|描述|value|content|details?", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """A row and its place in the file.

    ``grouped``: its first cell is merged over several rows, so it names a group, and the second cell the row.
    ``spans``: how many columns a merged cell covers, by its position; the covered cells are empty.
    ``carried``: positions that a cell of a row above reaches down to.
    ``days``: the day that a cell holds, by its position, where its text shows less.
    ``strong``: every filled cell is bold. ``reduced``: text of it is not published.
    """

    place: str
    cells: Sequence[str]
    grouped: bool = False
    spans: Mapping[int, int] = field(default_factory=dict)
    carried: frozenset[int] = frozenset()
    days: Mapping[int, datetime.date] = field(default_factory=dict)
    strong: bool = False
    reduced: bool = False

    def filled(self) -> list[int]:
        return [position for position, cell in enumerate(self.cells) if cell]

    def cell(self, position: int) -> str:
        return self.cells[position] if position < len(self.cells) else ""

    def start_of(self, position: int) -> int:
        """Return where the merged cell begins that covers the position, else the position itself."""
        covering = (start for start, width in self.spans.items() if start < position < start + width)
        return next(covering, position)


@dataclass(frozen=True)
class Table:
    """``header`` is empty when the table has none. ``turned``: it is one record, from top to bottom."""

    header: Sequence[str]
    rows: Sequence[Row]
    caption: str = ""
    turned: bool = False


def tables_of(rows: Iterable[Row], columns: Columns) -> list[Table]:
    """Return the tables of a sheet, in reading order."""
    found: list[Table] = []
    for caption, block in blocks_of(rows):
        parts = side_by_side(block, columns)
        for part in parts:
            lead, rest = without_captions(part, columns)
            caption = " ".join(filter(None, [caption, lead]))
            if not rest:
                continue
            before = found[-1] if found and len(parts) == 1 else None
            if before and continues(before, rest, columns):
                found.append(
                    Table(before.header, without_header(before.header, rest), caption or before.caption)
                )
            else:
                found.append(table_of(rest, caption, columns))
    return found


def blocks_of(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Yield runs of rows between empty ones, each with the merged lines above it."""
    caption, block = "", list[Row]()
    for row in itertools.chain(rows, [Row("", ())]):
        filled = row.filled()
        banner = len(filled) == 1 and row.spans.get(filled[0], 1) > 1 and is_banner(row)
        if filled and not banner:
            block.append(row)
            continue
        if block:
            yield caption, block
            caption, block = "", []
        if banner:
            caption = " ".join(filter(None, [caption, row.cells[filled[0]]]))


def is_banner(row: Row) -> bool:
    """Whether the only cell of a row is no value of a column: it is merged from the first column on."""
    return row.filled()[0] == 0 or row.spans[row.filled()[0]] > 2


def side_by_side(block: list[Row], columns: Columns) -> list[list[Row]]:
    """Return the tables that an empty column parts; each side has two columns at least."""
    width = max(len(row.cells) for row in block)
    used = {position for row in block for position in row.filled()}
    used |= {p for row in block for start, span in row.spans.items() for p in range(start, start + span)}
    sides: list[range] = []
    start = None
    for position in range(width + 1):
        if position in used and start is None:
            start = position
        elif position not in used and start is not None:
            sides.append(range(start, position))
            start = None
    if len(sides) < 2 or any(len(side) < 2 for side in sides):
        return [block]
    parts = [[row for row in (part_of(row, side) for row in block) if row.filled()] for side in sides]
    named = [is_faq(columns.fields_of(row.cells)) for part in parts for row in part[:1]]
    # A list of questions with a gap in it is one table unless each side is such a list.
    return [block] if any(named) and not all(named) else parts


def part_of(row: Row, side: range) -> Row:
    """Return the cells of a row that lie in the columns."""
    first = side.start
    return replace(
        row,
        cells=list(row.cells[first : side.stop]),
        spans={start - first: width for start, width in row.spans.items() if start in side},
        carried=frozenset(position - first for position in row.carried if position in side),
        days={position - first: day for position, day in row.days.items() if position in side},
    )


def without_captions(block: list[Row], columns: Columns) -> tuple[str, list[Row]]:
    """Return the lines above a table, and the rows from its first on."""
    start = block[:HEADER_SEARCHED]
    known = (n for n, row in enumerate(start) if is_faq(columns.fields_of(row.cells)))
    wide = (n for n, row in enumerate(start) if len(row.filled()) > 1)
    first = next(itertools.chain(known, wide), 0)
    # Two header rows, of which the lower one holds the known names: the upper one is no caption.
    while first and row_above_is_header(block, first):
        first -= 1
    return " ".join(cell for row in block[:first] for cell in row.cells if cell), block[first:]


def row_above_is_header(block: list[Row], position: int) -> bool:
    return bool(block[position].carried) and bool(block[position - 1].spans)


def is_faq(fields: Mapping[str, object]) -> bool:
    return "answer" in fields and ("question" in fields or "title" in fields)


def continues(before: Table, block: list[Row], columns: Columns) -> bool:
    """Whether rows behind a gap belong to the table before it."""
    if not before.header:
        return not header_evidence(block) > 0 and not is_faq(columns.fields_of(block[0].cells))
    if list(block[0].cells) == list(before.header) or labels_of(block[:1]) == list(before.header):
        return True
    if is_faq(columns.fields_of(block[0].cells)) or header_evidence(block) > 0:
        return False
    if len(block) < 2 or header_evidence(block) < 0 or not all(map(is_label, filter(None, block[0].cells))):
        return True
    named = {position for position, name in enumerate(before.header) if name}
    return set(block[0].filled()) == named


def without_header(header: Sequence[str], block: list[Row]) -> list[Row]:
    return [row for row in block if list(row.cells) != list(header)]


def table_of(block: list[Row], caption: str, columns: Columns) -> Table:
    """Return the rows as a table with its header, turned over when it is one record from top to bottom."""
    known = is_faq(columns.fields_of(block[0].cells))
    if not known and (record := turned(block)):
        return replace(record, caption=caption)
    height = header_height(block)
    has_header = known or height > 1 or is_header(block)
    if not has_header:
        return Table([], block, caption)
    header = labels_of(block[:height])
    top = {tuple(row.cells) for row in block[:height]}
    return Table(header, [row for row in block[height:] if tuple(row.cells) not in top], caption)


def turned(block: list[Row]) -> Table | None:
    """Return a table of names beside values as a table of one row; None when it is no such table."""
    if len(block) < 2 or any(len(row.filled()) > 2 or row.filled()[0] != 0 for row in block):
        return None
    column = next((row.filled()[1] for row in block if len(row.filled()) > 1), 0)
    pairs = [(row.cells[0].rstrip(":：").strip(), row.cell(column), row) for row in block]
    if VALUE_NAMES.fullmatch(pairs[0][1]) and len(pairs) > 2:
        pairs = pairs[1:]
    names = [name for name, _value, _row in pairs]
    attributes = sum(is_attribute(name) for name in names)
    if not column or len(set(names)) < len(names) or attributes < 2 or attributes * 3 < len(names):
        return None
    # 门店 | 电话 above 徐汇店 | 021-... is a header, not a record that is called 电话.
    if is_attribute(pairs[0][1]):
        return None
    values = [value for _name, value, _row in pairs]
    days = {n: row.days[column] for n, (_name, _value, row) in enumerate(pairs) if column in row.days}
    return Table(names, [Row(pairs[0][2].place, values, days=days)], turned=True)


def is_attribute(name: str) -> bool:
    """Whether a name ends as names of what a thing has do: 联系电话."""
    return any(ATTRIBUTE.fullmatch(name[start:]) for start in range(max(0, len(name) - 16), len(name)))


def header_height(block: list[Row]) -> int:
    """Return how many rows the header takes: it goes on below merged cells, and below names of groups."""
    height = 1
    while height < min(MAX_HEADER_ROWS, len(block) - 1):
        above, row = block[height - 1], block[height]
        own = [position for position in row.filled() if position not in row.carried]
        if not own or not all(is_label(row.cells[position]) for position in own):
            break
        if not (is_below_merged(above, row, own) or is_below_groups(above, row)):
            break
        height += 1
    return height


def is_below_merged(above: Row, row: Row, own: list[int]) -> bool:
    """Whether a row goes on with a header: it names the parts of cells that are merged over several columns,
    or stands beside cells that reach down to it."""
    parted = {p for start, width in above.spans.items() if width > 1 for p in range(start, start + width)}
    reaching = any(row.cell(position) == above.cell(position) for position in row.carried)
    free = {position for position in own if not above.cell(position)} | parted
    return bool(parted or reaching) and (set(own) <= free or (reaching and 0 in row.carried))


def is_below_groups(above: Row, row: Row) -> bool:
    """Whether a row names the parts of the groups above it: 工作日 over 开门, not merged."""
    filled, own = set(above.filled()), set(row.filled())
    gaps = {position for position in range(max(own) + 1) if position not in filled}
    return bool(gaps) and gaps <= own and 0 in filled and 0 not in own


def labels_of(rows: Sequence[Row]) -> list[str]:
    """Return the names of the columns: the levels of the header joined, each over what it spans."""
    width = max(len(row.cells) for row in rows)
    width = max([width, *(start + span for row in rows for start, span in row.spans.items())])
    levels: list[list[str]] = []
    for number, row in enumerate(rows):
        names: list[str] = []
        for position in range(width):
            name = row.cell(row.start_of(position))
            # Groups that are not merged: the name counts until the next one, where the row below has parts.
            if not name and not row.spans and number + 1 < len(rows) and rows[number + 1].cell(position):
                name = names[-1] if names else ""
            names.append(" ".join(name.split()))
        levels.append(names)
    return [joined([names[position] for names in levels]) for position in range(width)]


def joined(levels: Sequence[str]) -> str:
    """Return 工作日开门 of 工作日 and 开门; words of Latin letters get a space between."""
    text = ""
    for name in dict.fromkeys(filter(None, levels)):
        text += (" " if text and text[-1].isascii() and name[0].isascii() else "") + name
    return text


def is_label(text: str) -> bool:
    """Whether a text may name a column."""
    return len(text) <= MAX_LABEL and not SENTENCE.search(text) and not is_figure(text)


def is_figure(text: str) -> bool:
    return bool(FIGURE.fullmatch(text)) and not YEAR.fullmatch(text)


def shape(text: str) -> str:
    """Return the text with its figures alike: 80元 and 580元 are both 0元."""
    return re.sub(r"\d[\d,.:：/\-]*", "0", text)


def is_header(block: list[Row]) -> bool:
    """Whether the first row names the columns."""
    first = block[0]
    if evidence := header_evidence(block):
        return evidence > 0
    return not looks_like_question(first.cells) and not any(map(SENTENCE.search, first.cells))


def header_evidence(block: list[Row]) -> int:
    """Return more than 0 when the first row differs from the rows below as names do, less when not."""
    first, below = block[0], block[1 : 1 + COMPARED]
    if not below:
        return 0
    evidence = 3 if first.strong and not any(row.strong for row in below) else 0
    for position in first.filled():
        evidence += evidence_of(
            first.cells[position], [row.cell(position) for row in below if row.cell(position)]
        )
    asked = sum(looks_like_question(row.cells) for row in below)
    if asked * 2 > len(below):
        evidence += -2 if looks_like_question(first.cells) else 2
    return evidence


def evidence_of(name: str, values: list[str]) -> int:
    """Return 1 when a cell reads otherwise than the cells below it, -1 when it is one of them."""
    if not values:
        return 0
    usual, count = Counter(map(shape, values)).most_common(1)[0]
    figures = sum(map(is_figure, values)) * 2 > len(values)
    if known_field(name) or is_attribute(name):
        return 1
    if is_figure(name):
        return -1
    if figures:
        return 1
    if "0" in usual and count * 2 > len(values):
        return -1 if shape(name) == usual else 1 if "0" not in shape(name) else 0
    return 0


def looks_like_question(cells: Sequence[str]) -> bool:
    """Whether a row begins with a question and has something behind it."""
    filled = [cell for cell in cells if cell]
    return len(filled) > 1 and bool(QUESTION.search(filled[0])) and not known_field(filled[0])
