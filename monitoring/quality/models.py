"""What was noticed of turns, what operators say of it, and the counts that pages read instead of turns."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from monitoring.models import Rollup


class Notice(models.TextChoices):
    """What can be noticed of a turn (``quality.noticing``); ANY is there once for each that has another."""

    ANY = "any", _("anything")
    NO_PASSAGES = "no_passages", _("without passages")
    REFUSED = "refused", _("no answer known")
    NEAREST = "nearest", _("only the nearest entry known")
    STOPPED = "stopped", _("stopped by the guard")
    REPEATED = "repeated", _("asked to repeat")
    INTERRUPTED = "interrupted", _("interrupted")
    UNSURE = "unsure", _("recognised unsurely")
    APOLOGY = "apology", _("apologised for a failure")
    TRANSFERRED = "transferred", _("transferred to a person")
    HUNG_UP = "hung_up", _("hung up during the answer")


class Finding(models.Model):
    """One thing that was noticed of a turn. It goes with its call; counts of it stay (``Tally``).

    ``about`` is the turn with the question: another than ``turn`` where an answer had to be repeated.
    ``question`` tells which questions are the same (``quality.questions``); empty: nothing was asked.
    """

    turn = models.ForeignKey("calls.Turn", models.CASCADE, related_name="+")
    about = models.ForeignKey("calls.Turn", models.CASCADE, related_name="+")
    notice = models.CharField(_("noticed"), max_length=12, choices=Notice)
    at = models.DateTimeField(_("at"))
    assistant = models.CharField(_("assistant"), max_length=50, blank=True)
    question = models.CharField(_("question"), max_length=16, blank=True)

    class Meta:
        verbose_name = _("finding about a turn")
        verbose_name_plural = _("quality")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["notice", "at"], name="finding_time"),
            models.Index(fields=["notice", "assistant", "at"], name="finding_assistant"),
            models.Index(fields=["question", "notice", "at"], name="finding_question"),
        ]
        constraints = [models.UniqueConstraint(fields=["turn", "notice"], name="one_finding_a_notice")]

    def __str__(self) -> str:
        return f"{self.notice} {self.at:%Y-%m-%d %H:%M:%S}"


class Review(models.Model):
    """What an operator says of a turn; who says something later replaces it."""

    class Verdict(models.TextChoices):
        CORRECT = "correct", _("correct")
        WRONG = "wrong", _("wrong")
        NEEDS_KNOWLEDGE = "knowledge", _("needs knowledge")
        MISHEARD = "misheard", _("misheard")
        TOO_SLOW = "slow", _("too slow")
        OTHER = "other", _("something else")

    turn = models.OneToOneField("calls.Turn", models.CASCADE, related_name="review")
    verdict = models.CharField(_("verdict"), max_length=10, choices=Verdict)
    note = models.TextField(_("note"), blank=True, max_length=1000)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("reviewed by")
    )
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("review of a turn")
        verbose_name_plural = _("reviews of turns")
        default_permissions = ()
        permissions = [("review_turn", _("Can review a turn"))]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} {self.at:%Y-%m-%d %H:%M}"


class CallSample(models.Model):
    """The numbers of a call that ended, without its words; it stays when the call is deleted."""

    call = models.OneToOneField("calls.Call", models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(_("at"), db_index=True)
    assistant = models.CharField(_("assistant"), max_length=50, blank=True)
    duration_ms = models.PositiveIntegerField(_("duration (ms)"))

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"


class Tally(models.Model):
    """How many, and how much, in a stretch of time (``monitoring.tallies``); ``scope`` as of ``Rollup``."""

    step = models.PositiveIntegerField(choices=Rollup.Step)
    scope = models.CharField(_("scope"), max_length=140, blank=True)
    start = models.DateTimeField(_("start"))
    counts = models.JSONField(_("counts"), default=dict)

    class Meta:
        verbose_name = _("usage of a stretch of time")
        verbose_name_plural = _("cost")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["step", "scope", "start"], name="one_tally_a_step")]

    def __str__(self) -> str:
        return f"{self.scope} {self.start:%Y-%m-%d %H:%M}"


class QuestionTally(models.Model):
    """How often something was noticed of a question in a stretch of time; ``counts`` by notice.

    It holds no words: those are read from the turns, as long as these are there.
    """

    step = models.PositiveIntegerField(choices=Rollup.Step)
    scope = models.CharField(_("scope"), max_length=140, blank=True)
    start = models.DateTimeField(_("start"))
    question = models.CharField(_("question"), max_length=16)
    counts = models.JSONField(_("counts"), default=dict)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["step", "scope", "start", "question"], name="one_question_a_step")
        ]

    def __str__(self) -> str:
        return f"{self.question} {self.start:%Y-%m-%d %H:%M}"
