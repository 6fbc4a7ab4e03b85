"""Questions whose answers are known, and what an index version made of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from knowledge.models.content import Document, KnowledgeBase
from knowledge.models.index import IndexVersion

LONGEST_RUN = timedelta(hours=1)


class GoldenQuestion(models.Model):
    """A question with what must be found for it, and what its answer must and must not say.

    ``must_say`` holds a list of facts; a fact is a text, or a list of spellings of which one suffices.
    """

    base = models.ForeignKey(
        KnowledgeBase,
        verbose_name=_("knowledge base"),
        on_delete=models.CASCADE,
        related_name="golden_questions",
    )
    question = models.CharField(_("question"), max_length=500)
    before = models.CharField(
        _("question before"),
        max_length=500,
        blank=True,
        help_text=_("What the same caller asked just before, for “那个多少钱”. Mostly empty."),
    )
    variants = models.JSONField(_("other wordings"), default=list, blank=True)
    answerable = models.BooleanField(
        _("the base answers it"), default=True, help_text=_("Off: the assistant must say it does not know.")
    )
    expected = models.ManyToManyField(
        Document, verbose_name=_("must be found"), blank=True, related_name="golden_questions",
        help_text=_("Any of these among the passages that the assistant answers from."),
    )  # fmt: skip
    must_say = models.JSONField(_("the answer must say"), default=list, blank=True)
    must_not_say = models.JSONField(_("the answer must not say"), default=list, blank=True)
    kind = models.CharField(_("kind"), max_length=20, blank=True)
    is_active = models.BooleanField(_("asked"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("golden question")
        verbose_name_plural = _("golden questions")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["base", "question", "before"], name="golden_question_once")
        ]

    def __str__(self) -> str:
        return self.question

    def wordings(self) -> list[str]:
        return [self.question, *self.variants]


class GoldenRun(models.Model):
    """All golden questions of a base, asked of one version. ``results`` has one item for each wording.

    With an ``assistant``, its language model answered, too, and the answers were checked.
    """

    version = models.ForeignKey(
        IndexVersion, verbose_name=_("index version"), on_delete=models.CASCADE, related_name="golden_runs"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("asked for by"),
    )  # fmt: skip
    assistant = models.CharField(
        _("answered by"), max_length=80, blank=True, help_text=_("Empty: only passages were looked for.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True)
    passed = models.BooleanField(_("passed"), null=True)
    figures: Any = models.JSONField(_("figures"), default=dict, blank=True)
    results: Any = models.JSONField(_("results"), default=list, blank=True)

    class Meta:
        verbose_name = _("golden run")
        verbose_name_plural = _("golden runs")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.version} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_under_way(self) -> bool:
        """Whether the worker is at it, or about to; one that takes longer was cut short with the worker."""
        return self.finished_at is None and timezone.now() - self.created_at < LONGEST_RUN
