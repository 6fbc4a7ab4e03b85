"""The stretches of time a page can show, and how finely.

::

    window = chosen("24h", now)
    window.since, window.until, window.step, window.starts()
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from monitoring.models import Rollup
from monitoring.rollups import start_of


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    label: Any
    length: timedelta
    step: int


CHOICES = (
    Choice("1h", _("1 hour"), timedelta(hours=1), Rollup.Step.FIVE_MINUTES),
    Choice("24h", _("24 hours"), timedelta(hours=24), Rollup.Step.HOUR),
    Choice("7d", _("7 days"), timedelta(days=7), Rollup.Step.HOUR),
    Choice("30d", _("30 days"), timedelta(days=30), Rollup.Step.DAY),
)
DEFAULT = CHOICES[1]


@dataclass(frozen=True, slots=True)
class Window:
    """``since`` is where the first step begins, ``until`` is now."""

    choice: Choice
    since: datetime
    until: datetime

    @property
    def step(self) -> int:
        return self.choice.step

    def place(self, at: datetime) -> float:
        """Return where a moment is in the window: 0 at its begin, 1 at its end."""
        return (at - self.since) / (self.until - self.since)


def chosen(name: str, now: datetime) -> Window:
    """Return the window of that name that ends ``now``; another name is that of the default."""
    choice = next((choice for choice in CHOICES if choice.name == name), DEFAULT)
    return Window(choice, start_of(choice.step, now - choice.length), now)
