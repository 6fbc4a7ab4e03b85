"""What the page of a call asks engines for: the tokens of a prompt, and a turn run again.

::

    /admin/calls/call/<id>/turn/3/given/     # what the language model was given, as a piece of HTML
    /admin/calls/call/<id>/replay/           # ?turn=3, or all turns: the page with the choices
    /admin/calls/call/<id>/replay/3/         # POST of the choices: turn 3 then and now, as a piece of HTML

They run on the event loop, where calls have their connections; the database and the disk have threads.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.contrib.contenttypes.models import ContentType
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from aiker.calls.call_page.comparison import compare
from aiker.calls.call_page.given import asked_in
from aiker.calls.call_page.page import is_audible, turns_of
from aiker.calls.call_page.replay import clip_of, replay
from aiker.calls.call_page.replay_form import ReplayForm, read_form
from aiker.calls.call_page.times import TurnTimes
from aiker.calls.call_page.waterfall import spans_of
from aiker.calls.models import Assistant, Call, Turn
from aiker.calls.plan import CallPlan, plan_for
from aiker.calls.token_count import count_tokens, estimate
from engines.models import BackendProfile
from engines.profiles import ProfileError
from knowledge.models import IndexVersion

MAY_SEE = permission_required("calls.view_call", raise_exception=True)
MAY_REPLAY = permission_required(["calls.view_call", "calls.replay_call"], raise_exception=True)
REPLAY_S = 90.0
"""The longest that one turn may take to run again."""

_running: set[int] = set()  # turns that are run again in this process; live calls share its engines


@staff_member_required
@MAY_SEE
async def given(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Return the messages of a turn with their tokens."""
    call, turns, _times = await sync_to_async(_call)(pk)
    turn = _turn(turns, number)
    context = await sync_to_async(_given)(call, turns, turn)
    plan: CallPlan | None = context.pop("plan")
    tokens = estimate(context["messages"])
    if plan:
        endpoints = plan.engines.llm
        served = next((e for e in endpoints if e.engine == turn.engines.get("llm")), endpoints[0])
        tokens = await count_tokens(served, context["messages"])
    context["tokens"] = tokens
    return await sync_to_async(render)(request, "admin/calls/call_given.html", context)


@staff_member_required
@MAY_REPLAY
def replay_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show what can be chosen, and the turns that will be run; nothing runs yet."""
    call, turns, _times = _call(pk)
    asked = request.GET.get("turn", "")
    chosen = [turn for turn in turns if not asked or str(turn.number) == asked]
    form = read_form(call, {})
    base_id = form.assistant.knowledge_base_id if form else None
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Run again"),
        "call": call,
        "turns": chosen,
        "one": bool(asked),
        "form": form,
        "audible": is_audible(call),
        "own_profile": form.assistant.profile if form else None,
        "profiles": BackendProfile.objects.filter(is_published=True),
        "versions": IndexVersion.objects.filter(base=base_id, state=IndexVersion.State.READY)[:50],
        "then": ", ".join(sorted({turn.retrieval.get("version", "") for turn in chosen} - {""})),
        "tools": form.assistant.tools.filter(is_active=True).exists() if form else False,
    }
    return render(request, "admin/calls/replay.html", context)


@staff_member_required
@MAY_REPLAY
@require_POST
async def replay_turn(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Run one turn again and return it beside what it was; one at a time, so that calls are not starved."""
    call, turns, times = await sync_to_async(_call)(pk)
    turn = _turn(turns, number)
    form = await sync_to_async(read_form)(call, request.POST, turn)
    if form is None:
        return _refused(_("The assistant of this call was deleted."))
    try:
        plan = await sync_to_async(form.plan)()
    except ProfileError as exc:
        return _refused(str(exc))
    if _running:
        return _refused(_("Another turn is being run again. Wait until it is done."), 409)
    _running.add(turn.pk)
    try:
        async with asyncio.timeout(REPLAY_S):
            context = await _replayed(call, turns, turn, times[number], form, plan)
    except TimeoutError:
        text = _("It took longer than %(seconds)d s and was stopped. Engines, Machine shows what is slow.")
        return _refused(text % {"seconds": REPLAY_S}, 504)
    finally:
        _running.discard(turn.pk)
    return await sync_to_async(render)(request, "admin/calls/replay_turn.html", context)


async def _replayed(
    call: Call, turns: list[Turn], turn: Turn, times: TurnTimes, form: ReplayForm, plan: CallPlan
) -> dict[str, Any]:
    audible = await sync_to_async(is_audible)(call)
    clip = await sync_to_async(clip_of)(call.recording, times) if audible else b""
    asked = asked_in(turns, turn.number, plan.apology)
    said = turn.heard_as or turn.user_text
    done = await replay(plan, asked, clip, said=said, version=form.version)
    return {
        "call": call,
        "turn": turn,
        "times": times,
        "audible": audible and times.zero_ms is not None,
        "done": done,
        "compared": compare(turn, spans_of(turn, times), done),
        "sound": base64.b64encode(done.answer.wav).decode("ascii") if done.answer else "",
        "profile": plan.engines.profile,
        "notice": form.notice,
    }


def _refused(text: str, status: int = 400) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def _call(pk: UUID) -> tuple[Call, list[Turn], dict[int, TurnTimes]]:
    call = get_object_or_404(Call.objects.select_related("assistant").defer("events"), pk=pk)
    turns, times = turns_of(call)
    return call, turns, times


def _turn(turns: list[Turn], number: int) -> Turn:
    for turn in turns:
        if turn.number == number:
            return turn
    raise Http404


def _given(call: Call, turns: list[Turn], turn: Turn) -> dict[str, Any]:
    assistant = Assistant.objects.select_related("profile").filter(calls=call).first()
    plan, problem = None, ""
    if assistant is None:
        problem = _("The assistant of this call was deleted; its system prompt is not known.")
    else:
        try:
            plan = plan_for(assistant)
        except ProfileError as exc:
            problem = _("Tokens are not counted: %(problem)s") % {"problem": exc}
    prompt = assistant.system_prompt.replace("{name}", assistant.name) if assistant else ""
    asked = asked_in(turns, turn.number, assistant.apology if assistant else "")
    return {
        "plan": plan,
        "problem": problem,
        "messages": asked.messages(prompt),
        "assistant_changed": _edited_since(assistant, call) if assistant else None,
        "tools": ", ".join(tool.slug for tool in plan.tools if tool.ask_model) if plan else "",
        "answer_tokens": estimate([{"role": "assistant", "content": turn.assistant_text}]).tokens,
    }


def _edited_since(assistant: Assistant, call: Call) -> Any:
    """Return when the assistant was edited last in the admin, if after the call began."""
    kind = ContentType.objects.get_for_model(Assistant)
    edits = LogEntry.objects.filter(content_type=kind, object_id=str(assistant.pk))
    last = edits.filter(action_time__gt=call.started_at).order_by("-action_time").first()
    return last.action_time if last else None
