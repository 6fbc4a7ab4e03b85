"""Index versions in the admin: how each was made and measured, and which one callers hear.

A page of its own instead of Django's list, ``admin:knowledge_indexversion_changelist`` (``?base=onesuite``).
What changes something is a POST, and asks for its permission: ``change_knowledgebase`` to build,
``publish_version`` to publish and roll back, ``override_gate`` to publish against the golden questions.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from knowledge.errors import KnowledgeError
from knowledge.models import IndexVersion, KnowledgeBase
from knowledge.pages.canary import CanaryPages
from knowledge.pages.undo import EDITING, UndoPages, rolled_back, undo_context, versions_page
from knowledge.tasks import request_publication, request_run
from knowledge.undo.rolling_back import roll_back_to_version
from knowledge.version_page import chosen_base, outcome_of_request, version_rows
from knowledge.versions import request_version


@admin.register(IndexVersion)
class IndexVersionAdmin(CanaryPages, UndoPages, ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def get_urls(self) -> list[URLPattern]:
        views = {
            "build/<int:pk>/": ("build", self.build_view),
            "<int:pk>/publish/": ("publish", self.publish_view),
            "<int:pk>/roll-back/": ("roll_back", self.roll_back_view),
            "<int:pk>/ask/": ("ask", self.ask_view),
        }
        own = [
            path(route, self.admin_site.admin_view(view), name=f"knowledge_indexversion_{name}")
            for route, (name, view) in views.items()
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the versions of a base, newest first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        base, bases = chosen_base(request.GET.get("base", ""))
        rows = version_rows(base, request.user) if base else []
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": _("Index versions"),
            "opts": self.model._meta,
            "base": base,
            "bases": bases,
            "rows": rows,
            "under_way": any(row.under_way for row in rows),
            **undo_context(base),
            "may_withdraw": request.user.has_perms(EDITING),
            "may_build": request.user.has_perm("knowledge.change_knowledgebase"),
        }
        return render(request, "admin/knowledge/versions.html", context)

    @method_decorator(require_POST)
    def build_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for a new version, which goes live by itself unless that is not wanted."""
        user = allowed(request, "knowledge.change_knowledgebase")
        base = get_object_or_404(KnowledgeBase, pk=pk)
        publish = "no_publish" not in request.POST
        version = request_version(base, _("asked for in the admin"), user=user, publish=publish)
        self.log_addition(request, version, _("Build asked for."))
        return back(base)

    @method_decorator(require_POST)
    def publish_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Have a version published; with ``override`` whatever its golden questions give."""
        user, override = allowed(request, "knowledge.publish_version"), "override" in request.POST
        if override:
            allowed(request, "knowledge.override_gate")
        version = get_object_or_404(IndexVersion, pk=pk, state=IndexVersion.State.READY)
        request_publication(version, user, override=override)
        said = (
            _("Publishing asked for, against its golden questions.")
            if override
            else _("Publishing asked for.")
        )
        self.log_change(request, version, said)
        messages.info(request, outcome_of_request(override))
        return back(version.base)

    @method_decorator(require_POST)
    def roll_back_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Go back to what a version held when it last went live: what callers hear, and the documents."""
        user = allowed(request, "knowledge.publish_version")
        version = get_object_or_404(IndexVersion, pk=pk)
        try:
            built = roll_back_to_version(version, user)
        except KnowledgeError as exc:
            messages.error(request, exc.message)
        else:
            self.log_change(request, version, _("Rolled back to this version."))
            messages.success(request, _("Rolled back to this version."))
            messages.info(request, rolled_back(built))
        return back(version.base)

    @method_decorator(require_POST)
    def ask_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Have the golden questions asked of a version; nothing is published."""
        user = allowed(request, "knowledge.view_goldenrun")
        version = get_object_or_404(IndexVersion, pk=pk, state=IndexVersion.State.READY)
        request_run(version, user)
        return back(version.base)


def allowed(request: HttpRequest, permission: str) -> User:
    """Return who asks, when they may; the check of the admin has seen to the login."""
    if not isinstance(request.user, User) or not request.user.has_perm(permission):
        raise PermissionDenied
    return request.user


def back(base: KnowledgeBase) -> HttpResponseRedirect:
    return HttpResponseRedirect(versions_page(base))
