"""What the assistants know: bases, their documents, the passages cut from them, and the index versions.

::

    base = KnowledgeBase.objects.get(slug="onesuite")
    base.documents.filter(category="价格")
    base.active_version            # what callers hear now; None before the first successful index
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


def new_key() -> str:
    """Return the stable id of a document that was written in the admin, not loaded from a file."""
    return f"doc-{uuid.uuid4().hex[:12]}"


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
        "IndexVersion",
        verbose_name=_("live index version"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("knowledge base")
        verbose_name_plural = _("knowledge bases")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Document(models.Model):
    """One thing the business knows: a question as callers ask it, in several wordings, and its answer.

    An article has no question; its title leads its passages instead.
    """

    base = models.ForeignKey(
        KnowledgeBase, verbose_name=_("knowledge base"), on_delete=models.CASCADE, related_name="documents"
    )
    key = models.CharField(
        _("key"),
        max_length=200,
        default=new_key,
        help_text=_("Stable id; a reload of the file finds the document by it."),
    )
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
    source = models.CharField(
        _("source"), max_length=200, blank=True, help_text=_("File it was loaded from; empty: written here.")
    )
    source_hash = models.CharField(max_length=64, blank=True, editable=False)
    is_sample = models.BooleanField(_("sample data"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ["category", "key"]
        constraints = [models.UniqueConstraint(fields=["base", "key"], name="document_key_unique_in_base")]

    def __str__(self) -> str:
        return self.title

    def content(self) -> dict[str, Any]:
        """Return the fields a file can set, in the order of the documented schema."""
        return {
            "category": self.category,
            "title": self.title,
            "question": self.question,
            "answer": self.answer,
            "alternative_questions": list(self.alternative_questions),
            "tags": list(self.tags),
        }

    def content_hash(self) -> str:
        """Return the sha256 of ``content()``: equal exactly when no field of the file differs."""
        return hash_of(self.content())


class Chunk(models.Model):
    """A passage of a document, as the index has it and as the language model is given it."""

    document = models.ForeignKey(
        Document, verbose_name=_("document"), on_delete=models.CASCADE, related_name="chunks"
    )
    position = models.PositiveIntegerField(
        _("position"), help_text=_("0 is the first passage of the document.")
    )
    text = models.TextField(_("text"))
    content_hash = models.CharField(_("content hash"), max_length=64)

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        ordering = ["document", "position"]
        constraints = [models.UniqueConstraint(fields=["document", "position"], name="chunk_position_unique")]

    def __str__(self) -> str:
        return self.text[:40]


class IndexVersion(models.Model):
    """One built index of a base: one Chroma collection, written once and never changed after it is ready."""

    class State(models.TextChoices):
        BUILDING = "building", _("building")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")

    base = models.ForeignKey(
        KnowledgeBase, verbose_name=_("knowledge base"), on_delete=models.CASCADE, related_name="versions"
    )
    collection_name = models.CharField(_("collection"), max_length=120, unique=True)
    embedding_model = models.CharField(_("embedding model"), max_length=100)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.BUILDING)
    error = models.TextField(_("error"), blank=True)
    chunk_count = models.PositiveIntegerField(_("passages"), default=0)
    vector_count = models.PositiveIntegerField(_("vectors"), default=0)
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    activated_at = models.DateTimeField(_("went live"), null=True, blank=True)
    retired_at = models.DateTimeField(_("replaced"), null=True, blank=True)

    class Meta:
        verbose_name = _("index version")
        verbose_name_plural = _("index versions")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.collection_name


def hash_of(value: Any) -> str:
    """Return the sha256 (hex) of a JSON value, independent of key order."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
