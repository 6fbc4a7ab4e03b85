"""Knowledge in the admin: bases with their index versions, documents with their passages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from knowledge.errors import KnowledgeError
from knowledge.models import Chunk, Document, IndexVersion, KnowledgeBase


class LinesField(forms.CharField):
    """A list of texts, edited as one text a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = (line.strip() for line in (value or "").splitlines())
        return list(dict.fromkeys(line for line in lines if line))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial)) != self.to_python(data)


class ReadOnlyInline(TabularInline):
    """Rows that only the indexer writes."""

    extra = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


class ChunkInline(ReadOnlyInline):
    model = Chunk
    fields = ["position", "text"]
    readonly_fields = fields
    verbose_name_plural = _("passages as they were last indexed")


class IndexVersionInline(ReadOnlyInline):
    model = IndexVersion
    fields = [
        "collection_name",
        "state",
        "chunk_count",
        "embedding_model",
        "created_at",
        "activated_at",
        "error",
    ]
    readonly_fields = fields
    verbose_name_plural = _("index versions, newest first")


class DocumentForm(forms.ModelForm):
    alternative_questions = LinesField(
        label=_("other wordings"), help_text=_("One a line: the same question as callers really ask it.")
    )
    tags = LinesField(label=_("tags"), help_text=_("One a line."))

    class Meta:
        model = Document
        fields = ["base", "key", "category", "title", "question", "alternative_questions", "answer", "tags"]


@admin.register(Document)
class DocumentAdmin(ModelAdmin):
    form = DocumentForm
    list_display = ["title", "category", "question", "answer", "base", "updated_at"]
    list_filter = ["base", "category", "is_sample", "source"]
    search_fields = ["title", "question", "answer", "alternative_questions", "key"]
    search_help_text = _("Title, question, answer or key")
    list_select_related = ["base"]
    list_per_page = 50
    readonly_fields = ["source", "is_sample", "created_at", "updated_at"]
    inlines = [ChunkInline]
    fieldsets = [
        (
            None,
            {"fields": ["base", "category", "title", "question", "alternative_questions", "answer", "tags"]},
        ),
        (_("Origin"), {"fields": ["key", "source", "is_sample", "created_at", "updated_at"]}),
    ]

    def save_model(self, request: HttpRequest, obj: Document, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.has_changed():
            messages.info(request, _("Callers hear this after the knowledge base is re-indexed."))


@admin.register(KnowledgeBase)
class KnowledgeBaseAdmin(ModelAdmin):
    list_display = ["name", "slug", "document_count", "active_version", "live_since", "updated_at"]
    search_fields = ["name", "slug", "description"]
    list_select_related = ["active_version"]
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["active_version", "created_at", "updated_at"]
    inlines = [IndexVersionInline]
    actions = ["reindex_selected"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[KnowledgeBase]:
        return super().get_queryset(request).annotate(document_count=Count("documents"))

    @admin.display(description=_("documents"), ordering="document_count")
    def document_count(self, base: Any) -> int:
        return base.document_count

    @admin.display(description=_("live since"), ordering="active_version__activated_at")
    def live_since(self, base: KnowledgeBase) -> Any:
        return base.active_version and base.active_version.activated_at

    # The method form: a codename in permissions=[...] makes unfold query the database in a system check.
    def has_reindex_permission(self, request: HttpRequest, object_id: Any = None) -> bool:  # noqa: ARG002
        return request.user.has_perm("knowledge.change_knowledgebase")

    @action(description=_("Re-index and make live"), permissions=["reindex"])
    def reindex_selected(self, request: HttpRequest, queryset: QuerySet[KnowledgeBase]) -> None:
        for base in queryset:
            self.reindex(request, base)

    def reindex(self, request: HttpRequest, base: KnowledgeBase) -> None:
        """Build a new version now, while the operator waits, and say how it ended."""
        # Chroma's client takes a second to import, which every manage.py command would pay.
        from knowledge.indexing import rebuild_index

        try:
            version = rebuild_index(base)
        except KnowledgeError as exc:
            text = _("{base} was not re-indexed; callers hear the index as it was before. {reason}")
            messages.error(request, text.format(base=base.name, reason=exc.message))
            return
        text = _("{base} is re-indexed: {chunks} passages are live for the next call.")
        messages.success(request, text.format(base=base.name, chunks=version.chunk_count))
