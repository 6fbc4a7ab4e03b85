"""Whoever reads Chinese meets no English: every text of the project, and of its theme, is translated."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import polib
import pytest
import unfold
from django.utils import translation
from django.utils.translation.template import templatize

from aiker.config import BASE_DIR

CATALOGUE = BASE_DIR / "aiker" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
ROOMS = ["aiker", "engines", "knowledge", "monitoring", "templates"]
THEME = Path(unfold.__file__).parent

# Number of leading texts in a call of each function; the last of two is the plural.
FUNCTIONS = {"_": 1, "gettext": 1, "gettext_lazy": 1, "gettext_noop": 1, "ngettext": 2, "ngettext_lazy": 2}
# What templatize makes of the tags: gettext(u'...') and ngettext(u'...', u'...', count).
_LITERAL = r"u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
_IN_TEMPLATES = re.compile(rf"\b(n?gettext|_)\(\s*{_LITERAL}")


def texts_of_python(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args:
            function = node.func
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            first = node.args[0]
            if name in FUNCTIONS and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def texts_of_template(path: Path) -> Iterator[str]:
    for match in _IN_TEMPLATES.finditer(templatize(path.read_text(), origin=str(path))):
        yield ast.literal_eval(match[2])


def texts(root: Path, skip: str = "-") -> set[str]:
    found: set[str] = set()
    for pattern, texts_of in (("*.py", texts_of_python), ("*.html", texts_of_template)):
        for path in sorted(root.rglob(pattern)):
            if skip not in path.relative_to(root).parts:
                found.update(texts_of(path))
    return found


def entries() -> dict[str, polib.POEntry]:
    return {entry.msgid: entry for entry in polib.pofile(str(CATALOGUE))}


def translations(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def placeholders(text: str, flags: list[str]) -> list[str]:
    """Return the placeholders of the kind that gettext found in the source, sorted."""
    if "python-format" in flags:
        return sorted(re.findall(r"%(?:\(\w+\))?[.\d]*[a-zA-Z%]", text))
    if "python-brace-format" in flags:
        return sorted(f"{name}!{spec}" for _, name, spec, _ in Formatter().parse(text) if name is not None)
    return []


def test_every_text_of_the_project_is_in_the_catalogue() -> None:
    wanted = set().union(*(texts(BASE_DIR / room) for room in ROOMS))
    assert len(wanted) > 300
    assert sorted(wanted - set(entries())) == []


def test_the_catalogue_holds_no_text_that_the_project_lost() -> None:
    assert sorted(set(entries()) - set().union(*(texts(BASE_DIR / room) for room in ROOMS))) == []
    assert polib.pofile(str(CATALOGUE)).obsolete_entries() == []


def test_every_entry_is_translated_and_not_fuzzy() -> None:
    assert [e.msgid for e in entries().values() if e.fuzzy or not all(translations(e))] == []


def test_placeholders_agree() -> None:
    wrong = [
        entry.msgid
        for entry in entries().values()
        for text in translations(entry)
        if placeholders(text, entry.flags) != placeholders(entry.msgid, entry.flags)
    ]
    assert wrong == []


@pytest.mark.usefixtures("compiled")
def test_every_text_of_the_theme_is_translated() -> None:
    with translation.override("zh-hans"):
        # Django itself leaves a few texts as they are, such as "#"; those have no letters.
        raw = [text for text in texts(THEME, skip="contrib") if translation.gettext(text) == text]
    plural = {entry.msgid for entry in entries().values() if entry.msgid_plural}
    assert sorted(text for text in raw if text not in plural and re.search("[A-Za-z]", text)) == []


@pytest.fixture(scope="module")
def compiled() -> Iterator[None]:
    """Django reads the compiled catalogue; take the one of now, whatever was there."""
    from django.conf import settings
    from django.utils.translation import trans_real

    from aiker.translations import compile_translations

    compile_translations(settings.LOCALE_PATHS)
    trans_real._translations.clear()  # type: ignore[attr-defined]
    yield
    trans_real._translations.clear()  # type: ignore[attr-defined]
