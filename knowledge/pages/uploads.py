"""Files into a knowledge base and out of it: chosen, read, looked at, then applied or dropped."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from unfold.admin import ModelAdmin
from unfold.decorators import action

from knowledge.errors import LoadError
from knowledge.exporting import export
from knowledge.golden_check import lost_facts
from knowledge.import_checks import conflicts, orders
from knowledge.importing import Plan
from knowledge.loaders import MAX_BYTES
from knowledge.models import KnowledgeBase, Upload
from knowledge.pages.upload_columns import assigned_in, column_choices, template_file
from knowledge.readers import ACCEPTED
from knowledge.text_diff import changes
from knowledge.uploading import UploadError, apply_upload, assign, planned, receive
from knowledge.versions import MAX_EDITS

FORM_BYTES = 10_000
"""What a browser sends around the file."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_SHOWN = 100
"""Of each kind of change; a page with thousands serves nobody."""


class UploadPages(ModelAdmin):
    """What the admin of knowledge bases needs for files."""

    def has_upload_permission(self, request: HttpRequest, object_id: Any = None) -> bool:  # noqa: ARG002
        needed = ("add", "change", "delete")
        return request.user.has_perms([f"knowledge.{name}_document" for name in needed])

    def has_export_permission(self, request: HttpRequest, object_id: Any = None) -> bool:  # noqa: ARG002
        return request.user.has_perms(["knowledge.view_knowledgebase", "knowledge.view_document"])

    def get_urls(self) -> list[URLPattern]:
        preview = path(
            "upload/<int:pk>/",
            self.admin_site.admin_view(self.preview_view),
            name="knowledge_upload_preview",
        )
        template = path(
            "upload/template/",
            self.admin_site.admin_view(self.template_view),
            name="knowledge_upload_template",
        )
        return [preview, template, *super().get_urls()]

    def template_view(self, request: HttpRequest) -> HttpResponse:
        """Send an empty table with the known columns."""
        if not self.has_upload_permission(request):
            raise PermissionDenied
        name = quote(gettext("knowledge-template") + ".xlsx")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return HttpResponse(template_file(), content_type=XLSX, headers=headers)

    def _base(self, request: HttpRequest, object_id: str) -> KnowledgeBase:
        base = self.get_object(request, unquote(object_id))
        if base is None:
            raise Http404
        return base

    # Exempt, because the check of the token reads the request to its end; ``_upload`` makes up for it.
    @csrf_exempt
    @action(description=_("Upload a file"), icon="upload_file", permissions=["upload"])
    def upload(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Choose a file (GET), read it (POST); one that is too large is refused before it is read."""
        base = self._base(request, object_id)
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES + FORM_BYTES:
            refusal = _("The file is larger than {limit} MB. Divide it into several files.")
            return self._upload_page(request, base, refusal.format(limit=MAX_BYTES // 1_000_000), 413)
        return self._upload(request, base)

    @method_decorator(csrf_protect)
    def _upload(self, request: HttpRequest, base: KnowledgeBase) -> HttpResponse:
        if request.method != "POST":
            return self._upload_page(request, base)
        file = request.FILES.get("file")
        if file is None:
            return self._upload_page(request, base, str(_("Choose a file first.")), 400)
        user: Any = request.user
        try:
            upload = receive(base, file, user)
        except LoadError as refusal:
            return self._upload_page(request, base, refusal.message, 400)
        return HttpResponseRedirect(reverse("admin:knowledge_upload_preview", args=[upload.pk]))

    def _upload_page(
        self, request: HttpRequest, base: KnowledgeBase, refusal: str = "", status: int = 200
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": base.name,
            "base": base,
            "refusal": refusal,
            "accepted": ACCEPTED,
            "megabytes": MAX_BYTES // 1_000_000,
            "waiting": base.uploads.filter(applied_at=None)
            .select_related("uploaded_by")
            .defer("data", "content"),
            "opts": self.opts,
        }
        return render(request, "admin/knowledge/upload.html", context, status=status)

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what a file would do (GET); do that, drop the file, or assign its columns (POST)."""
        if not self.has_upload_permission(request):
            raise PermissionDenied
        upload = get_object_or_404(Upload.objects.select_related("base"), pk=pk)
        base_page = reverse("admin:knowledge_knowledgebase_change", args=[upload.base_id])
        if request.method == "POST" and "drop" in request.POST:
            Upload.objects.filter(pk=pk, applied_at=None).delete()
            messages.info(request, _("{file} was dropped; nothing was changed.").format(file=upload.name))
            return HttpResponseRedirect(base_page)
        if request.method == "POST" and "assign" in request.POST and not upload.applied_at:
            return self._assign(request, upload)
        if request.method == "POST":
            user: Any = request.user
            try:
                report = apply_upload(upload, request.POST.get("plan", ""), user)
            except UploadError as refusal:
                messages.error(request, refusal.message)
                return HttpResponseRedirect(request.path)
            done = _("{file}: {added} added, {changed} changed, {removed} removed.").format(
                file=upload.name,
                added=len(report.added),
                changed=len(report.changed),
                removed=len(report.removed),
            )
            self.log_change(request, upload.base, done)
            messages.success(request, done)
            messages.info(request, when_heard(report.touched))
            return HttpResponseRedirect(base_page)
        if upload.applied_at:
            messages.info(request, _("This file was applied or dropped already."))
            return HttpResponseRedirect(base_page)
        context = {
            **self.admin_site.each_context(request),
            "title": upload.name,
            "upload": upload,
            **shown(planned(upload)),
            "notice": upload.data.get("notice", ""),
            "columns": column_choices(upload),
            "opts": self.opts,
        }
        return render(request, "admin/knowledge/upload_preview.html", context)

    def _assign(self, request: HttpRequest, upload: Upload) -> HttpResponse:
        """Read the file again with the columns as the operator assigned them."""
        try:
            assign(upload, assigned_in(upload, request.POST))
        except LoadError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, _("The file was read again with these columns."))
        return HttpResponseRedirect(request.path)

    @action(description=_("Export"), icon="download", permissions=["export"])
    def export(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the base as a file of the documented schema."""
        base = self._base(request, object_id)
        try:
            text = export(base)
        except LoadError as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(reverse("admin:knowledge_knowledgebase_change", args=[base.pk]))
        headers = {"Content-Disposition": f'attachment; filename="{base.slug}.json"'}
        return HttpResponse(text, content_type="application/json; charset=utf-8", headers=headers)


def when_heard(touched: int) -> str:
    if touched > MAX_EDITS:
        return str(_("A new version is being built; it goes live when its golden questions allow."))
    return str(_("Callers hear this in a moment."))


def shown(plan: Plan) -> dict[str, Any]:
    """Return what the preview shows: counts, the first of each kind, and facts that would be lost."""
    changed = [
        (
            document,
            changes(document.content(), entry.content()),
            list(lost_facts(document, document.answer, entry.answer)),
        )
        for document, entry in plan.changed[:MOST_SHOWN]
    ]
    kept = [
        (document, changes(document.content(), entry.content()) if entry else None)
        for document, entry in plan.kept[:MOST_SHOWN]
    ]
    removed = [
        (document, list(lost_facts(document, document.answer, ""))) for document in plan.removed[:MOST_SHOWN]
    ]
    report = plan.report()
    found_conflicts, found_orders = conflicts(plan), orders(plan)
    return {
        "plan": plan,
        "report": report,
        "most": MOST_SHOWN,
        "added": plan.added[:MOST_SHOWN],
        "changed": changed,
        "removed": removed,
        "kept": kept,
        "conflicts": found_conflicts[:MOST_SHOWN],
        "contradictions": sum(conflict.differs for conflict in found_conflicts),
        "repetitions": sum(not conflict.differs for conflict in found_conflicts),
        "orders": found_orders[:MOST_SHOWN],
        "orders_count": len(found_orders),
        "when_heard": when_heard(report.touched),
    }
