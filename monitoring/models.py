"""What is measured (samples, turns, roll-ups), what is demanded of it (targets), what came of that, and who
is told of it.
"""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, validate_email
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from aiker.calls.tools.hosts import host_problem
from engines import secrets


class Sample(models.Model):
    """The readings of a moment, ``{"cpu_percent": 12.5, ...}``; ``source``: ``machine`` or ``web:<pid>``."""

    at = models.DateTimeField(_("at"))
    host = models.CharField(_("host"), max_length=100)
    source = models.CharField(_("source"), max_length=40)
    values = models.JSONField(_("readings"))

    class Meta:
        verbose_name = _("sample of resources")
        verbose_name_plural = _("resources")
        indexes = [models.Index(fields=["at", "source"], name="sample_time")]

    def __str__(self) -> str:
        return f"{self.source} {self.at:%Y-%m-%d %H:%M:%S}"


class TurnSample(models.Model):
    """The numbers of a turn, without its words; it stays when the call is deleted.

    ``shares`` are the contributions of ``aiker.calls.latency`` in ms, ``total_ms`` is voice to voice.
    """

    turn = models.OneToOneField("calls.Turn", models.SET_NULL, null=True, related_name="+")
    call_id = models.UUIDField()
    number = models.PositiveIntegerField(_("turn"))
    at = models.DateTimeField(_("at"))
    assistant = models.CharField(_("assistant"), max_length=50, blank=True)
    profile = models.CharField(_("engine profile"), max_length=50, blank=True)
    version = models.CharField(_("knowledge version"), max_length=120, blank=True)
    engines = models.JSONField(_("engines"), default=dict)
    total_ms = models.PositiveIntegerField(_("voice to voice (ms)"), null=True)
    shares = models.JSONField(_("latency"), default=dict)

    class Meta:
        verbose_name = _("latency of a turn")
        verbose_name_plural = _("latency")
        indexes = [
            models.Index(fields=["at"], name="turn_sample_time"),
            models.Index(fields=["total_ms", "at"], name="turn_sample_slowest"),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} {self.number}"


class TakenUp(models.Model):
    """How far the rows of calls are taken up: ``last`` is the highest key, whatever was deleted since."""

    kind = models.CharField(max_length=20, primary_key=True)
    last = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.kind}: {self.last}"


class Rollup(models.Model):
    """The distribution of a metric over a stretch of time (``monitoring.sketches``).

    ``start`` is on the hour, or midnight in AIKER_TIME_ZONE. ``scope`` is empty for everything, else
    ``assistant:anna``, ``profile:fast``, ``engine:whisper``, ``version:...``, ``host:...``.
    """

    class Step(models.IntegerChoices):
        FIVE_MINUTES = 300, _("five minutes")
        HOUR = 3600, _("an hour")
        DAY = 86400, _("a day")

    step = models.PositiveIntegerField(_("length (s)"), choices=Step)
    scope = models.CharField(_("scope"), max_length=140, blank=True)
    metric = models.CharField(_("metric"), max_length=100)
    start = models.DateTimeField(_("start"))
    count = models.PositiveIntegerField(_("values"))
    sketch = models.BinaryField(_("distribution"))

    class Meta:
        verbose_name = _("roll-up")
        verbose_name_plural = _("roll-ups")
        constraints = [
            models.UniqueConstraint(fields=["step", "scope", "start", "metric"], name="one_rollup_a_step")
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.scope} {self.start:%Y-%m-%d %H:%M}"


class Target(models.Model):
    """What is demanded of a metric: over the last ``window_s`` its percentile is at most ``threshold``."""

    metric = models.CharField(_("metric"), max_length=100)
    scope = models.CharField(
        _("scope"),
        max_length=140,
        blank=True,
        help_text=_("Empty: all. Or one, such as assistant:anna, profile:fast or engine:whisper-base."),
    )
    percentile = models.PositiveSmallIntegerField(
        _("percentile"), default=95, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    threshold = models.FloatField(_("at most"), help_text=_("In the unit of the metric: ms, MB or %."))
    window_s = models.PositiveIntegerField(
        _("over the last (s)"), default=300, validators=[MinValueValidator(10), MaxValueValidator(86400)]
    )
    min_count = models.PositiveIntegerField(
        _("values needed"), default=3, help_text=_("With fewer in that time, nothing is judged.")
    )
    is_active = models.BooleanField(_("watched"), default=True)

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["metric", "scope", "percentile"], name="one_target_a_percentile")
        ]

    def __str__(self) -> str:
        from monitoring.figures import named, value_with_unit

        return f"{named(self.metric, self.scope)} ≤ {value_with_unit(self.threshold, self.metric)}"


class Alarm(models.Model):
    """A target that was missed, from the moment on until it was met again.

    Or until there were too few values to tell: then it is ``unmeasured``.
    ``consequences`` are the metrics, each with its scope, that are over their target for the same cause: they
    raise no alarm.
    """

    target = models.ForeignKey(Target, models.CASCADE, verbose_name=_("target"), related_name="alarms")
    opened_at = models.DateTimeField(_("opened"))
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)
    value = models.FloatField(_("now"))
    worst = models.FloatField(_("worst"))
    met_since = models.DateTimeField(null=True, editable=False)
    unmeasured = models.BooleanField(default=False, editable=False)
    consequences = models.JSONField(_("consequences"), default=list, blank=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("acknowledged by"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        ordering = ["-opened_at"]
        permissions = [("acknowledge_alarm", _("Can acknowledge an alarm"))]
        constraints = [
            models.UniqueConstraint(
                fields=["target"], condition=Q(resolved_at=None), name="one_open_alarm_a_target"
            )
        ]

    def __str__(self) -> str:
        from monitoring.figures import value_with_unit

        return f"{self.target}: {value_with_unit(self.value, self.target.metric)}"

    @property
    def state(self) -> str:
        if self.resolved_at:
            return "unmeasured" if self.unmeasured else "resolved"
        return "acknowledged" if self.acknowledged_at else "open"


class Retention(models.Model):
    """How long one kind of data is kept; no days: for ever."""

    class Kind(models.TextChoices):
        AUDIO = "audio", _("recordings of calls")
        TEXT = "text", _("calls with what was said")
        SAMPLES = "samples", _("readings of resources, each of them")
        TURNS = "turns", _("latency of each turn, without words")
        ROLLUPS = "rollups", _("hourly distributions")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind, unique=True, editable=False)
    days = models.PositiveIntegerField(
        _("kept for (days)"), null=True, blank=True, validators=[MinValueValidator(1)],
        help_text=_("Empty: for ever."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("retention")
        verbose_name_plural = _("retention")
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(self.get_kind_display())


class Recipient(models.Model):
    """Who is told of alarms: an address of mail, or a web address (``docs/monitoring.md``, "Notifications").

    The signing key is encrypted in ``sealed``. ``clean`` refuses an address that nothing can be sent to.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", _("mail")
        WEBHOOK = "webhook", _("webhook")

    name = models.CharField(_("name"), max_length=80)
    channel = models.CharField(_("by"), max_length=10, choices=Channel)
    address = models.CharField(
        _("send to"), max_length=500,
        help_text=_("A mail address, or for a webhook https://… at a host of AIKER_ALARM_HOSTS."),
    )  # fmt: skip
    language = models.CharField(
        _("language"), max_length=10, blank=True, choices=settings.LANGUAGES,
        help_text=_("Empty: that of this installation."),
    )  # fmt: skip
    remind_minutes = models.PositiveIntegerField(
        _("remind every (minutes)"), null=True, blank=True, default=240, validators=[MinValueValidator(5)],
        help_text=_("While nobody has acknowledged the alarm. Empty: never."),
    )  # fmt: skip
    is_active = models.BooleanField(_("in use"), default=True)
    sealed = models.TextField(blank=True, editable=False)

    class Meta:
        verbose_name = _("recipient of alarms")
        verbose_name_plural = _("recipients of alarms")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.channel == self.Channel.EMAIL:
            validate_email_address(self.address)
        elif problem := host_problem(self.address, settings.AIKER.alarm_hosts, "AIKER_ALARM_HOSTS"):
            raise ValidationError({"address": problem})

    @property
    def signing_key(self) -> str:
        """The key in the clear; raises engines.secrets.SecretsError."""
        return secrets.decrypt(self.sealed).get("signing_key", "")

    @signing_key.setter
    def signing_key(self, key: str) -> None:
        self.sealed = secrets.encrypt({"signing_key": key} if key else {})


def validate_email_address(address: str) -> None:
    try:
        validate_email(address)
    except ValidationError as exc:
        raise ValidationError({"address": exc.messages}) from None


class Notification(models.Model):
    """Something that a recipient is told of an alarm, on its way or sent; without an alarm, a test."""

    class Event(models.TextChoices):
        OPENED = "opened", _("alarm")
        REMINDER = "reminder", _("reminder")
        RESOLVED = "resolved", _("all clear")
        UNMEASURED = "unmeasured", _("no longer measured")
        TEST = "test", _("test")

    class State(models.TextChoices):
        WAITING = "waiting", _("being sent")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        WITHDRAWN = "withdrawn", _("not needed any more")

    recipient = models.ForeignKey(
        Recipient, models.CASCADE, verbose_name=_("recipient"), related_name="notifications"
    )
    alarm = models.ForeignKey(
        Alarm, models.CASCADE, null=True, verbose_name=_("alarm"), related_name="notifications"
    )
    # The alarm that tells why this one is over though its target is still missed.
    cause = models.ForeignKey(Alarm, models.SET_NULL, null=True, related_name="+", editable=False)
    event = models.CharField(_("what"), max_length=10, choices=Event)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(_("at"))
    due_at = models.DateTimeField(_("next attempt"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    sent_at = models.DateTimeField(_("sent"), null=True)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-pk"]
        indexes = [models.Index(fields=["state", "due_at"], name="notification_due")]

    def __str__(self) -> str:
        return f"{self.get_event_display()} → {self.recipient}"


# A model must be importable from here for Django to find it.
from monitoring.cost.models import Price  # noqa: E402
from monitoring.quality.models import (  # noqa: E402
    CallSample,
    Finding,
    Notice,
    QuestionTally,
    Review,
    Tally,
)

__all__ = [
    "Alarm",
    "CallSample",
    "Finding",
    "Notice",
    "Notification",
    "Price",
    "QuestionTally",
    "Recipient",
    "Retention",
    "Review",
    "Rollup",
    "Sample",
    "Tally",
    "Target",
    "TurnSample",
]
