"""A page that asks before a button of a row does something: a link from elsewhere does nothing by itself.

::

    if request.method != "POST":
        return ask(self, request, alarm, _("Acknowledge"), _("Nobody is reminded of it."))
"""

from __future__ import annotations

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.admin import ModelAdmin


def ask(admin: ModelAdmin, request: HttpRequest, row: Model, title: str, text: str) -> HttpResponse:
    """Return the page; its button, named like it, sends a POST to the same address."""
    context = {
        **admin.admin_site.each_context(request),
        "title": title,
        "opts": admin.model._meta,
        "row": row,
        "text": text,
        "back": f"admin:{admin.opts.app_label}_{admin.opts.model_name}_change",
    }
    return render(request, "admin/monitoring/ask.html", context)
