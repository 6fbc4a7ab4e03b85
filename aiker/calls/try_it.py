"""The page where an operator tries a question: what is found, what is said, and how it sounds.

::

    /admin/knowledge/try/?who=anna&q=周六开门吗      # or ?turn=345, from the page of a call
    /admin/knowledge/try/answer/                  # POST of the same fields: the answer, as a piece of HTML
    /admin/knowledge/try/save/                    # POST: the question becomes a golden question

The first two run on the event loop, where calls have their connections; the database has its own thread.
"""

from __future__ import annotations

import base64
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from aiker.calls.caller_questions import recent_questions
from aiker.calls.engines import make_reranker
from aiker.calls.models import Assistant
from aiker.calls.plan import CallPlan, plan_for
from aiker.calls.try_form import TryForm, read_form
from aiker.calls.trying import Search, try_answer, try_search
from engines.profiles import ProfileError
from knowledge.models import GoldenQuestion, IndexVersion, KnowledgeBase

MAY_TRY = permission_required("knowledge.view_document", raise_exception=True)
MAY_SAVE = permission_required("knowledge.add_goldenquestion", raise_exception=True)


@staff_member_required
@MAY_TRY
async def page(request: HttpRequest) -> HttpResponse:
    """Show the form and, where a question is given, what is found for it."""
    form = await sync_to_async(read_form)(request.GET)
    plan, problem = await sync_to_async(plan_of)(form)
    search = await searched(form, plan) if form.question else None
    return await sync_to_async(show)(request, form, search, plan, problem)


@staff_member_required
@MAY_TRY
@require_POST
async def answer(request: HttpRequest) -> HttpResponse:
    """Return what the assistant says to the question, with its sound."""
    form = await sync_to_async(read_form)(request.POST)
    plan, problem = await sync_to_async(plan_of)(form)
    if plan is None:
        return HttpResponse(problem, status=400)
    search = await searched(form, plan)
    said = await try_answer(plan, form.question, search.found if search else None)
    context = {"answer": said, "sound": base64.b64encode(said.wav).decode("ascii")}
    return await sync_to_async(render)(request, "admin/calls/try_answer.html", context)


@staff_member_required
@MAY_SAVE
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Make the question a golden one: what was found first is right, until somebody says otherwise."""
    base = get_object_or_404(KnowledgeBase, slug=request.POST.get("base", ""))
    asked = request.POST.get("q", "").strip()[:500]
    if not asked:
        return HttpResponse(_("There is no question to save."), status=400)
    document = base.documents.filter(key=request.POST.get("expected", "")).first()
    question, made = GoldenQuestion.objects.get_or_create(
        base=base,
        question=asked,
        before=request.POST.get("before", "").strip()[:500],
        defaults={"answerable": document is not None},
    )
    if made and document:
        question.expected.add(document)
    said = _("Saved. Check what must be found and said.") if made else _("It is a golden question already.")
    messages.success(request, said)
    return HttpResponseRedirect(reverse("admin:knowledge_goldenquestion_change", args=[question.pk]))


async def searched(form: TryForm, plan: CallPlan | None) -> Search | None:
    """Return what is found for the question; None where there is nothing to search."""
    if form.version is None or not form.question:
        return None
    reranker = make_reranker(plan) if plan else None
    return await try_search(form.version, form.question, before=form.before, k=form.k, reranker=reranker)


def plan_of(form: TryForm) -> tuple[CallPlan | None, str]:
    """Return how a call of the assistant would be answered, or why it would not."""
    if form.assistant is None:
        return None, _("Choose an assistant to hear an answer.")
    try:
        return plan_for(form.assistant), ""
    except ProfileError as exc:
        return None, str(exc)


def show(
    request: HttpRequest, form: TryForm, search: Search | None, plan: CallPlan | None, problem: str
) -> HttpResponse:
    base, found = form.base, search.found if search else None
    may_read_calls = request.user.has_perm("calls.view_call")
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Try a question"),
        "form": form,
        "search": search,
        "found": found,
        "expected": found.passages[0].key if found and found.passages else "",
        "can_answer": plan is not None,
        "problem": problem if form.assistant else "",
        "assistants": Assistant.objects.filter(is_active=True).exclude(knowledge_base=None),
        "bases": KnowledgeBase.objects.all(),
        "versions": IndexVersion.objects.filter(base=base, state=IndexVersion.State.READY) if base else [],
        "questions": recent_questions(base) if base and may_read_calls else [],
        "may_read_calls": may_read_calls,
    }
    return render(request, "admin/calls/try_it.html", context)
