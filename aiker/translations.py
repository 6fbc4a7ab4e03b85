"""Compile the translations that Django reads (``.mo``) from those that people write (``.po``)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import polib


def compile_translations(locale_paths: Iterable[Path]) -> list[Path]:
    """Compile every ``.po`` below the paths whose ``.mo`` is missing or older; return what was compiled.

    Pure Python: GNU gettext need not be installed. Entries marked fuzzy are left out, as msgfmt does.
    """
    compiled = []
    for locale_path in locale_paths:
        for source in sorted(locale_path.glob("*/LC_MESSAGES/*.po")):
            target = source.with_suffix(".mo")
            if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
                unfinished = target.with_name(f"{target.name}.{os.getpid()}")
                polib.pofile(str(source)).save_as_mofile(str(unfinished))
                unfinished.replace(target)  # other processes never see half a file
                compiled.append(target)
    return compiled
