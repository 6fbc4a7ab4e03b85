"""The first page of the admin: how today's calls went, and the last of them.

::

    UNFOLD = {"DASHBOARD_CALLBACK": "aiker.calls.dashboard.dashboard"}
"""

from __future__ import annotations

from statistics import median
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from aiker.calls.models import NEVER_LIVED, Call, Turn

LAST_CALLS = 8


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what ``templates/admin/index.html`` shows of calls, for those who may see calls."""
    context["title"] = _("Overview")
    if not request.user.has_perm("calls.view_call"):
        return context
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    latencies = Turn.objects.filter(call__started_at__gte=today).values_list("voice_to_voice_ms", flat=True)
    answered = [ms for ms in latencies if ms is not None]
    return {
        **context,
        "calls_shown": True,
        "calls_today": Call.objects.filter(started_at__gte=today).exclude(end_reason__in=NEVER_LIVED).count(),
        "turns_today": len(latencies),
        "turns_unanswered": len(latencies) - len(answered),
        "median_ms": median(answered) if answered else None,
        "last_calls": last_calls(),
    }


def last_calls() -> QuerySet[Call]:
    return (
        Call.objects.select_related("assistant")
        .only("started_at", "wire", "caller", "duration_ms", "end_reason", "assistant__name")
        .prefetch_related(Prefetch("turns", Turn.objects.only("call_id", "number")))
        .order_by("-started_at")[:LAST_CALLS]
    )
