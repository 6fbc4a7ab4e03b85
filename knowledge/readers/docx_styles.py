"""What Word's styles say of text: which is hidden, struck through or white, and the numbers of lists.

::

    styles = TextStyles(document.styles.element)
    styles.unpublished(run, paragraph)          # "", "hidden", "struck" or "white"

    numbering = Numbering(document.part.numbering_part.element)
    numbering.label("3", 0)                     # "1.", the next time "2."
"""

from __future__ import annotations

from typing import Any

from docx.oxml.ns import qn

MAX_BASES = 10
MARKS = {"hidden": ("w:vanish",), "struck": ("w:strike", "w:dstrike")}
CHINESE = "一二三四五六七八九十"
MAX_LEVELS = 9


def value_of(element: Any, *path: str) -> str:
    """Return the value of a property; empty when it is not there."""
    found = element.find("/".join(map(qn, path)))
    return str(found.get(qn("w:val"), "")) if found is not None else ""


class TextStyles:
    """The styles of a document; ``styles`` is the XML, or None when it has none."""

    def __init__(self, styles: Any) -> None:
        found = list(styles.iterchildren(qn("w:style"))) if styles is not None else []
        self.styles = {style.get(qn("w:styleId"), ""): style for style in found}
        self.default = next((key for key, style in self.styles.items() if is_default(style, "paragraph")), "")

    def unpublished(self, run: Any, paragraph: Any) -> str:
        """Return why a run of text is not published; "" when it is."""
        properties = [run.find(qn("w:rPr"))]
        properties += self.properties(value_of(run, "w:rPr", "w:rStyle"))
        properties += self.properties(value_of(paragraph, "w:pPr", "w:pStyle") or self.default)
        for reason, tags in MARKS.items():
            if any(flag(properties, tag) for tag in tags):
                return reason
        return "white" if is_white(run, paragraph) else ""

    def properties(self, key: str) -> list[Any]:
        """Return the run properties of a style and of what it builds on, the nearest first."""
        found = []
        # Styles can be based on each other in a circle.
        for _step in range(MAX_BASES):
            style = self.styles.get(key)
            if style is None:
                break
            found.append(style.find(qn("w:rPr")))
            key = value_of(style, "w:basedOn")
        return found


def is_default(style: Any, kind: str) -> bool:
    return style.get(qn("w:type")) == kind and style.get(qn("w:default")) in ("1", "true")


def flag(properties: list[Any], tag: str) -> bool:
    """Return what the nearest of the properties says that says anything."""
    for element in properties:
        mark = element.find(qn(tag)) if element is not None else None
        if mark is not None:
            return mark.get(qn("w:val"), "1") not in ("0", "false", "off")
    return False


def is_white(run: Any, paragraph: Any) -> bool:
    """Whether a text is white where nothing gives it another ground: no shading, no highlight, no table."""
    properties = run.find(qn("w:rPr"))
    if properties is None or value_of(run, "w:rPr", "w:color").upper() != "FFFFFF":
        return False
    shaded = [properties.find(qn("w:shd")), properties.find(qn("w:highlight"))]
    shaded.append(paragraph.find(f"{qn('w:pPr')}/{qn('w:shd')}"))
    inside = any(ancestor.tag in (qn("w:tbl"), qn("w:txbxContent")) for ancestor in paragraph.iterancestors())
    return not inside and all(element is None for element in shaded)


class Numbering:
    """Counts the numbered lists of a document, as Word does; ``numbering`` is the XML, or None."""

    def __init__(self, numbering: Any) -> None:
        self.levels: dict[str, dict[int, Any]] = {}
        self.kinds: dict[str, str] = {}
        self.counts: dict[str, list[int]] = {}
        for element in numbering if numbering is not None else ():
            if element.tag == qn("w:abstractNum"):
                levels = element.iterchildren(qn("w:lvl"))
                self.levels[element.get(qn("w:abstractNumId"), "")] = {
                    int(level.get(qn("w:ilvl"), "0")): level for level in levels
                }
            elif element.tag == qn("w:num"):
                self.kinds[element.get(qn("w:numId"), "")] = value_of(element, "w:abstractNumId")

    def label(self, number: str, level: int) -> str:
        """Return the next number of a list as Word writes it; empty for bullets."""
        levels = self.levels.get(self.kinds.get(number, ""), {})
        if level not in levels:
            return ""
        counts = self.counts.setdefault(number, [0] * MAX_LEVELS)
        counts[level] = counts[level] + 1 if counts[level] else start_of(levels[level])
        counts[level + 1 :] = [0] * (MAX_LEVELS - level - 1)
        if value_of(levels[level], "w:numFmt") in ("bullet", "none"):
            return ""
        text = value_of(levels[level], "w:lvlText")
        for place in range(level + 1):
            counted = written(
                counts[place] or 1, value_of(levels[place], "w:numFmt") if place in levels else ""
            )
            text = text.replace(f"%{place + 1}", counted)
        return text


def start_of(level: Any) -> int:
    value = value_of(level, "w:start")
    return int(value) if value.isdigit() else 1


def written(number: int, style: str) -> str:
    """Return a number in the style of a list: digits, letters or Chinese numerals."""
    if style in ("lowerLetter", "upperLetter") and number <= 26:
        letter = chr(ord("a") + number - 1)
        return letter.upper() if style == "upperLetter" else letter
    if (
        style.startswith(("chineseCounting", "japaneseCounting", "taiwaneseCounting", "ideograph"))
        and number < 20
    ):
        return CHINESE[number - 1] if number <= 10 else "十" + CHINESE[number - 11]
    return str(number)
