"""Filters of the monitoring's pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.formats import number_format

from monitoring.figures import metric_label, value_with_unit

register = template.Library()


@register.filter
def megabytes(mb: float | str | None) -> str:
    """Return an amount of memory: ``9.0 GB``, ``310 MB``; a dash for what was not measured."""
    if not isinstance(mb, int | float):
        return "–"
    return f"{mb / 1024:.1f} GB" if mb >= 1024 else f"{mb:.0f} MB"


@register.filter
def amount(value: float | None, places: int = 0) -> str:
    """Return a number with its thousands apart: ``12,345``; a dash for what is not known."""
    if value is None:
        return "–"
    # Django cuts off what it has no place for.
    return number_format(round(value, places), places, use_l10n=True, force_grouping=True)


@register.filter
def money(value: float | None) -> str:
    """Return a sum of money; of less than one unit, as many places as tell it from nothing."""
    if value is None:
        return "–"
    return amount(value, 2 if not value or abs(value) >= 1 else 4)


@register.filter
def minutes(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 60


@register.filter
def percent(share: float) -> str:
    """Return a share of 0 to 1: ``3.4%``."""
    return f"{100 * share:.1f}%"


@register.filter
def get(mapping: Mapping[Any, Any], key: Any) -> Any:
    return mapping.get(key)


register.filter("metric_label", metric_label)
register.filter("value_with_unit", value_with_unit)
