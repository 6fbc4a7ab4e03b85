"""A draft tried on some calls, in the admin: started, stopped, and made live for all.

Part of the page of index versions; each is a POST and asks for ``publish_version``.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from knowledge.canary import running
from knowledge.canary.assignment import PatternError, patterns_from
from knowledge.canary.running import CanaryError
from knowledge.models import Canary, IndexVersion
from knowledge.pages.undo import allow, versions_page


class CanaryPages(ModelAdmin):
    """What the admin of index versions needs for canaries."""

    def get_urls(self) -> list[URLPattern]:
        views = {
            "<int:pk>/canary/": ("start_canary", self.start_canary_view),
            "canary/<int:pk>/stop/": ("stop_canary", self.stop_canary_view),
        }
        own = [
            path(route, self.admin_site.admin_view(view), name=f"knowledge_indexversion_{name}")
            for route, (name, view) in views.items()
        ]
        return [*own, *super().get_urls()]

    @method_decorator(require_POST)
    def start_canary_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let a draft serve the share of calls and the callers that the form names."""
        allow(request, ["knowledge.publish_version"])
        version = get_object_or_404(IndexVersion.objects.select_related("base"), pk=pk)
        user: Any = request.user
        try:
            patterns = patterns_from(request.POST.get("patterns", ""))
            running.start(version, share_from(request.POST.get("share", "")), patterns, user)
        except PatternError as wrong:
            text = _("“{text}” is no number of a caller. Use digits, * for any of them and ? for one.")
            messages.error(request, text.format(text=wrong.args[0]))
        except CanaryError as refusal:
            messages.error(request, refusal.message)
        else:
            self.log_change(request, version, _("Tried on some calls."))
            messages.success(request, _("Calls that begin from now on may be answered from this draft."))
        return HttpResponseRedirect(versions_page(version.base))

    @method_decorator(require_POST)
    def stop_canary_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End a canary: all new calls are answered from the live version."""
        allow(request, ["knowledge.publish_version"])
        canary = get_object_or_404(Canary.objects.select_related("version", "base"), pk=pk)
        user: Any = request.user
        if running.end(canary, Canary.Outcome.STOPPED, "", user):
            self.log_change(request, canary.version, _("No longer tried on calls."))
            messages.success(request, _("Stopped: new calls are answered from the live version."))
        return HttpResponseRedirect(versions_page(canary.base))


def share_from(text: str) -> int:
    """Return the percentage of a form; an empty field is none, and what is no number is refused."""
    text = text.strip().rstrip("%％")
    if not text:
        return 0
    if not text.isdecimal():
        raise CanaryError(_("Give the share of calls as a whole number of percent."))
    return int(text)
