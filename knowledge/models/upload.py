"""A file that an operator uploaded: read, shown as what it would change, then applied or dropped."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from knowledge.models.content import KnowledgeBase


class Upload(models.Model):
    """``data`` is the file as it was read, in the documented schema.

    ``columns`` are those of its tables: name, sample and field of each; ``assigned`` what an operator made
    of them. ``content`` is the file itself, kept until it is applied so that columns can be assigned.
    """

    base = models.ForeignKey(
        KnowledgeBase, verbose_name=_("knowledge base"), on_delete=models.CASCADE, related_name="uploads"
    )
    name = models.CharField(_("file"), max_length=200)
    data = models.JSONField(_("entries"), default=dict)
    content = models.BinaryField(_("file content"), null=True, editable=False)
    columns = models.JSONField(_("columns"), default=list, editable=False)
    assigned = models.JSONField(_("assigned columns"), default=dict, editable=False)
    warnings = models.JSONField(_("warnings"), default=list, editable=False)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("uploaded by"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("uploaded"), auto_now_add=True)
    applied_at = models.DateTimeField(_("applied"), null=True, blank=True)

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name
