"""The form of a document: nothing is overwritten unseen, and no fact is lost unseen.

A second editor of the same document is refused, shown what the first one saved, and keeps what was typed. An
edit that takes a fact which a golden question asks for is refused with the question. Either can be confirmed,
and then the history says so.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from knowledge.cleaning import clean
from knowledge.form_fields import LinesField
from knowledge.golden_check import lost_facts
from knowledge.loaders import MAX_ANSWER
from knowledge.models import Document, GoldenQuestion
from knowledge.text_diff import FieldChange, changes, label


@dataclass(frozen=True)
class Conflict:
    """Someone saved the document after it was opened; ``changes`` lead from their text to the form's."""

    who: str
    when: Any
    changes: list[FieldChange]
    revision: int


class DocumentForm(forms.ModelForm):
    alternative_questions = LinesField(
        longest=500, help_text=_("One a line: the same question as callers really ask it.")
    )
    tags = LinesField(longest=50, help_text=_("One a line."))
    seen_revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    conflict: Conflict | None = None
    lost: list[tuple[GoldenQuestion, list[str]]] = []

    class Meta:
        model = Document
        fields = [
            "base",
            "key",
            "kind",
            "category",
            "title",
            "question",
            "alternative_questions",
            "answer",
            "tags",
            "verbatim",
            "valid_from",
            "valid_until",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("alternative_questions", "tags"):
            if name in self.fields:  # not for who may only look
                self.fields[name].label = label(name)
        self.initial["seen_revision"] = self.instance.revision

    def clean_answer(self) -> str:
        answer = clean(self.cleaned_data["answer"])
        if len(answer) > MAX_ANSWER:
            text = gettext("An answer may have %(most)d characters. Divide it into several documents.")
            raise ValidationError(text % {"most": MAX_ANSWER})
        return answer

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name, value in cleaned.items():
            if isinstance(value, str):
                cleaned[name] = clean(value)
        if self.instance.pk and not self.errors:
            self.refuse_overwriting(cleaned)
            self.refuse_loss(cleaned)
        return cleaned

    def refuse_overwriting(self, cleaned: dict[str, Any]) -> None:
        """Refuse when the document is not the one that was opened, unless just that was confirmed."""
        current = Document.objects.select_for_update().get(pk=self.instance.pk)
        if current.revision == cleaned.get("seen_revision"):
            return
        edited = copy.copy(current)
        for name, value in cleaned.items():
            setattr(edited, name, value)
        latest = current.history.select_related("history_user").first()
        self.conflict = Conflict(
            who=str((latest and latest.history_user) or gettext("someone")),
            when=latest and latest.history_date,
            changes=changes(current.content(), edited.content()),
            revision=current.revision,
        )
        if self.data.get("save_mine") != str(current.revision):
            self.add_error(None, gettext("Someone else saved this document after you opened it."))

    def refuse_loss(self, cleaned: dict[str, Any]) -> None:
        """Refuse when callers would no longer be told what a golden question asks for, unless confirmed."""
        self.lost = list(lost_facts(self.instance, self.instance.answer, cleaned["answer"]))
        if self.lost and not self.data.get("save_anyway"):
            self.add_error(
                None,
                ngettext(
                    "A golden question asks for a fact that this answer no longer says.",
                    "Golden questions ask for facts that this answer no longer says.",
                    len(self.lost),
                ),
            )

    def reason(self) -> str:
        """Return what the history says of this save."""
        parts = []
        if self.conflict:
            parts.append(gettext("Saved over the change of {who}").format(who=self.conflict.who))
        if self.lost:
            facts = ", ".join(fact for _question, facts in self.lost for fact in facts)
            parts.append(gettext("Saved without facts of golden questions: {facts}").format(facts=facts))
        return "; ".join(parts)
