"""The passages of a document on its page: as they are, as callers hear them, and buttons to edit them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from knowledge import passage_editing
from knowledge.cleaning import clean
from knowledge.golden_check import lost_facts
from knowledge.models import Chunk, Document
from knowledge.passage_editing import PassageError, editing_passages
from knowledge.status import live_passages


@dataclass(frozen=True)
class PassageRow:
    """``is_live``: callers hear it just so, or do not hear it because it is not used."""

    chunk: Chunk
    is_live: bool
    is_last: bool

    @property
    def lines(self) -> int:
        """How high its field is; a Chinese line of the page has about 60 characters."""
        return min(12, max(2, sum(1 + len(line) // 60 for line in self.chunk.text.splitlines())))


def rows_of(document: Document) -> list[PassageRow]:
    chunks = list(document.chunks.all())
    live = live_passages(document)
    return [
        PassageRow(
            chunk,
            is_live=(chunk.text if chunk.is_active else None)
            == (live[chunk.pk].text if chunk.pk in live else None),
            is_last=chunk is chunks[-1],
        )
        for chunk in chunks
    ]


class PassagePages(ModelAdmin):
    """What an admin of documents needs for their passages."""

    def get_urls(self) -> list[URLPattern]:
        edit = path(
            "<int:pk>/passages/",
            self.admin_site.admin_view(require_POST(self.passages_view)),
            name="knowledge_document_passages",
        )
        return [edit, *super().get_urls()]

    def passages_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Do what a button below a passage says."""
        document = get_object_or_404(Document, pk=pk)
        if not self.has_change_permission(request, document):
            raise PermissionDenied
        form = request.POST
        user: Any = request.user
        try:
            with editing_passages(pk, number(form.get("revision")), user) as current:
                before = heard_of(current)
                press(current, form.get("do", ""), number(form.get("chunk")), form)
                self.log_change(request, current, current._change_reason)
        except PassageError as refusal:
            context = {
                **self.admin_site.each_context(request),
                "title": document.title,
                "document": document,
                "refusal": refusal.message,
                "text": form.get("text", ""),
                "opts": self.opts,
            }
            return render(request, "admin/knowledge/passage_refused.html", context, status=409)
        messages.success(request, _("Callers hear this in a moment."))
        for question, facts in lost_facts(current, before, heard_of(current)):
            text = _("“{question}” must be answered with {facts}: no passage in use says so any more.")
            messages.warning(request, text.format(question=question, facts=", ".join(facts)))
        return HttpResponseRedirect(reverse("admin:knowledge_document_change", args=[pk]) + "#passages")


def heard_of(document: Document) -> str:
    """Return what callers can be told of a document."""
    texts = document.chunks.filter(is_active=True).order_by("position").values_list("text", flat=True)
    return "\n".join(texts)


def press(document: Document, button: str, chunk: int, form: Any) -> None:
    text = clean(form.get("text", ""))
    match button:
        case "edit":
            passage_editing.edit(document, chunk, text)
        case "split":
            passage_editing.split(document, chunk, text, number(form.get("at")))
        case "merge":
            passage_editing.merge(document, chunk)
        case "use" | "leave_out":
            passage_editing.use(document, chunk, button == "use")
        case "cut_again":
            passage_editing.cut_again(document)
        case _:
            raise PassageError(str(_("Press one of the buttons.")))


def number(value: Any) -> int:
    """Return what a hidden field says; 0, which fits nothing, when it was tampered with."""
    return int(value) if value and str(value).isdecimal() else 0
