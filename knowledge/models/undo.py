"""What can be gone back to: snapshots of what was live, and what each import changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from knowledge.models.content import KnowledgeBase
from knowledge.models.index import IndexVersion


class Snapshot(models.Model):
    """Every entry that was live at a moment; never changed once it is written (``knowledge.undo``).

    ``data`` is packed: ``entries`` (a list of ``EntryState``) and ``golden`` (the ids of documents that each
    golden question expects).
    """

    class Kind(models.TextChoices):
        LIVE = "live", _("a version went live")
        PUBLICATION = "publication", _("before a publication")
        IMPORT = "import", _("before an import")
        WITHDRAWAL = "withdrawal", _("before an import was withdrawn")
        ROLL_BACK = "roll_back", _("before a roll-back")
        NOT_LIVE = "not_live", _("before a roll-back: entries that were not live yet")

    base = models.ForeignKey(
        KnowledgeBase, verbose_name=_("knowledge base"), on_delete=models.CASCADE, related_name="snapshots"
    )
    kind = models.CharField(_("taken"), max_length=20, choices=Kind)
    title = models.CharField(_("of what"), max_length=200, blank=True)
    version = models.ForeignKey(
        IndexVersion, models.SET_NULL, null=True, blank=True, related_name="snapshots",
        verbose_name=_("live index version"),
    )  # fmt: skip
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("by"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("taken at"), default=timezone.now)
    entry_count = models.PositiveIntegerField(_("documents"))
    data = models.BinaryField()

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        ordering = ["-created_at", "-pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{timezone.localtime(self.created_at):%Y-%m-%d %H:%M:%S}"


class ImportRecord(models.Model):
    """What an import did to each entry that it touched, so that it can be withdrawn alone.

    ``data`` is packed: ``changes`` (``[key, EntryState before or null, EntryState after or null]``) and
    ``golden`` as in a snapshot.
    """

    base = models.ForeignKey(
        KnowledgeBase, verbose_name=_("knowledge base"), on_delete=models.CASCADE, related_name="imports"
    )
    source = models.CharField(_("file"), max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("by"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("imported at"), default=timezone.now)
    added = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("different"), default=0)
    removed = models.PositiveIntegerField(_("removed"), default=0)
    data = models.BinaryField()
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("withdrawn by"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-created_at", "-pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.source
