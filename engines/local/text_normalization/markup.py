"""Markdown that a language model writes although it was asked to speak.

::

    strip_markup("**价格**：\\n- 基础版199元")    # "价格：\\n基础版199元"
    strip_markup("7*24小时，请按#号键")            # unchanged: these signs are content

A text that goes on in the middle of a line says so with ``line_start=False``.
"""

from __future__ import annotations

import re

_HANZI = "\u4e00-\u9fff"
# Two and more are marks of emphasis, but for those that hide figures (138****5678) or letters of a name.
_STRONG = re.compile(
    r"(?<![\d*])\*\*+(?!\*)|(?<!\*)\*\*+(?![\d*])|`+|~~|(?<![A-Za-z0-9])__|__(?![A-Za-z0-9])"
)
# *word*, not the keys of *号键 and #键, nor 7*24.
_EMPHASIS = re.compile(
    r"(?<![A-Za-z\d*按拨键入或和])([*_])(?![\s*_号键])([^*_\n]*?[^\s*_按拨入或和])\1(?![A-Za-z\d*号键#])"
)
_AT_LINE_START = (
    (
        re.compile(r"(?m)^[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+[ \t]*:?-*:?[ \t]*$\n?"),
        "",
    ),  # the rule under a table's head
    (re.compile(r"(?m)^[ \t]*(?:[-*_][ \t]*){3,}$\n?"), ""),  # a rule between paragraphs
    (re.compile(r"(?m)^[ \t]*(?:>(?![ \t]?[\d¥$€£=-])[ \t]?)+"), ""),
    (re.compile(r"(?m)^[ \t]*(?:[-*•+]|#{1,6})[ \t]+"), ""),
    (re.compile(r"(?m)^[ \t]*#{2,6}(?!#)"), ""),
    (re.compile(r"(?m)^[ \t]*\*(?![\d*号键#])"), ""),
    (re.compile(r"(?m)^[ \t]*\|[ \t]*|[ \t]*\|[ \t]*$"), ""),
)


def strip_markup(text: str, *, line_start: bool = True) -> str:
    """Return ``text`` without Markdown; signs inside figures and words stay."""
    if line_start or "\n" in text:
        head, rest = ("", text) if line_start else text.split("\n", 1)
        for pattern, replacement in _AT_LINE_START:
            rest = pattern.sub(replacement, rest)
        text = rest if line_start else f"{head}\n{rest}"
    return _EMPHASIS.sub(r"\2", _STRONG.sub("", text))
