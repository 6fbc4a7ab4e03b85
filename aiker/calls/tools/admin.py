"""Tools in the admin: declared, checked, and tried by hand."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as now
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from aiker.calls.tools.dry_run import shown_request, try_it
from aiker.calls.tools.forms import ArgumentsForm, ToolForm
from aiker.calls.tools.models import HEADER, SIGNING_KEY, Tool
from aiker.calls.tools.spec import ToolError
from aiker.calls.tools.transfer import unkept_offers
from engines.secrets import SecretsError, decrypt

IN_USE, NOT_IN_USE, NO_NUMBER = _("in use"), _("not in use"), _("fill in the number")
NOT_TRANSFERRED_YET = _("Callers are not transferred yet: fill in “transfer to” and switch “in use” on.")


@admin.register(Tool)
class ToolAdmin(ModelAdmin):
    """See ``docs/tools.md``."""

    form = ToolForm
    list_display = ["name", "kind", "used_by", "called_by", "state"]
    list_filter = ["kind", "is_active", "assistants"]
    search_fields = ["name", "slug", "phrases"]
    prepopulated_fields = {"slug": ["name"]}
    actions_detail = ["try_tool"]
    readonly_fields = ["stored"]
    conditional_fields = {
        "target": "kind == 'transfer'",
        "method": "kind == 'lookup'",
        "description": "ask_model == true",
    }
    fieldsets = [
        (None, {"fields": ["name", "slug", "kind", "is_active", "assistants"]}),
        (_("When it is called"), {"fields": ["phrases", "ask_model", "description", "parameters"]}),
        (_("What is said"), {"fields": ["confirm", "progress", "answer", "failure"]}),
        (
            _("What is done"),
            {
                "fields": [
                    "target",
                    "url",
                    "method",
                    "timeout_s",
                    "stored",
                    "headers",
                    "signing_key",
                    "forget",
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("assistants")

    @admin.display(description=_("assistants"))
    def used_by(self, tool: Tool) -> str:
        return "、".join(assistant.name for assistant in tool.assistants.all()) or "–"

    @admin.display(description=_("called by"))
    def called_by(self, tool: Tool) -> str:
        ways = [*tool.said[:2], *([now("language model")] if tool.ask_model else [])]
        return " · ".join(ways)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        tool = self.get_object(request, object_id)
        if request.method == "GET" and tool and tool.lacks_target:
            self.message_user(request, NOT_TRANSFERRED_YET, messages.WARNING)
        return super().change_view(request, object_id, *args, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        served = set(form.instance.assistants.all()) if change else set()
        super().save_related(request, form, formsets, change)
        tool = form.instance
        if tool.lacks_target:
            self.message_user(request, NOT_TRANSFERRED_YET, messages.WARNING)
        for assistant in served | set(tool.assistants.all()):
            if unkept := unkept_offers(assistant):
                text = _("%(assistant)s offers a transfer that is not there, in: %(fields)s.")
                values = {"assistant": assistant, "fields": "、".join(unkept.values())}
                self.message_user(request, text % values, messages.WARNING)

    @display(description=_("state"), label={IN_USE: "success", NOT_IN_USE: "default", NO_NUMBER: "warning"})
    def state(self, tool: Tool) -> Any:
        if tool.lacks_target:
            return NO_NUMBER
        return IN_USE if tool.is_active else NOT_IN_USE

    @admin.display(description=_("stored headers"))
    def stored(self, tool: Tool) -> str:
        try:
            kept = decrypt(tool.sealed)
        except SecretsError as exc:
            return str(exc)
        names = [f"{name.removeprefix(HEADER)}: ••••••" for name in kept if name.startswith(HEADER)]
        if SIGNING_KEY in kept:
            names.append(now("a signing key"))
        return ", ".join(names) or "–"

    @action(description=_("Try it"), icon="play_arrow")
    def try_tool(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the request for the arguments entered; send it only by the second button and permission."""
        tool = get_object_or_404(Tool, pk=object_id)
        if not self.has_view_or_change_permission(request, tool):
            raise PermissionDenied
        may_send = request.user.has_perm("calls.send_tool")
        spec = tool.spec()
        form = ArgumentsForm(spec.parameters, request.POST if request.method == "POST" else None)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": now("Try %(tool)s") % {"tool": tool.name},
            "opts": self.model._meta,
            "tool": tool,
            "form": form,
            "may_send": may_send,
        }
        if request.method == "POST" and form.is_valid():
            try:
                context["shown"] = shown_request(spec, form.arguments) if spec.url else None
                context["made"] = True
            except ToolError as exc:
                messages.error(request, exc.message)
            else:
                if "send" in request.POST and spec.url:
                    if not may_send:
                        raise PermissionDenied
                    outcome = try_it(spec, form.arguments)
                    context["outcome"] = outcome
                    context["result"] = json.dumps(outcome.result, ensure_ascii=False, indent=2)
                    self.log_change(request, tool, now("Its request was sent by hand."))
        return render(request, "admin/calls/try_tool.html", context)
