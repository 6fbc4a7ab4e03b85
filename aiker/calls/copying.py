"""A copy of an assistant, with its keys and its tools.

::

    copy = copy_assistant(anna, name="安娜（副本）", slug="anna-copy")     # answers no calls yet
"""

from __future__ import annotations

from django.db import transaction

from aiker.calls.models import Assistant

SUFFIX = "copy"


def free_slug(slug: str) -> str:
    """Return an address for a copy that no assistant has: anna-copy, anna-copy-2, ..."""
    longest = Assistant._meta.get_field("slug").max_length or 50
    number, proposed = 1, ""
    while not proposed or Assistant.objects.filter(slug=proposed).exists():
        tail = f"-{SUFFIX}" if number == 1 else f"-{SUFFIX}-{number}"
        proposed, number = slug[: longest - len(tail)] + tail, number + 1
    return proposed


@transaction.atomic
def copy_assistant(assistant: Assistant, *, name: str, slug: str) -> Assistant:
    """Return a new assistant with everything of ``assistant`` but its name, its address and its calls.

    It does not answer calls until somebody has looked at it.
    """
    kept = {
        field.attname: getattr(assistant, field.attname)
        for field in Assistant._meta.concrete_fields
        if not field.primary_key
    }
    copy = Assistant.objects.create(**{**kept, "name": name, "slug": slug, "is_active": False})
    for item in assistant.menu.all():
        copy.menu.create(key=item.key, action=item.action, text=item.text)
    copy.tools.set(assistant.tools.all())
    return copy
