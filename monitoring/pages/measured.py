"""The base of pages about what is measured: looked at, never edited.

::

    @admin.register(Sample)
    class ResourcesAdmin(MeasuredAdmin):
        title = gettext_lazy("Resources")
        template = "admin/monitoring/resources.html"

        def shown(self, request):                   # what the template needs besides title and menu
            return {"report": ...}
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django_stubs_ext import StrOrPromise
from unfold.admin import ModelAdmin


class MeasuredAdmin(ModelAdmin):
    """Rows that nobody adds, changes or deletes by hand: a page of its own instead of Django's list."""

    title: StrOrPromise
    template: str

    def shown(self, request: HttpRequest) -> dict[str, Any]:
        raise NotImplementedError

    def changelist_view(
        self,
        request: HttpRequest,
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        site = self.admin_site.each_context(request)
        page = {"title": self.title, "opts": self.model._meta}
        return render(request, self.template, site | page | self.shown(request))

    def change_view(
        self,
        request: HttpRequest,  # noqa: ARG002
        object_id: str,  # noqa: ARG002
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        # Django's pages of a row show what it names: of a turn, the caller's words.
        raise Http404

    def history_view(
        self,
        request: HttpRequest,  # noqa: ARG002
        object_id: str,  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        raise Http404

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False
