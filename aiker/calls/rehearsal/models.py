"""A rehearsal and its answers, as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from aiker.calls.models import Assistant
from aiker.calls.rehearsal.judging import Finding, Level
from aiker.calls.rehearsal.verdict import VoiceCheck, failing
from knowledge.models import GoldenQuestion, IndexVersion

MAX_DURATION = timedelta(hours=4)


class Rehearsal(models.Model):
    """A draft asked what callers ask, beside what is live.

    The draft is ``version`` (None: the live one) answered from by ``assistant`` with ``changes`` of its
    fields (``drafts.FIELDS``). ``contents`` tells what was rehearsed, see ``drafts.Draft.contents``.
    """

    assistant = models.ForeignKey(
        Assistant, verbose_name=_("assistant"), on_delete=models.CASCADE, related_name="rehearsals"
    )
    version = models.ForeignKey(
        IndexVersion,
        verbose_name=_("index version"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="rehearsals",
    )
    changes: Any = models.JSONField(_("changes of the assistant"), default=dict, blank=True)
    contents = models.CharField(max_length=64, blank=True, editable=False)
    max_questions = models.PositiveSmallIntegerField(
        _("questions"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("Those about what the draft changes come first, then the other golden questions."),
    )
    callers = models.PositiveSmallIntegerField(
        _("callers per question"), default=3, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    max_past_turns = models.PositiveSmallIntegerField(
        _("past turns"), default=10, validators=[MaxValueValidator(200)]
    )
    conversations = models.BooleanField(_("whole conversations by examiners"), default=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("asked for by"),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    planned = models.PositiveIntegerField(_("answers planned"), default=0)
    error = models.TextField(_("error"), blank=True)
    passed = models.BooleanField(_("passed"), null=True)
    reasons: Any = models.JSONField(_("why it is not passed"), default=list, blank=True)
    figures: Any = models.JSONField(_("figures"), default=dict, blank=True)

    class Meta:
        verbose_name = _("rehearsal")
        verbose_name_plural = _("rehearsals")
        ordering = ["-created_at", "-pk"]
        permissions = [("confirm_rehearsal", _("Can confirm changed facts of a rehearsal"))]

    def __str__(self) -> str:
        return f"{self.assistant} {timezone.localtime(self.created_at):%Y-%m-%d %H:%M}"

    @property
    def is_under_way(self) -> bool:
        return self.finished_at is None and timezone.now() - self.created_at < MAX_DURATION

    @property
    def voice_check(self) -> VoiceCheck | None:
        """How well both voices are recognised; None where the voice stays."""
        found = self.figures.get("voice")
        return VoiceCheck(found["live"], found["draft"]) if found else None


def audio_path(answer: RehearsalAnswer, filename: str) -> str:
    return f"rehearsals/{answer.rehearsal_id}/{filename}"


class RehearsalAnswer(models.Model):
    """One question as both sides heard and answered it.

    ``live`` and ``draft`` hold heard, text, way, passages, error, tool, steps (ms by name) and their sum, ms.
    """

    class Kind(models.TextChoices):
        QUESTION = "question", _("golden question")
        ENTRY = "entry", _("question of a changed entry")
        CONVERSATION = "conversation", _("conversation")
        PAST_TURN = "past_turn", _("past call")
        VOICE = "voice", _("voice")

    rehearsal = models.ForeignKey(Rehearsal, on_delete=models.CASCADE, related_name="answers")
    number = models.PositiveIntegerField()
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    golden_question = models.ForeignKey(GoldenQuestion, models.SET_NULL, null=True, blank=True)
    question_id = models.CharField(max_length=60)  # one question, whoever asks it
    caller = models.CharField(_("caller"), max_length=20, blank=True)
    conversation = models.CharField(max_length=60, blank=True)  # the same for all turns of one
    question = models.TextField(_("question"))
    live: Any = models.JSONField(_("live"), default=dict)
    draft: Any = models.JSONField(_("draft"), default=dict)
    differs = models.BooleanField(_("differs"), default=False)
    findings: Any = models.JSONField(_("findings"), default=list, blank=True)
    rank = models.PositiveSmallIntegerField(default=9)  # the worst first, see ``rank_of``
    opinion: Any = models.JSONField(_("second opinion"), default=dict, blank=True)
    question_audio = models.FileField(upload_to=audio_path, blank=True)
    live_audio = models.FileField(upload_to=audio_path, blank=True)
    draft_audio = models.FileField(upload_to=audio_path, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("confirmed by"),
    )  # fmt: skip
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("answer of a rehearsal")
        verbose_name_plural = _("answers of a rehearsal")
        default_permissions = ()  # those of the rehearsal
        ordering = ["rehearsal", "rank", "number"]
        constraints = [
            models.UniqueConstraint(fields=["rehearsal", "number"], name="one_rehearsal_answer_per_number")
        ]

    def __str__(self) -> str:
        return self.question

    @property
    def confirmed(self) -> bool:
        return self.confirmed_at is not None

    @property
    def finding_list(self) -> Sequence[Finding]:
        return [
            Finding(Level(f["level"]), f["code"], tuple(f["details"]), f["already"]) for f in self.findings
        ]

    @property
    def needs_confirmation(self) -> bool:
        return Level.CHANGED in failing(self.finding_list, confirmed=self.confirmed)

    @property
    def audio_files(self) -> list[Any]:
        return [file for file in (self.question_audio, self.live_audio, self.draft_audio) if file]


def rank_of(findings: Sequence[Finding], *, differs: bool) -> int:
    """Return where an answer stands in the list: false, lost, changed, different, wrong already, the same."""
    levels = failing(findings, confirmed=False)
    for rank, level in enumerate((Level.FALSE, Level.LOST, Level.CHANGED)):
        if level in levels:
            return rank
    return 3 if differs else 4 if findings else 5
