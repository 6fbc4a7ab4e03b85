"""Filters of the knowledge pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def titles_of(keys: Sequence[str], titles: dict[str, str]) -> str:
    """Return the documents' titles; the key of one that is gone."""
    return "、".join(titles.get(key, key) for key in keys)


@register.filter
def facts(found: Sequence[str | Sequence[str]]) -> str:
    """Return facts in one line, the spellings of each separated by slashes."""
    return "；".join(fact if isinstance(fact, str) else " / ".join(fact) for fact in found)


@register.filter
def verdict(item: dict[str, Any]) -> str:
    """Return in words what is wrong with a result of a golden run."""
    if not item["answerable"]:
        return _("answered, though the base does not know it")
    if not item["found"]:
        return _("nothing found: under the threshold ({confidence})").format(confidence=item["confidence"])
    if not item["rank"]:
        return _("something else was found")
    if item["lacks"]:
        return _("found, but the passages lack: {facts}").format(facts=facts(item["lacks"]))
    return _("the answer is wrong")
