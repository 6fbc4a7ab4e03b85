"""Documents in the admin: what callers are told, whether they hear it already, and how it came to be."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from knowledge import editing, history
from knowledge.models import Document
from knowledge.pages.document_form import DocumentForm
from knowledge.pages.document_list import DocumentList, StateFilter
from knowledge.pages.passages import PassagePages, rows_of
from knowledge.status import DocumentState, State, states

COLOURS = {
    State.INDEXED.value: "success",
    State.ON_ITS_WAY.value: "info",
    State.FAILED.value: "danger",
    State.NOT_LIVE.value: "warning",
}

BEGINNING = 80


@admin.register(Document)
class DocumentAdmin(PassagePages, ModelAdmin):
    form = DocumentForm
    list_display = ["title", "state", "category", "question", "beginning", "base", "updated_at"]
    list_filter = ["base", StateFilter, "kind", "category", "is_sample", "source"]
    search_fields = ["title", "question", "answer", "alternative_questions", "key"]
    search_help_text = _("Title, question, answer or key")
    list_select_related = ["base"]
    list_per_page = 50
    readonly_fields = ["source", "is_sample", "created_at", "updated_at"]
    warn_unsaved_form = True
    change_form_outer_before_template = "admin/knowledge/document_state.html"
    change_form_before_template = "admin/knowledge/document_confirm.html"
    change_form_outer_after_template = "admin/knowledge/passages.html"
    fieldsets = [
        (None, {"fields": [("base", "category"), "title", "question", "alternative_questions", "answer"]}),
        (
            _("How and when it is said"),
            {"fields": [("kind", "verbatim"), ("valid_from", "valid_until"), "tags"]},
        ),
        (
            _("Origin"),
            {
                "fields": ["key", ("source", "is_sample"), ("created_at", "updated_at")],
                "classes": ["collapse"],
            },
        ),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Document | None = None) -> Any:
        """Return also what tells a document apart: a change of it would leave the old one in the index."""
        fields = [*super().get_readonly_fields(request, obj)]
        return [*fields, "base", "key"] if obj else fields

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:  # noqa: ARG002
        return DocumentList

    def get_urls(self) -> list[URLPattern]:
        retry = path(
            "<int:pk>/retry/",
            self.admin_site.admin_view(require_POST(self.retry_view)),
            name="knowledge_document_retry",
        )
        return [retry, *super().get_urls()]

    @display(description=_("state"), label=COLOURS)
    def state(self, document: Any) -> tuple[str, Any]:
        found: DocumentState = document.index_state
        return found.state.value, found.state.label

    @admin.display(description=_("answer"), ordering="answer")
    def beginning(self, document: Document) -> str:
        return Truncator(document.answer).chars(BEGINNING)

    # -- the page of a document -------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        if obj:
            # The form may have changed ``obj`` already, without saving it.
            saved = Document.objects.select_related("base__active_version").get(pk=obj.pk)
            context |= {
                "document": saved,
                "index_state": states(saved.base, [saved])[saved.pk],
                "passages": rows_of(saved),
                "may_change": self.has_change_permission(request, obj),
                "taken_back": self.taken_back(request, obj),
            }
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return the document; with ``?version=`` it is shown as it was then, to be saved so."""
        document = super().get_object(request, object_id, from_field)
        record = self.taken_back(request, document)
        if document and record and request.method == "GET":
            history.take_back(document, record)
        return document

    def taken_back(self, request: HttpRequest, document: Any) -> Any:
        """Return the row of the history that the page was opened with."""
        version = request.GET.get("version", "")
        return document.history.filter(pk=version).first() if document and version.isdecimal() else None

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        record = self.taken_back(request, obj) if change else None
        if change and not form.has_changed() and record is None:
            return  # nothing to index, and nothing for the history
        reasons = [form.reason()] if form.reason() else []
        if record:
            history.take_back_passages(obj, record)
            moment = timezone.localtime(record.history_date)
            reasons.insert(0, gettext("Back to the state of {moment:%Y-%m-%d %H:%M}").format(moment=moment))
        for reason in reasons:
            self.log_change(request, obj, reason)
        obj._change_reason = "; ".join(reasons)[:100]
        super().save_model(request, obj, form, change)
        messages.info(request, _("Callers hear this in a moment."))
        if obj.passages_by_hand and "answer" in form.changed_data:
            text = _("The passages of {title} were edited by hand and stay as they were: callers hear those.")
            messages.warning(request, text.format(title=obj.title))

    def retry_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Index a document now, instead of when its turn comes."""
        document = get_object_or_404(Document, pk=pk)
        if not self.has_change_permission(request, document):
            raise PermissionDenied
        editing.touch(document)
        messages.success(request, _("It is tried again now."))
        return HttpResponseRedirect(reverse("admin:knowledge_document_change", args=[pk]))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Show every state of a document with what changed, each to be gone back to."""
        document = self.get_object(request, unquote(object_id))
        if document is None:
            raise Http404
        if not self.has_view_permission(request, document):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": document.title,
            "document": document,
            "versions": history.versions_of(document),
            "most": history.MOST_VERSIONS,
            "may_change": self.has_change_permission(request, document),
            "opts": self.opts,
            **(extra_context or {}),
        }
        return render(request, "admin/knowledge/history.html", context)
