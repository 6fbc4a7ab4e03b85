"""Which fields of an admin form are bound to Alpine for ``ModelAdmin.conditional_fields``.

::

    {% with conditions|condition_field:field as field %} ... {% endwith %}     {# in fieldset_row.html #}

Unfold binds every field of such a form with ``x-model``. Alpine then owns the value of fields that no
condition reads, and gets some of them wrong: a group of checkboxes becomes one switch that ticks them all and
sends empty values. Here only the fields that a condition names are bound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import template
from unfold.templatetags.unfold import changeform_condition

register = template.Library()

_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")
_NAME = re.compile(r"[A-Za-z_$][\w$]*")


def fields_read(conditions: Mapping[str, str]) -> set[str]:
    """Return the names in the JavaScript expressions of ``conditional_fields``: the fields that they read."""
    return {name for text in conditions.values() for name in _NAME.findall(_STRING.sub("", text))}


@register.filter
def condition_field(conditions: Mapping[str, str], field: Any) -> Any:
    """Return the admin field, bound to Alpine when one of the conditions reads it."""
    name = getattr(field.field, "name", None)  # a read-only field has a dict here
    return changeform_condition(field) if name in fields_read(conditions) else field
