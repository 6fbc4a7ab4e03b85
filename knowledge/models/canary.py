"""A draft that serves some calls, to be compared with the live version."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from knowledge.models.content import KnowledgeBase
from knowledge.models.index import IndexVersion


class Canary(models.Model):
    """One canary of a base at a time. ``report`` is the latest comparison (``knowledge.canary.report``)."""

    class Outcome(models.TextChoices):
        RUNNING = "", _("running")
        PROMOTED = "promoted", _("promoted")
        ROLLED_BACK = "rolled_back", _("rolled back")
        STOPPED = "stopped", _("stopped")

    base = models.ForeignKey(
        KnowledgeBase, verbose_name=_("knowledge base"), on_delete=models.CASCADE, related_name="canaries"
    )
    version = models.ForeignKey(
        IndexVersion, verbose_name=_("draft"), on_delete=models.CASCADE, related_name="canaries"
    )
    compared_with = models.ForeignKey(
        IndexVersion, models.SET_NULL, null=True, related_name="+", verbose_name=_("live index version"),
    )  # fmt: skip
    share = models.PositiveSmallIntegerField(
        _("share of calls (%)"), default=10, validators=[MaxValueValidator(100)]
    )
    patterns: Any = models.JSONField(_("callers' numbers"), default=list, blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("started by"),
    )  # fmt: skip
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("ended by"),
    )  # fmt: skip
    outcome = models.CharField(
        _("outcome"), max_length=20, choices=Outcome, blank=True, default=Outcome.RUNNING
    )
    reason = models.TextField(_("reason"), blank=True)
    looks = models.PositiveIntegerField(_("comparisons"), default=0)
    report: Any = models.JSONField(_("comparison"), default=dict, blank=True)

    class Meta:
        verbose_name = _("canary")
        verbose_name_plural = _("canaries")
        ordering = ["-started_at", "-pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["base"], condition=models.Q(ended_at=None), name="one_canary_per_base"
            )
        ]

    def __str__(self) -> str:
        return str(self.version)
