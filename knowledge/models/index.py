"""What is searched: index versions, and the edits that are still on their way into them."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from knowledge.models.content import KnowledgeBase


class IndexVersion(models.Model):
    """One index of a base: a Chroma collection and the manifest beside it (``knowledge.manifest``).

    Edits of single documents are written into the live version; everything else makes a new one.
    """

    class State(models.TextChoices):
        BUILDING = "building", _("building")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")

    base = models.ForeignKey(
        KnowledgeBase, verbose_name=_("knowledge base"), on_delete=models.CASCADE, related_name="versions"
    )
    collection_name = models.CharField(_("collection"), max_length=120, unique=True)
    embedding_model = models.CharField(_("embedding model"), max_length=100)
    reason = models.CharField(_("made because"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.BUILDING)
    error = models.TextField(_("error"), blank=True)
    publish_when_ready = models.BooleanField(
        _("publish when ready"), default=True, help_text=_("If its golden questions allow.")
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("asked for by"),
    )  # fmt: skip
    document_count = models.PositiveIntegerField(_("documents"), default=0)
    done_count = models.PositiveIntegerField(_("documents done"), default=0)
    chunk_count = models.PositiveIntegerField(_("passages"), default=0)
    vector_count = models.PositiveIntegerField(_("vectors"), default=0)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("build began"), null=True, blank=True)
    built_at = models.DateTimeField(_("built"), null=True, blank=True)
    activated_at = models.DateTimeField(_("went live"), null=True, blank=True)
    retired_at = models.DateTimeField(_("replaced"), null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("published by"),
    )  # fmt: skip
    restores = models.ForeignKey(
        "knowledge.Snapshot", models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("rolls back to"),
    )  # fmt: skip
    overridden = models.BooleanField(_("published against its golden questions"), default=False)
    # What it held when a rehearsal of it was passed (``knowledge.contents``); empty: none was.
    rehearsed = models.CharField(max_length=64, blank=True, editable=False, default="")

    class Meta:
        verbose_name = _("index version")
        verbose_name_plural = _("index versions")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.collection_name

    @property
    def remaining(self) -> timedelta | None:
        """The time a build will still take at the speed it had; None before that can be told."""
        if self.state != self.State.BUILDING or self.started_at is None or not self.done_count:
            return None
        taken = timezone.now() - self.started_at
        return taken * (max(0, self.document_count - self.done_count) / self.done_count)


class IndexChange(models.Model):
    """A document that was saved or deleted, and is not yet what callers hear: the outbox of the indexer.

    Written in the transaction of the edit, deleted when the edit is in the index. ``document_id`` is no
    foreign key: a deleted document has to leave the index, too.
    """

    base = models.ForeignKey(KnowledgeBase, on_delete=models.CASCADE, related_name="changes")
    document_id = models.PositiveBigIntegerField()
    title = models.CharField(_("title"), max_length=200)
    requests = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(_("saved"), default=timezone.now)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    error = models.TextField(_("error"), blank=True)
    retry_at = models.DateTimeField(_("next attempt"), default=timezone.now)

    class Meta:
        verbose_name = _("edit on its way")
        verbose_name_plural = _("edits on their way")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["base", "document_id"], name="one_change_per_document")
        ]

    def __str__(self) -> str:
        return self.title
