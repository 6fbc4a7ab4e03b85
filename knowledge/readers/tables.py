"""The tables of a sheet, wherever it lies, to entries.

::

    rows = [Row("Row 1", ["问题", "答案"]), Row("Row 2", ["押金多少", "2个月租金。"])]
    list(drafts_of(rows, names=(), upload=upload))       # one FAQ draft

A table with an answer and a question (or a title) among its columns is a list of FAQ: known columns become
fields, and what other columns say is added to the answer, so that nothing is lost. Of any other table each
row becomes the text "徐汇店：电话 021-1234，面积 120㎡。", titled by its key, and each of its columns a
wording (徐汇店电话) by which it is found. The key is the row's first cell, with the second where the first
repeats.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from django.utils.translation import gettext as _
from openpyxl.utils import get_column_letter

from knowledge.readers.columns import INTERNAL, shortened
from knowledge.readers.days import day_of, period_of
from knowledge.readers.drafts import MAX_TITLE, Draft
from knowledge.readers.grid import Row, Table, is_faq, is_figure, looks_like_question, tables_of
from knowledge.readers.upload import Upload

__all__ = ["Row", "drafts_of"]

ITEMS = re.compile(r"[\n|｜；;]")
TAGS = re.compile(r"[\n|｜；;,，、]")
# A sentence of a row is spoken in one piece, and fits a passage of usual length.
MAX_SENTENCE = 160
# Each column of so many cells gets a wording of its own; each wording costs an embedding.
MAX_WORDED_CELLS = 2_000
MAX_WORDING = 60
UNIT_NAMES = (
    "元 美元 港元 日元 欧元 万元 块 角 分 天 日 周 月 年 小时 分钟 秒 个 个月 个工作日 工作日 件 "
    "人 位 次 间 台 套 张 份 单 箱 瓶 包 盒 袋 双 对 斤 公斤 千克 克 吨 kg g mg t 米 厘米 毫米 "
    "公里 千米 m cm mm km 平方米 平米 平方 ㎡ m² 升 毫升 l ml 度 ℃ °c 岁 折 % 点 寸 英寸 w kw v "
    "gb mb tb 元起"
)
# What the upload page shows of a table that is no list of questions; its other columns are text.
LISTED_FIELDS = (
    "valid_from", "valid_until", "period", "ignore", "question", "answer", "alternative_questions",
)  # fmt: skip
# The line of a record that says what it is about.
NAMING = re.compile(r"名称|店名|姓名|^(?:门店|分店|网点|产品|商品|品牌|型号)$|\bname$", re.IGNORECASE)
LETTERS = re.compile(r"\[[A-Z]+\]")
UNITS = set(UNIT_NAMES.split())
IN_BRACKETS = re.compile(r"(.+?)\s*[(（\[【]\s*(?:单位\s*[:：]\s*)?([^()（）\[\]【】]+?)\s*[)）\]】]")


def drafts_of(
    rows: Iterable[Row], names: tuple[str, ...], upload: Upload, category: str = ""
) -> Iterator[Draft]:
    """Yield a draft for each row; ``names`` is the path to the table, put before the row's key in its id."""
    tables = [named(table) for table in tables_of(rows, upload.columns)]
    read = [(table, fields_of(table, upload)) for table in tables]
    used = Counter(
        key
        for table, fields in read
        if not is_faq(fields)
        for key in set(keys_of(table, fields.get("ignore", ())))
    )
    for table, fields in read:
        used_fields = (
            fields if is_faq(fields) else {name: fields[name] for name in LISTED_FIELDS if name in fields}
        )
        upload.columns.note(table.header, used_fields, table.rows[0].cells if table.rows else ())
        warn_of_columns(table.header, fields, upload)
        if is_faq(fields):
            drafts = (faq(row, table.header, fields, names, upload, category) for row in table.rows)
            yield from filter(None, drafts)
        else:
            yield from records(table, fields, used, names, category, subject_of(names, upload))


def named(table: Table) -> Table:
    """Return the table with its columns called by letters where they have no names: [A], [B]."""
    if table.header or not table.rows:
        return table
    width = max(len(row.cells) for row in table.rows)
    return Table([f"[{get_column_letter(n + 1)}]" for n in range(width)], table.rows, table.caption)


def fields_of(table: Table, upload: Upload) -> dict[str, list[int]]:
    """Return the columns by field; of a table that is no list by its names, those that its rows show."""
    known = upload.columns.fields_of(table.header)
    if is_faq(known):
        return known
    return upload.columns.fields_of(table.header, guessed(table, known.get("ignore", ())))


def guessed(table: Table, ignored: Iterable[int]) -> dict[int, str]:
    """Return the question and the answer of a table whose rows ask in their first cell."""
    rows = [replace(row, cells=without(row.cells, ignored)) for row in table.rows]
    asked = [row for row in rows if looks_like_question(row.cells)]
    if not asked or len(asked) * 2 <= len(table.rows):
        return {}
    question = Counter(row.filled()[0] for row in asked).most_common(1)[0][0]
    answer = Counter(row.filled()[1] for row in asked).most_common(1)[0][0]
    return {question: "question", answer: "answer"}


def without(cells: Sequence[str], positions: Iterable[int]) -> list[str]:
    return ["" if position in positions else cell for position, cell in enumerate(cells)]


def warn_of_columns(header: Sequence[str], fields: Mapping[str, list[int]], upload: Upload) -> None:
    """Tell which columns are not published, and which perhaps should not be."""
    for position in fields.get("ignore", ()):
        upload.leave_out(_("Columns left out"), shortened(header[position]))
    kept = [name for n, name in enumerate(header) if n not in fields.get("ignore", ())]
    internal = [shortened(name) for name in kept if INTERNAL.search(name)]
    if internal:
        text = _("Callers would hear these columns, which look internal: {names}. Ignore them if they are.")
        upload.warn(text.format(names=", ".join(internal)))


def faq(
    row: Row,
    header: Sequence[str],
    fields: Mapping[str, list[int]],
    names: tuple[str, ...],
    upload: Upload,
    category: str,
) -> Draft | None:
    """Return the entry of a row; nothing for a row that only has an id, a category or tags."""
    text = {
        field: [row.cell(position) for position in at if row.cell(position)] for field, at in fields.items()
    }
    question, title, answer = (" ".join(text.get(name, [])) for name in ("question", "title", "answer"))
    if not (question or title or answer):
        return None
    question = " ".join(question.split())
    taken = {position for at in fields.values() for position in at}
    first, last, unread = days_of(row, fields, upload)
    others = [p for p in range(len(row.cells)) if p not in taken or p in unread]
    facts = "；".join(fact(row.cells[p], label(header, p), "：") for p in others if row.cells[p])
    return Draft(
        place=row.place,
        names=(*names, question or title),
        title=title or question[:MAX_TITLE],
        answer=f"{answer} {facts}".strip() if answer else "",
        kind="faq" if question else "article",
        category="/".join(text.get("category", [])) or category,
        question=question,
        alternative_questions=split(ITEMS, "\n".join(text.get("alternative_questions", []))),
        tags=split(TAGS, "\n".join(text.get("tags", []))),
        id=" ".join(text.get("id", [])),
        valid_from=first,
        valid_until=last,
    )


def days_of(
    row: Row, fields: Mapping[str, list[int]], upload: Upload | None = None
) -> tuple[date | None, date | None, set[int]]:
    """Return the first and the last day of a row, and the positions of what cannot be read as days."""
    first: date | None = None
    last: date | None = None
    unread: set[int] = set()
    for field in ("valid_from", "valid_until", "period"):
        for position in fields.get(field, ()):
            text = row.cell(position)
            if not text:
                continue
            try:
                if day := row.days.get(position):
                    begin, end = (day, None) if field == "valid_from" else (None, day)
                elif field == "period":
                    begin, end = period_of(text)
                elif field == "valid_from":
                    begin, end = day_of(text, last=False), None
                else:
                    begin, end = None, day_of(text, last=True)
            except ValueError:
                unread.add(position)
                if upload:
                    told = _(
                        "{place}: “{text}” is no day, so it does not end or begin the entry; it stays text."
                    )
                    upload.warn(told.format(place=row.place, text=text[:60]))
                continue
            first, last = begin or first, end or last
    if first and last and last < first and upload:
        upload.warn(_("{place}: the last day is before the first; it is not heard.").format(place=row.place))
        first = None
    return first, last, unread


def records(
    table: Table,
    fields: Mapping[str, list[int]],
    used: Counter[str],
    names: tuple[str, ...],
    category: str,
    subject: str,
) -> Iterator[Draft]:
    """Yield each row as text, titled by its key; where tables share a key, by their captions too.

    A record without a name of its own is titled by its caption, else by ``subject``.
    """
    ignored = set(fields.get("ignore", ()))
    worded = len(table.rows) * len(table.header) <= MAX_WORDED_CELLS
    for row, key in zip(table.rows, key_positions(table, ignored), strict=True):
        facts = list(facts_of(row, table.header, ignored | set(key)))
        if not (key or facts) or (row.reduced and not facts):
            continue
        title = key_of(row, key) or table.caption or subject
        if used[title] > 1 and table.caption:
            title = f"{table.caption} {title}"
        first, last, _unread = days_of(row, fields)
        wordings = dict.fromkeys(f"{title}{name}" for name, _text in facts if name and len(facts) > 1)
        yield Draft(
            place=row.place,
            names=(*names, title),
            title=title[:MAX_TITLE],
            answer=sentences(lead(title, row, key, table.header), [text for _name, text in facts])
            if facts
            else fact(row.cell(key[0]), label(table.header, key[0]), "：").rstrip("。") + "。",
            kind="table",
            category=category,
            alternative_questions=[text for text in wordings if worded and len(text) <= MAX_WORDING],
            valid_from=first,
            valid_until=last,
        )


def subject_of(names: Sequence[str], upload: Upload) -> str:
    """Return what a sheet or section is about; a sheet that nobody named says nothing."""
    last = names[-1] if names else ""
    return (
        upload.stem if not last or re.fullmatch(r"(?:sheet|工作表|表)\s*\d*", last, re.IGNORECASE) else last
    )


def lead(title: str, row: Row, key: Sequence[int], header: Sequence[str]) -> str:
    """Return what a row's text begins with: its title, and before a mere figure what it counts."""
    name = label(header, key[0]) if key else ""
    return f"{name} {title}" if name and is_figure(row.cell(key[0])) else title


def keys_of(table: Table, ignored: Iterable[int]) -> list[str]:
    return [key_of(row, key) for row, key in zip(table.rows, key_positions(table, ignored), strict=True)]


def key_of(row: Row, positions: Sequence[int]) -> str:
    return " ".join(" ".join(row.cell(position).split()) for position in positions)


def key_positions(table: Table, ignored: Iterable[int]) -> list[list[int]]:
    """Return where each row says what it is about: its first cell; the second too in a group of rows."""
    filled = [[p for p in row.filled() if p not in ignored] for row in table.rows]
    if table.turned:
        return [[p for p in at if NAMING.search(table.header[p])][:1] for at in filled]
    firsts = Counter(row.cell(at[0]) for row, at in zip(table.rows, filled, strict=True) if at)
    return [
        at[: 2 if len(at) > 2 and (row.grouped or firsts[row.cell(at[0])] > 1) else 1]
        for row, at in zip(table.rows, filled, strict=True)
    ]


def facts_of(row: Row, header: Sequence[str], without: set[int]) -> Iterator[tuple[str, str]]:
    """Yield the name of each column and what it says; a merged cell says it in each of its columns."""
    for position in range(max(len(row.cells), len(header))):
        start = row.start_of(position)
        value = row.cell(start)
        if value and position not in without and start not in without:
            name = label(header, position)
            yield IN_BRACKETS.sub(r"\1", name) if unit_of(name) else name, fact(value, name, " ")


def label(header: Sequence[str], position: int) -> str:
    """Return the name of a column; empty when it has none of its own."""
    name = header[position] if position < len(header) else ""
    return "" if LETTERS.fullmatch(name) else name


def unit_of(name: str) -> str:
    """Return 元 of 单价（元）; empty when the brackets hold no unit."""
    found = IN_BRACKETS.fullmatch(name)
    parts = re.split(r"[/每]", found[2].lower()) if found else []
    return found[2] if found and all(part.strip() in UNITS for part in parts) else ""


def fact(value: str, name: str, between: str) -> str:
    """Return a value behind its column's name, and a figure with the unit that the name gives."""
    value = value.strip()
    if (unit := unit_of(name)) and is_figure(value):
        name = IN_BRACKETS.sub(r"\1", name)
        value = value if re.search(r"[¥￥$€£%]", value) else value + unit
    return f"{name}{between}{value}" if name else value


def sentences(title: str, facts: Sequence[str]) -> str:
    """Return what is said of a row; a long row is several sentences, each beginning with its key.

    Columns are parted by semicolons where a value has a comma of its own.
    """
    comma = "；" if any("，" in text for text in facts) else "，"
    found: list[list[str]] = []
    for text in facts:
        text = text.rstrip("。；，")
        if found and len(comma.join([title, *found[-1], text])) <= MAX_SENTENCE:
            found[-1].append(text)
        else:
            found.append([text])
    return "".join(f"{title}：{comma.join(texts)}。" for texts in found)


def split(separator: re.Pattern[str], text: str) -> list[str]:
    return [item for item in (part.strip() for part in separator.split(text)) if item]
