"""Who answers (Assistant), and the record of what happened (Call, Turn)."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from aiker.calls.transfer_requests import NO_OFFER_LEFT
from engines.voices.choices import unknown_voice

DEFAULT_SYSTEM_PROMPT = (
    "你是{name}，一名电话客服。只根据资料回答，用口语说一到两句短话，"
    "数字照资料说，不要编造。资料里没有答案时，就说这个问题不太清楚。"
)


class VadChoice(models.TextChoices):
    SILERO = "silero", _("Silero: tells speech from noise")
    WEBRTC = "webrtc", _("WebRTC: next to no processor time, for quiet lines")


def default_fillers() -> list[str]:
    return ["嗯，我看一下。", "好的，我查一下。", "稍等，我看看。"]


def default_no_transfer() -> list[str]:
    return [
        "抱歉，我这边暂时不能转接人工，您的问题可以直接告诉我。",
        "非常抱歉让您着急了，这条线路现在没有人工可以转接，您要办什么，我尽力帮您查。",
    ]


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
    greeting = models.CharField(_("greeting"), max_length=200, default="您好，请问有什么可以帮您？")
    apology = models.CharField(
        _("apology"),
        max_length=200,
        default="抱歉，系统出了点问题，请您再说一遍。",
        help_text=_("Spoken when an engine fails."),
    )
    unheard_answer = models.CharField(
        _("when nothing was understood"),
        max_length=200,
        blank=True,
        default="不好意思，没听清，请您再说一遍。",
        help_text=_("Spoken at once when the caller spoke and no words were recognised. Empty: silence."),
    )
    no_answer = models.CharField(
        _("when the knowledge has no answer"),
        max_length=200,
        blank=True,
        default=NO_OFFER_LEFT,
        help_text=_(
            "Spoken instead of what the language model would invent. Empty: the model answers alone. "
            "An offer such as 需要为您转人工吗？ needs a transfer tool in use; a yes to it then transfers."
        ),
    )
    no_transfer = models.JSONField(
        _("asked for a person without a transfer"),
        default=default_no_transfer,
        help_text=_(
            "Spoken when a caller asks for a person and no transfer tool is in use. One a line: the first "
            "time, the second time. Say what is possible instead, such as your hotline."
        ),
    )
    silence_prompt = models.CharField(_("silence prompt"), max_length=200, default="请问您还在听吗？")
    goodbye = models.CharField(_("goodbye"), max_length=200, default="感谢您的来电，再见。")
    there_answer = models.CharField(
        _("to “are you there?”"),
        max_length=200,
        blank=True,
        default="在的，您请说。",
        help_text=_("Spoken at once. Empty: the language model answers."),
    )
    hold_answer = models.CharField(
        _("to “one moment”"),
        max_length=200,
        blank=True,
        default="好的，不着急。",
        help_text=_("Spoken when the caller asks to wait. Empty: the language model answers."),
    )
    machine_answer = models.CharField(
        _("to “are you a machine?”"),
        max_length=200,
        blank=True,
        default="我是智能语音助手，您有什么问题可以直接问我。",
        help_text=_("Spoken at once. Empty: the language model answers."),
    )
    hold_seconds = models.PositiveSmallIntegerField(
        _("silence after “one moment” (s)"),
        default=60,
        validators=[MinValueValidator(10), MaxValueValidator(600)],
        help_text=_("So long the assistant waits before it asks whether the caller is there."),
    )
    fillers = models.JSONField(
        _("while the answer is late"),
        default=default_fillers,
        blank=True,
        help_text=_("One a line, said in turn, at most two for one answer. Empty: nothing is said."),
    )
    filler_ms = models.PositiveSmallIntegerField(
        _("late after (ms)"),
        default=1800,
        validators=[MaxValueValidator(10_000)],
        help_text=_("From the end of the caller's turn. 0: never."),
    )
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
        _("silence after a finished sentence (ms)"),
        default=250,
        validators=[MinValueValidator(100), MaxValueValidator(3000)],
        help_text=_(
            "When the caller's words and voice both say that the question is complete, the answer begins "
            "after this silence. Longer: callers are cut short less often, and wait longer."
        ),
    )
    longest_pause_ms = models.PositiveSmallIntegerField(
        _("longest pause within a turn (ms)"),
        default=1500,
        validators=[MinValueValidator(500), MaxValueValidator(5000)],
        help_text=_(
            "So long an unfinished sentence is waited for: a filler, a number in groups, a list. "
            "What is neither clearly finished nor unfinished waits something in between."
        ),
    )
    max_call_seconds = models.PositiveIntegerField(
        _("longest call (s)"), default=900, validators=[MinValueValidator(30), MaxValueValidator(14400)]
    )

    max_answer_seconds = models.PositiveSmallIntegerField(
        _("longest answer (s)"),
        default=30,
        validators=[MinValueValidator(5), MaxValueValidator(300)],
        help_text=_("Of the language model: it ends with the last clause that fits."),
    )
    needs_rehearsal = models.BooleanField(
        _("changes need a rehearsal"),
        default=False,
        help_text=_(
            "Instructions, voice, engines and what else changes what callers hear are saved only when a "
            "rehearsal of them was passed."
        ),
    )

    class Meta:
        verbose_name = _("assistant")
        verbose_name_plural = _("assistants")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.longest_pause_ms < self.end_of_turn_ms:
            too_short = _("The longest pause cannot be shorter than the silence after a finished sentence.")
            raise ValidationError({"longest_pause_ms": too_short})
        if problem := unknown_voice(self.profile, self.language, self.voice):
            raise ValidationError({"voice": problem})


class MenuAction(models.TextChoices):
    """What a key of the telephone does."""

    SAY = "say", _("say this text")
    ASK = "ask", _("answer this question")
    REPEAT = "repeat", _("repeat the last answer")
    TRANSFER = "transfer", _("transfer to a person")
    HANG_UP = "hang_up", _("say goodbye and hang up")


NEEDS_TEXT = (MenuAction.SAY, MenuAction.ASK)


class MenuItem(models.Model):
    """A key of an assistant's menu."""

    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, related_name="menu")
    key = models.CharField(_("telephone key"), max_length=1, choices=[(key, key) for key in "1234567890*#"])
    action = models.CharField(_("what happens"), max_length=16, choices=MenuAction)
    text = models.CharField(
        _("text"), max_length=200, blank=True, help_text=_("What is said, or the question that is answered.")
    )

    class Meta:
        default_permissions = ()  # those of the assistant
        verbose_name = _("telephone key")
        verbose_name_plural = _("keys of the telephone")
        ordering = ["assistant", "key"]
        constraints = [
            models.UniqueConstraint(
                fields=["assistant", "key"],
                name="one_meaning_per_key",
                violation_error_message=_("This key has a meaning already."),
            )
        ]

    def __str__(self) -> str:
        return self.key

    def clean(self) -> None:
        self.text = self.text.strip()
        if self.action in NEEDS_TEXT and not self.text:
            raise ValidationError({"text": _("Write what is said, or asked, when this key is pressed.")})
        if self.action and self.action not in NEEDS_TEXT and self.text:
            raise ValidationError({"text": _("This key says nothing of its own: leave the text empty.")})


class EndReason(models.TextChoices):
    """Why a call ended; also the ``reason`` of the ``call_ended`` event."""

    HUNG_UP = "hung_up", _("the caller hung up")
    GOODBYE = "goodbye", _("a goodbye")
    SILENCE = "silence", _("silence")
    TIME_LIMIT = "time_limit", _("time limit")
    ENGINE_FAILURE = "engine_failure", _("engine failure")
    PROTOCOL_ERROR = "protocol_error", _("protocol error")
    CONNECTION_LOST = "connection_lost", _("connection lost")
    SERVER_STOPPED = "server_stopped", _("server stopped")
    INTERNAL_ERROR = "internal_error", _("internal error")
    TRANSFERRED = "transferred", _("transferred to a person")
    ASSISTANT_HUNG_UP = "assistant_hung_up", _("the assistant hung up")
    OPERATOR = "operator", _("an operator hung up")
    REFUSED = "refused", _("the call was refused")
    NOT_STARTED = "not_started", _("lost before it began")


NEVER_LIVED = (EndReason.REFUSED, EndReason.NOT_STARTED)
"""Ends of calls that nobody answered: they are listed, and count for nothing else."""


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
    end_detail = models.CharField(_("what happened"), max_length=200, blank=True)
    transfer_to = models.CharField(_("transferred to"), max_length=120, blank=True)
    knowledge_version = models.CharField(_("knowledge versions"), max_length=255, blank=True)
    engines = models.JSONField(_("engines"), default=dict, blank=True)
    profile = models.CharField(_("engine profile"), max_length=50, blank=True)
    usage = models.JSONField(
        _("usage"), default=dict, blank=True, help_text=_("What engines were used for behind the last turn.")
    )
    recording = models.FileField(_("recording"), upload_to=recording_path, blank=True)
    events = models.JSONField(_("events"), default=list, blank=True)

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ["-started_at"]
        permissions = [
            ("listen_call", _("Can listen in on a call")),
            ("hang_up_call", _("Can hang up a call")),
            ("replay_call", _("Can run a call again")),
        ]

    def __str__(self) -> str:
        return f"{timezone.localtime(self.started_at):%Y-%m-%d %H:%M:%S}"


LATENCY_TOLERANCE_MS = 60


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
    barge_ins = models.JSONField(
        _("barge-ins"),
        default=list,
        blank=True,
        help_text=_("Sounds of the caller during the answer: when, how fast it stopped, what they were."),
    )
    voice_to_voice_ms = models.PositiveIntegerField(_("voice to voice (ms)"), null=True)
    recorded_voice_to_voice_ms = models.PositiveIntegerField(
        _("voice to voice in the recording (ms)"),
        null=True,
        blank=True,
        help_text=_("Measured a second time, from the sound alone."),
    )
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
    tools: Any = models.JSONField(_("tools"), default=list, blank=True)
    manner = models.CharField(
        _("manner"),
        max_length=12,
        blank=True,
        help_text=_("What the caller asked of the conversation itself: repeat, wait, goodbye."),
    )
    usage: Any = models.JSONField(
        _("usage"),
        default=dict,
        blank=True,
        help_text=_(
            "By stage and engine, since the turn before: seconds recognised, tokens, characters spoken."
        ),
    )

    class Meta:
        verbose_name = _("turn")
        verbose_name_plural = _("turns")
        ordering = ["call", "number"]
        constraints = [models.UniqueConstraint(fields=["call", "number"], name="one_turn_per_number")]

    def __str__(self) -> str:
        return f"{self.number}: {self.user_text}"

    @property
    def latency_in_doubt(self) -> bool:
        """Whether the turn's moments and its recording disagree on voice-to-voice."""
        told, heard = self.voice_to_voice_ms, self.recorded_voice_to_voice_ms
        return told is not None and heard is not None and abs(told - heard) > LATENCY_TOLERANCE_MS


# A model must be importable from here for Django to find it.
from aiker.calls.rehearsal.models import Rehearsal, RehearsalAnswer  # noqa: E402
from aiker.calls.tools.models import Tool  # noqa: E402

__all__ = [
    "NEVER_LIVED",
    "Assistant",
    "Call",
    "EndReason",
    "MenuAction",
    "MenuItem",
    "Rehearsal",
    "RehearsalAnswer",
    "Tool",
    "Turn",
    "VadChoice",
    "default_fillers",
    "default_no_transfer",
]
