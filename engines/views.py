"""The page of the machine: what ``manage.py doctor`` prints."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from engines.doctor import examine, look


@staff_member_required
@permission_required("engines.view_engineconfig", raise_exception=True)
def doctor(request: HttpRequest) -> HttpResponse:
    """Show this machine beside what Aiker needs, in the operator's language."""
    context = {**admin.site.each_context(request), "title": _("Machine")}
    try:
        context["findings"] = examine(look())
    except (OSError, ImportError) as exc:
        context["error"] = str(exc)
    return render(request, "admin/engines/doctor.html", context)
