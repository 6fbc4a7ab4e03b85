"""Snapshots and imports in the admin: what going back would change, then going back.

Part of the page of index versions. A snapshot is gone back to whole (``publish_version``), or entry by entry
as by editing; an import is withdrawn by whoever may upload one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from knowledge.models import ImportRecord, IndexVersion, KnowledgeBase, Snapshot
from knowledge.undo.imports import Step, WithdrawalError, fingerprint, plan_withdrawal, withdraw
from knowledge.undo.rolling_back import differences, moment_of, restore_entries, roll_back

MAX_SHOWN = 200
"""Entries of a page; what is not shown is gone back to with the whole snapshot only."""
MAX_LISTED = 20
EDITING = tuple(f"knowledge.{verb}_document" for verb in ("add", "change", "delete"))


class UndoPages(ModelAdmin):
    """What the admin of index versions needs to go back."""

    def get_urls(self) -> list[URLPattern]:
        views = {
            "snapshot/<int:pk>/": ("snapshot", self.snapshot_view),
            "import/<int:pk>/": ("import", self.import_view),
        }
        own = [
            path(route, self.admin_site.admin_view(view), name=f"knowledge_indexversion_{name}")
            for route, (name, view) in views.items()
        ]
        return [*own, *super().get_urls()]

    def snapshot_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show how the documents differ from a snapshot (GET); go back to it, or to some entries (POST)."""
        allow(request, ["knowledge.view_indexversion", "knowledge.view_document"])
        snapshot = get_object_or_404(Snapshot.objects.select_related("base", "user"), pk=pk)
        user: Any = request.user
        if request.method == "POST" and "all" in request.POST:
            allow(request, ["knowledge.publish_version"])
            built = roll_back(snapshot, user)
            text = _("Rolled back to {moment}.").format(moment=moment_of(snapshot))
            return self._done(request, snapshot.base, text, rolled_back(built))
        if request.method == "POST":
            allow(request, EDITING)
            keys = request.POST.getlist("entry")
            if not keys:
                messages.error(request, _("Choose the entries first."))
                return HttpResponseRedirect(request.path)
            built = restore_entries(snapshot, keys, user)
            text = _("{count} entries taken from the snapshot of {moment}.").format(
                count=len(keys), moment=moment_of(snapshot)
            )
            return self._done(request, snapshot.base, text, when_live(built))
        found = differences(snapshot)
        context = {
            "snapshot": snapshot,
            "total": len(found),
            "differences": found[:MAX_SHOWN],
            "may_roll_back": request.user.has_perm("knowledge.publish_version"),
            "may_edit": request.user.has_perms(EDITING),
        }
        return self._page(request, "snapshot", str(snapshot), context)

    def import_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what withdrawing an import would change (GET); withdraw it (POST)."""
        allow(request, EDITING)
        record = get_object_or_404(ImportRecord.objects.select_related("base", "user", "withdrawn_by"), pk=pk)
        user: Any = request.user
        if request.method == "POST":
            chosen = request.POST.getlist("overwrite")
            try:
                built = withdraw(record, chosen, request.POST.get("plan", ""), user)
            except WithdrawalError as refusal:
                messages.error(request, refusal.message)
                return HttpResponseRedirect(request.path)
            text = _("Import of {file} withdrawn").format(file=record.source)
            return self._done(request, record.base, text, when_live(built))
        steps = [] if record.withdrawn_at else plan_withdrawal(record)
        by_step = {step: [entry for entry in steps if entry.step == step] for step in Step}
        context = {
            "record": record,
            "plan": fingerprint(steps),
            "conflicts": by_step[Step.CONFLICT],
            "reverted": by_step[Step.REVERT][:MAX_SHOWN],
            "total": len(by_step[Step.REVERT]),
            "done": len(by_step[Step.NOTHING]),
        }
        return self._page(request, "import", record.source, context)

    def _done(self, request: HttpRequest, base: KnowledgeBase, said: str, when: str) -> HttpResponse:
        self.log_change(request, base, said)
        messages.success(request, said)
        messages.info(request, when)
        return HttpResponseRedirect(versions_page(base))

    def _page(self, request: HttpRequest, name: str, title: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "title": title, "opts": self.model._meta}
        return render(request, f"admin/knowledge/{name}.html", {**shared, "most": MAX_SHOWN, **context})


def undo_context(base: KnowledgeBase | None) -> dict[str, Any]:
    """Return what the page of versions lists: the latest snapshots and imports of a base."""
    if base is None:
        return {}
    snapshots = base.snapshots.select_related("user", "version").defer("data")
    imports = base.imports.select_related("user", "withdrawn_by").defer("data")
    return {"snapshots": snapshots[:MAX_LISTED], "imports": imports[:MAX_LISTED]}


def versions_page(base: KnowledgeBase) -> str:
    return f"{reverse('admin:knowledge_indexversion_changelist')}?base={base.slug}"


def allow(request: HttpRequest, permissions: Iterable[str]) -> None:
    """Raise PermissionDenied unless who asks has all of these."""
    if not request.user.has_perms(list(permissions)):
        raise PermissionDenied


def rolled_back(built: IndexVersion | None) -> str:
    """Return what an operator is told of a roll-back, by the version that is built for it, if any."""
    if built is None:
        return _("Callers hear it in a moment. The documents are as they were.")
    return _("The documents are as they were. Callers hear them as soon as the version for it is built.")


def when_live(built: IndexVersion | None) -> str:
    if built is None:
        return _("Callers hear this in a moment.")
    return _("A new version is being built; it goes live when its golden questions allow.")
