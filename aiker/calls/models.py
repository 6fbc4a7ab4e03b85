"""Who answers (Assistant), and the record of what happened (Call, Turn)."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

DEFAULT_SYSTEM_PROMPT = (
    "你是{name}，OneSuite公司的电话客服。只根据资料回答，用口语说一到两句短话，"
    "数字照资料说，不要编造。资料里没有答案时，就说这个问题需要为您转人工确认。"
)


class VadChoice(models.TextChoices):
    SILERO = "silero", _("Silero: tells speech from noise")
    WEBRTC = "webrtc", _("WebRTC: next to no processor time, for quiet lines")


class Assistant(models.Model):
    """One voice on the phone: its words, its knowledge, its manners."""

    slug = models.SlugField(_("address"), unique=True, help_text=_("Part of the call address."))
    name = models.CharField(_("name"), max_length=80)
    is_active = models.BooleanField(_("answers calls"), default=True)
    language = models.CharField(_("language"), max_length=8, choices=[("zh", _("Mandarin"))], default="zh")
    profile = models.ForeignKey(
        "engines.BackendProfile",
        verbose_name=_("engine profile"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        help_text=_("Empty: the engines of this machine. Takes effect on the next call."),
    )
    voice = models.CharField(
        _("voice"),
        max_length=80,
        default="zf_xiaobei",
        help_text=_("A voice of the speech engine. Takes effect on the next call."),
    )
    voice_profile = models.ForeignKey(
        "engines.VoiceProfile",
        verbose_name=_("published voice"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        limit_choices_to=~models.Q(published=""),
        help_text=_("Speaks instead of the voice above, on every engine that knows it."),
    )
    speed = models.FloatField(
        _("speaking speed"), default=1.0, validators=[MinValueValidator(0.5), MaxValueValidator(2.0)]
    )
    hot_words = models.CharField(
        _("hot words"),
        max_length=400,
        blank=True,
        help_text=_("Names and words that callers say; speech recognition prefers them."),
    )
    knowledge_base = models.ForeignKey(
        "knowledge.KnowledgeBase",
        verbose_name=_("knowledge base"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
    )
    passages = models.PositiveSmallIntegerField(
        _("passages per answer"),
        default=1,
        validators=[MaxValueValidator(10)],
        help_text=_("One suits the small default model; a larger one makes good use of three."),
    )
    system_prompt = models.TextField(
        _("instructions"),
        default=DEFAULT_SYSTEM_PROMPT,
        help_text=_("What the language model is told before every call. {name} becomes the name."),
    )
    greeting = models.CharField(
        _("greeting"), max_length=200, default="您好，这里是OneSuite，请问有什么可以帮您？"
    )
    apology = models.CharField(
        _("apology"),
        max_length=200,
        default="抱歉，系统出了点问题，请您再说一遍。",
        help_text=_("Spoken when an engine fails."),
    )
    no_answer = models.CharField(
        _("when the knowledge has no answer"),
        max_length=200,
        blank=True,
        default="这个我不太清楚，需要为您转人工确认吗？",
        help_text=_(
            "Spoken instead of what the language model would invent. Empty: the model answers alone."
        ),
    )
    silence_prompt = models.CharField(_("silence prompt"), max_length=200, default="请问您还在听吗？")
    goodbye = models.CharField(_("goodbye"), max_length=200, default="感谢您的来电，再见。")
    silence_seconds = models.PositiveSmallIntegerField(
        _("silence before a prompt (s)"),
        default=10,
        validators=[MinValueValidator(3), MaxValueValidator(120)],
    )
    silence_prompts = models.PositiveSmallIntegerField(
        _("prompts before goodbye"), default=2, validators=[MaxValueValidator(10)]
    )
    vad = models.CharField(
        _("speech detector"),
        max_length=8,
        choices=VadChoice,
        default=VadChoice.SILERO,
        help_text=_("What tells that the caller speaks. Takes effect on the next call."),
    )
    end_of_turn_ms = models.PositiveSmallIntegerField(
        _("silence that ends a turn (ms)"),
        default=600,
        validators=[MinValueValidator(250), MaxValueValidator(3000)],
    )
    max_call_seconds = models.PositiveIntegerField(
        _("longest call (s)"), default=900, validators=[MinValueValidator(30), MaxValueValidator(14400)]
    )

    class Meta:
        verbose_name = _("assistant")
        verbose_name_plural = _("assistants")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class EndReason(models.TextChoices):
    """Why a call ended; also the ``reason`` of the ``call_ended`` event."""

    HUNG_UP = "hung_up", _("the caller hung up")
    SILENCE = "silence", _("silence")
    TIME_LIMIT = "time_limit", _("time limit")
    ENGINE_FAILURE = "engine_failure", _("engine failure")
    PROTOCOL_ERROR = "protocol_error", _("protocol error")
    CONNECTION_LOST = "connection_lost", _("connection lost")
    SERVER_STOPPED = "server_stopped", _("server stopped")
    INTERNAL_ERROR = "internal_error", _("internal error")


def recording_path(call: Call, _filename: str) -> str:
    return f"recordings/{call.started_at:%Y/%m/%d}/{call.pk}.wav"


class Call(models.Model):
    """One call. ``end_reason`` is empty while it lives."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assistant = models.ForeignKey(
        Assistant, verbose_name=_("assistant"), on_delete=models.SET_NULL, null=True, related_name="calls"
    )
    wire = models.CharField(_("came by"), max_length=20)
    carrier_call_id = models.CharField(_("carrier's call id"), max_length=64, blank=True)
    caller = models.CharField(_("caller"), max_length=64, blank=True)
    started_at = models.DateTimeField(_("started"), db_index=True)
    duration_ms = models.PositiveIntegerField(_("duration (ms)"), default=0)
    end_reason = models.CharField(_("ended by"), max_length=20, choices=EndReason, blank=True)
    knowledge_version = models.CharField(_("knowledge versions"), max_length=255, blank=True)
    engines = models.JSONField(_("engines"), default=dict, blank=True)
    profile = models.CharField(_("engine profile"), max_length=50, blank=True)
    recording = models.FileField(_("recording"), upload_to=recording_path, blank=True)
    events = models.JSONField(_("events"), default=list, blank=True)

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{timezone.localtime(self.started_at):%Y-%m-%d %H:%M:%S}"


class Turn(models.Model):
    """One question of the caller and the answer, with where its time went."""

    call = models.ForeignKey(Call, verbose_name=_("call"), on_delete=models.CASCADE, related_name="turns")
    number = models.PositiveIntegerField(_("turn"))
    at_ms = models.PositiveIntegerField(_("at (ms)"), help_text=_("From the start of the call."))
    user_text = models.TextField(_("caller said"), blank=True)
    heard_as = models.TextField(
        _("recognised as"), blank=True, help_text=_("Before the lexicon corrected it; empty: it did not.")
    )
    assistant_text = models.TextField(_("assistant answered"), blank=True)
    heard_text = models.TextField(_("caller heard"), blank=True)
    interrupted = models.BooleanField(_("interrupted"), default=False)
    voice_to_voice_ms = models.PositiveIntegerField(_("voice to voice (ms)"), null=True)
    contributions = models.JSONField(_("latency"), default=list, blank=True)
    moments = models.JSONField(_("moments"), default=dict, blank=True)
    passages = models.JSONField(_("passages"), default=list, blank=True)
    retrieval = models.JSONField(
        _("retrieval"),
        default=dict,
        blank=True,
        help_text=_("Version, question as searched, confidence, times."),
    )
    engines = models.JSONField(_("engines"), default=dict, blank=True)
    routing = models.JSONField(_("routing"), default=dict, blank=True)
    error: Any = models.JSONField(_("error"), default=dict, blank=True)

    class Meta:
        verbose_name = _("turn")
        verbose_name_plural = _("turns")
        ordering = ["call", "number"]
        constraints = [models.UniqueConstraint(fields=["call", "number"], name="one_turn_per_number")]

    def __str__(self) -> str:
        return f"{self.number}: {self.user_text}"
