"""Knowledge in the admin: bases with their index versions; documents are in ``knowledge.pages``."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from knowledge.deleting import what_hangs_on
from knowledge.golden_admin import GoldenQuestionAdmin, GoldenRunAdmin
from knowledge.models import Document, GoldenQuestion, IndexVersion, KnowledgeBase
from knowledge.pages.documents import DocumentAdmin
from knowledge.pages.uploads import UploadPages
from knowledge.version_admin import IndexVersionAdmin
from knowledge.versions import request_version

__all__ = [
    "DocumentAdmin",
    "GoldenQuestionAdmin",
    "GoldenRunAdmin",
    "IndexVersionAdmin",
    "KnowledgeBaseAdmin",
]


class ReadOnlyInline(TabularInline):
    """Rows that only the indexer writes."""

    extra = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


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


@admin.register(KnowledgeBase)
class KnowledgeBaseAdmin(UploadPages, ModelAdmin):
    list_display = ["name", "slug", "document_count", "active_version", "live_since", "updated_at"]
    search_fields = ["name", "slug", "description"]
    list_select_related = ["active_version"]
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["active_version", "created_at", "updated_at"]
    inlines = [IndexVersionInline]
    actions = ["reindex_selected"]
    actions_detail = ["upload", "export"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[KnowledgeBase]:
        return super().get_queryset(request).annotate(document_count=Count("documents"))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Return what hangs on the bases, in counts; their versions and runs go with them."""
        found = [what_hangs_on(base) for base in objs]
        counts: Counter[str] = Counter()
        for hanging in found:
            counts.update(
                {
                    str(model._meta.verbose_name_plural): number
                    for model, number in hanging.rows.items()
                    if number
                }
            )
        asked = (Document, GoldenQuestion)
        refused = {
            str(model._meta.verbose_name)
            for model in asked
            if any(hanging.rows.get(model) for hanging in found)
            and not request.user.has_perm(f"knowledge.delete_{model._meta.model_name}")
        }
        return [str(hanging) for hanging in found], dict(counts), refused, []

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
            assert isinstance(request.user, User)
            request_version(base, gettext("asked for in the admin"), user=request.user)
            text = _("A new version of {base} is being built; it goes live when its golden questions allow.")
            messages.success(request, text.format(base=base.name))
