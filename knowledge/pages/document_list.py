"""The list of documents: the state of each row, asked for all rows of a page at once, and a filter by it."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.views import ChangeList

from knowledge.models import Document, IndexChange, KnowledgeBase
from knowledge.status import State, not_live, states_of


class DocumentList(ChangeList):
    """Gives each document of the page its ``index_state``."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        documents = list(self.result_list)
        found = states_of(documents)
        for document in documents:
            document.index_state = found[document.pk]
        self.result_list = documents


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:  # noqa: ARG002
        return State.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        state = self.value()
        if state not in State.values:
            return queryset
        changes = IndexChange.objects.filter(base=OuterRef("base"), document_id=OuterRef("pk"))
        if state == State.FAILED:
            return queryset.filter(Exists(changes.exclude(error="")))
        if state == State.ON_ITS_WAY:
            return queryset.filter(Exists(changes.filter(error="")))
        bases = KnowledgeBase.objects.select_related("active_version")
        if chosen := request.GET.get("base__id__exact", ""):
            bases = bases.filter(pk=chosen)
        elsewhere = one_of([pk for base in bases for pk in not_live(base)])
        if state == State.NOT_LIVE:
            return queryset.filter(pk__in=elsewhere)
        return queryset.exclude(Exists(changes)).exclude(pk__in=elsewhere)


def one_of(ids: list[int]) -> RawSQL:
    """Return ids for ``pk__in``, more than a query has parameters."""
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(ids)])
