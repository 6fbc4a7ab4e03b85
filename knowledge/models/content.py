"""Bases, their documents, and the passages that are cut from them."""

from __future__ import annotations

import datetime
import hashlib
import json
import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

PASSAGE_CHARS = 200
"""About 130 tokens of Qwen; a 0.5B model on 2 cores reads 85 tokens a second."""

SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]


def new_key() -> str:
    """Return the stable id of a document that was written in the admin, not loaded from a file."""
    return f"doc-{uuid.uuid4().hex[:12]}"


class Phrasing(models.TextChoices):
    """Who words an answer: the entry, or the language model from the entry."""

    AUTO = "auto", _("as written when the match is sure, else the language model")
    WRITTEN = "written", _("always as written")
    MODEL = "model", _("the language model, but for entries marked as written")


class KnowledgeBase(models.Model):
    """A body of knowledge that assistants answer from.

    ``active_version`` is the only pointer to what live calls search; it moves in one UPDATE.
    """

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(
        _("short name"), unique=True, help_text=_("Letters, digits and hyphens; used in commands.")
    )
    description = models.TextField(_("description"), blank=True)
    active_version = models.ForeignKey(
        "knowledge.IndexVersion",
        verbose_name=_("live index version"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    passage_chars = models.PositiveSmallIntegerField(
        _("longest passage (characters)"),
        default=PASSAGE_CHARS,
        validators=[MinValueValidator(40), MaxValueValidator(2000)],
        help_text=_("Longer answers are cut between sentences. A change takes effect with the next version."),
    )
    min_confidence = models.FloatField(
        _("confidence to answer"),
        default=0.58,
        validators=SHARE,
        help_text=_("Below it the assistant says that it does not know, and offers a human."),
    )
    verbatim_confidence = models.FloatField(
        _("confidence to speak as written"),
        default=0.7,
        validators=SHARE,
        help_text=_("Above it, a short entry is spoken word for word, without the language model."),
    )
    phrasing = models.CharField(
        _("wording of answers"),
        max_length=10,
        choices=Phrasing,
        default=Phrasing.AUTO,
        help_text=_("As written is quickest, and says nothing that the entry does not."),
    )
    gate_hit_rate = models.FloatField(
        _("golden questions that must be found"),
        default=0.85,
        validators=SHARE,
        help_text=_(
            "Share of them with a right entry among the passages that the assistants answer from; a version "
            "below it is not published."
        ),
    )
    gate_refused = models.FloatField(
        _("unanswerable questions that must be refused"),
        default=0.8,
        validators=SHARE,
        help_text=_("A version that refuses fewer is not published."),
    )
    needs_rehearsal = models.BooleanField(
        _("nothing goes live without a rehearsal"),
        default=False,
        help_text=_(
            "A version is published only when a rehearsal of it was passed. Edits of single documents no "
            "longer reach callers at once: each makes a version that waits to be rehearsed and published."
        ),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("knowledge base")
        verbose_name_plural = _("knowledge bases")
        ordering = ["name"]
        permissions = [
            ("publish_version", _("Can publish an index version and roll back")),
            ("override_gate", _("Can publish a version that fails its golden questions")),
        ]

    def __str__(self) -> str:
        return self.name


class DocumentKind(models.TextChoices):
    FAQ = "faq", _("question and answer")
    ARTICLE = "article", _("article")
    TABLE = "table", _("table")
    DECLINED = "declined", _("questions that are not answered")


class Remembered(models.Model):
    """What the history keeps of a document beside its fields: passages that were edited by hand."""

    passages = models.JSONField(_("passages"), null=True, editable=False)

    class Meta:
        abstract = True


class Document(models.Model):
    """One thing the business knows: a question as callers ask it, in several wordings, and its answer.

    An article has no question; its title leads its passages instead. A declined one holds questions that the
    business does not answer, and what is said to them. Saving one cuts its passages anew and
    asks for its indexing (``knowledge.editing``), whoever saves it.
    """

    base = models.ForeignKey(
        KnowledgeBase, verbose_name=_("knowledge base"), on_delete=models.CASCADE, related_name="documents"
    )
    key = models.CharField(
        _("key"),
        max_length=200,
        default=new_key,
        validators=[RegexValidator(r"^\S+$", _("A key has no spaces."))],
        help_text=_("Stable id; a reload of the file finds the document by it."),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=DocumentKind, default=DocumentKind.FAQ)
    category = models.CharField(_("category"), max_length=100, blank=True, db_index=True)
    title = models.CharField(_("title"), max_length=200)
    question = models.CharField(_("question"), max_length=500, blank=True)
    answer = models.TextField(
        _("answer"), help_text=_("Short and complete: callers hear it. One or two facts, numbers in digits.")
    )
    alternative_questions = models.JSONField(
        _("other wordings"),
        default=list,
        blank=True,
        help_text=_("The same question as callers really ask it."),
    )
    tags = models.JSONField(_("tags"), default=list, blank=True)
    verbatim = models.BooleanField(
        _("speak as written"),
        default=False,
        help_text=_("Callers hear the answer word for word when their question surely is this one."),
    )
    valid_from = models.DateField(
        _("said from"), null=True, blank=True, help_text=_("Not said before this day. Empty: at once.")
    )
    valid_until = models.DateField(
        _("said until"), null=True, blank=True, help_text=_("The last day it is said. Empty: for ever.")
    )
    passages_by_hand = models.BooleanField(
        _("passages edited by hand"),
        default=False,
        editable=False,
        help_text=_("They stay as they are when the answer changes, until they are cut again."),
    )
    source = models.CharField(
        _("source"), max_length=200, blank=True, help_text=_("File it was loaded from; empty: written here.")
    )
    source_hash = models.CharField(max_length=64, blank=True, editable=False)
    is_sample = models.BooleanField(_("sample data"), default=False)
    revision = models.PositiveIntegerField(_("revision"), default=0, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    # Read by the history when a change is saved.
    _history_user: Any
    _change_reason: str
    history = HistoricalRecords(
        bases=[Remembered], excluded_fields=["revision", "source_hash", "created_at", "updated_at"]
    )

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ["category", "key"]
        constraints = [models.UniqueConstraint(fields=["base", "key"], name="document_key_unique_in_base")]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValidationError({"valid_until": _("This day is before the first one.")})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and count the revision: two editors of one document find out about each other by it."""
        self.revision += 1
        super().save(*args, **kwargs)

    def is_valid_on(self, day: datetime.date) -> bool:
        """Whether callers may hear it that day."""
        return (self.valid_from or day) <= day <= (self.valid_until or day)

    def content(self) -> dict[str, Any]:
        """Return the fields a file can set, in the order of the documented schema."""
        return {
            "category": self.category,
            "title": self.title,
            "question": self.question,
            "answer": self.answer,
            "alternative_questions": list(self.alternative_questions),
            "tags": list(self.tags),
            "kind": self.kind,
            "verbatim": self.verbatim,
            "valid_from": self.valid_from and self.valid_from.isoformat(),
            "valid_until": self.valid_until and self.valid_until.isoformat(),
        }

    def content_hash(self) -> str:
        """Return the sha256 of ``content()``: equal exactly when no field of the file differs."""
        return hash_of(self.content())


class Chunk(models.Model):
    """A passage of a document, as it is searched and as the language model is given it."""

    document = models.ForeignKey(
        Document, verbose_name=_("document"), on_delete=models.CASCADE, related_name="chunks"
    )
    position = models.PositiveIntegerField(
        _("position"), help_text=_("0 is the first passage of the document.")
    )
    text = models.TextField(_("text"))
    is_active = models.BooleanField(
        _("used"), default=True, help_text=_("Callers never hear a passage that is not used.")
    )

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        ordering = ["document", "position"]

    def __str__(self) -> str:
        return self.text[:40]


def hash_of(value: Any) -> str:
    """Return the sha256 (hex) of a JSON value, independent of key order."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
