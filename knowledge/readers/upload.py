"""One uploaded file while it is read: its name, its bytes, its clock, and what was left out of it.

::

    upload = Upload("价目表.xlsx", content)
    upload.check_time()                                   # between rows and pages
    raise upload.error(_("{file} is empty. ..."))         # {file} is filled in
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePath

from django.utils.translation import gettext as _

from knowledge.errors import LoadError
from knowledge.readers.columns import Columns
from knowledge.readers.limits import MAX_SECONDS

MAX_WARNINGS = 50
# Of each reason; what is left out may be a text.
MAX_LEFT_OUT = 20
MAX_LEFT_OUT_CHARS = 40

logger = logging.getLogger(__name__)


@dataclass
class Upload:
    """``file``: a base name; ``left_out``: what is not published, by reason; ``warnings``: what to check.

    ``columns`` are those of the file's tables.
    """

    file: str
    content: bytes
    left_out: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    columns: Columns = field(default_factory=Columns)
    started: float = field(default_factory=time.monotonic)

    @property
    def stem(self) -> str:
        return PurePath(self.file).stem

    def error(self, text: str, **values: object) -> LoadError:
        """Return the refusal; ``text`` names its values in curly brackets, ``{file}`` among them."""
        return LoadError(text.format(file=self.file, **values))

    def leave_out(self, reason: str, what: str) -> None:
        """Take down what is not published, and why."""
        found = self.left_out.setdefault(reason, [])
        what = " ".join(what.split())[:MAX_LEFT_OUT_CHARS]
        if what and what not in found and len(found) <= MAX_LEFT_OUT:
            found.append(what)

    def notice(self) -> str:
        """Return what was left out, a line for each reason."""
        lines = []
        for reason, names in self.left_out.items():
            more = " ..." if len(names) > MAX_LEFT_OUT else ""
            named = _(", ").join(names[:MAX_LEFT_OUT]) + more
            lines.append(_("{reason}: {names}.").format(reason=reason, names=named))
        return "\n".join(lines)

    def warn(self, text: str) -> None:
        """Have the operator check something, once; of very many warnings the first are kept."""
        if text not in self.warnings and len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(text)

    def check_time(self) -> None:
        """Raise LoadError once the file has taken too long."""
        if time.monotonic() - self.started > MAX_SECONDS:
            text = _("{file} takes longer than {limit} seconds to read. Divide it into several files.")
            raise self.error(text, limit=MAX_SECONDS)

    @contextmanager
    def parsing(self) -> Iterator[None]:
        """Around each call of a library that parses the content: whatever it raises means a damaged file.

        The libraries raise nearly anything on damaged files (KeyError, AttributeError, struct.error, XML
        errors), so only our own refusals pass.
        """
        try:
            yield
        except LoadError:
            raise
        except Exception as exc:
            logger.warning("%s cannot be parsed", self.file, exc_info=True)
            text = _(
                "{file} is damaged or incomplete ({reason}). "
                "Open it in the program that made it, save it again and upload that."
            )
            raise self.error(text, reason=f"{type(exc).__name__}: {exc}"[:200]) from exc
