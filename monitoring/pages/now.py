"""The page of now: calls in progress, engines, index, alarms. ``now.js`` fills it over a WebSocket."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from aiker.calls.models import EndReason
from aiker.calls.templatetags.calls_extras import LATENCY_NAMES, STAGE_NAMES, WIRE_NAMES
from monitoring.live_access import LOOK
from monitoring.live_feed import feed


@require_safe
@staff_member_required
@permission_required(LOOK, raise_exception=True)
def now(request: HttpRequest) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": _("Now"),
        "latency_names": LATENCY_NAMES.items(),
        "stage_names": STAGE_NAMES.items(),
        "wire_names": WIRE_NAMES.items(),
        "end_reasons": EndReason.choices,
    }
    return render(request, "admin/monitoring/now.html", context)


def live_calls(request: HttpRequest) -> str:
    """Return how many calls this process serves, for the sidebar; empty when there is none."""
    return str(feed.board.live or "") if request.user.has_perm(LOOK) else ""
