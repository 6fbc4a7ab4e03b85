"""Filters of the monitoring's pages."""

from __future__ import annotations

from django import template

from monitoring.figures import metric_label, value_with_unit

register = template.Library()


@register.filter
def megabytes(mb: float | str | None) -> str:
    """Return an amount of memory: ``9.0 GB``, ``310 MB``; a dash for what was not measured."""
    if not isinstance(mb, int | float):
        return "–"
    return f"{mb / 1024:.1f} GB" if mb >= 1024 else f"{mb:.0f} MB"


register.filter("metric_label", metric_label)
register.filter("value_with_unit", value_with_unit)
