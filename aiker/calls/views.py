"""The softphone page and what it needs to place a call."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from aiker.calls import tokens
from aiker.calls.models import Assistant
from knowledge.models import Document


@staff_member_required
def softphone(request: HttpRequest) -> HttpResponse:
    """Show the browser softphone; ``?assistant=<slug>`` selects who answers."""
    assistants = list(Assistant.objects.filter(is_active=True))
    wanted = request.GET.get("assistant")
    selected = next((a for a in assistants if a.slug == wanted), assistants[0] if assistants else None)
    context = {
        **admin.site.each_context(request),
        "title": _("Test call"),
        "assistants": assistants,
        "assistant": selected,
        "questions": example_questions(selected) if selected else [],
        "token_url": reverse("call-token", args=[selected.slug]) if selected else "",
    }
    return render(request, "calls/softphone.html", context)


def example_questions(assistant: Assistant) -> list[str]:
    """Return a question from each of the three largest categories of what the assistant knows."""
    documents = Document.objects.filter(base=assistant.knowledge_base_id).exclude(question="")
    by_category: dict[str, list[str]] = {}
    for category, question in documents.order_by("pk").values_list("category", "question"):
        by_category.setdefault(category, []).append(question)
    largest = sorted(by_category.values(), key=len, reverse=True)[:3]
    return [questions[0] for questions in largest]


@staff_member_required
@require_POST
def call_token(request: HttpRequest, assistant: str) -> JsonResponse:
    """Return a short-lived token and the address to call with it."""
    found = get_object_or_404(Assistant, slug=assistant, is_active=True)
    token = tokens.issue(found.slug)
    scheme = "wss" if request.is_secure() else "ws"
    url = f"{scheme}://{request.get_host()}/ws/softphone/{found.slug}/?token={token}"
    return JsonResponse({"token": token, "url": url})
