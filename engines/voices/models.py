"""A voice: whose it is, the recordings it is made of, how well it came out, and whether calls may use it."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from engines.catalog import model_dir
from engines.names import voice_problem
from engines.registry import RegistryError
from engines.secrets import SecretsError
from engines.voices.latents import fingerprint
from engines.voices.own_engine import own_tts


class VoiceState(models.TextChoices):
    DRAFT = "draft", _("not prepared")
    PREPARING = "preparing", _("being prepared")
    FAILED = "failed", _("failed")
    READY = "ready", _("ready")


def sample_path(sample: VoiceSample, filename: str) -> str:
    return f"voices/{sample.voice.slug}/{uuid4().hex[:12]}-{filename[-60:]}"


def voice_path(voice: VoiceProfile, filename: str) -> str:
    return f"voices/{voice.slug}/{uuid4().hex[:12]}-{filename[-60:]}"


class VoiceProfile(models.Model):
    """A voice that assistants speak with, on any engine.

    An engine that clones speaks with what was made of the recordings, under ``engine_voice``; every other
    engine with the voice that ``names`` gives it. ``prepared`` is what was made last, ``published`` what
    calls use: a changed recording is prepared anew, and calls go on with the old until it is published.
    """

    slug = models.SlugField(_("identifier"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    engine = models.ForeignKey(
        "engines.EngineConfig",
        models.PROTECT,
        null=True,
        blank=True,
        limit_choices_to={"stage": "tts"},
        related_name="cloned_voices",
        verbose_name=_("prepared on"),
        help_text=_("The engine that clones or is judged; empty: this machine's own."),
    )
    speaker = models.CharField(
        _("speaker"), max_length=120, blank=True, help_text=_("The person whose voice this is.")
    )
    consent = models.FileField(
        _("consent"),
        upload_to=voice_path,
        blank=True,
        help_text=_("The speaker's signed statement, as a document or a recording."),
    )
    consented_on = models.DateField(_("consent given on"), null=True, blank=True)
    consent_recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("consent recorded by"),
    )
    is_synthetic = models.BooleanField(
        _("synthetic stand-in"),
        default=False,
        help_text=_("Made by a machine, nobody's voice: no consent is needed."),
    )
    state = models.CharField(_("state"), max_length=10, choices=VoiceState, default=VoiceState.DRAFT)
    error = models.TextField(_("error"), blank=True)
    prepared = models.CharField(max_length=16, blank=True, editable=False)
    prepared_at = models.DateTimeField(_("prepared"), null=True, editable=False)
    preview = models.FileField(_("preview"), upload_to=voice_path, blank=True, editable=False)
    scorecard = models.JSONField(_("scorecard"), default=dict, blank=True)
    published = models.CharField(max_length=16, blank=True, editable=False)
    published_names = models.JSONField(default=dict, editable=False)
    published_at = models.DateTimeField(_("published"), null=True, editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    class Meta:
        verbose_name = _("voice")
        verbose_name_plural = _("voices")
        ordering = ["name"]
        permissions = [("publish_voiceprofile", _("Can publish voices"))]

    def __str__(self) -> str:
        return self.name

    @property
    def clones(self) -> bool:
        """Whether the engine it is prepared on speaks with the recordings' voice."""
        try:
            return self.engine is not None and "cloning" in self.engine.spec.capabilities
        except RegistryError:
            return False

    @property
    def source(self) -> str:
        """What this voice is made from, as a digest: another recording, engine or model gives another."""
        made_of: list[Any] = [self.engine and (self.engine.backend, sorted(self.engine.parameters.items()))]
        if self.engine and self.clones and (folder := model_dir(self.engine.model)).exists():
            made_of.append(fingerprint(folder))
        made_of += self.samples.order_by("pk").values_list("sha256", flat=True)
        made_of += self.names.order_by("pk").values_list("engine_id", "voice")
        return hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]

    @property
    def is_outdated(self) -> bool:
        return self.prepared != self.source

    def engine_voice(self, version: str) -> str:
        """The name under which a cloning engine finds this version of the voice."""
        return f"{self.slug}-{version}"


class VoiceSample(models.Model):
    """One recording of the speaker; ``verdict`` says what was found in it (``recording_checks``)."""

    voice = models.ForeignKey(VoiceProfile, models.CASCADE, related_name="samples")
    recording = models.FileField(_("recording"), upload_to=sample_path)
    sha256 = models.CharField(max_length=64, editable=False)
    is_synthetic = models.BooleanField(_("synthetic"), default=False, editable=False)
    verdict = models.JSONField(_("verdict"), default=list, editable=False)

    class Meta:
        verbose_name = _("recording")
        verbose_name_plural = _("recordings")
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(self.recording).rpartition("/")[2]


class VoiceName(models.Model):
    """What an engine that does not clone calls this voice."""

    voice_profile = models.ForeignKey(VoiceProfile, models.CASCADE, related_name="names")
    engine = models.ForeignKey(
        "engines.EngineConfig",
        models.CASCADE,
        null=True,
        blank=True,
        limit_choices_to={"stage": "tts"},
        verbose_name=_("engine"),
        help_text=_("Empty: this machine's own engine."),
    )
    voice = models.CharField(_("voice there"), max_length=80)

    class Meta:
        verbose_name = _("voice on another engine")
        verbose_name_plural = _("voices on other engines")
        constraints = [
            models.UniqueConstraint(fields=["voice_profile", "engine"], name="one_name_an_engine"),
            models.UniqueConstraint(
                fields=["voice_profile"], condition=models.Q(engine=None), name="one_name_on_the_own_engine"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.engine or '–'}: {self.voice}"

    def clean(self) -> None:
        try:
            backend = self.engine.build() if self.engine else own_tts()
        except (RegistryError, SecretsError, ValueError):
            return  # its own page says what is wrong with the engine
        if problem := voice_problem(backend, self.voice):
            raise ValidationError({"voice": problem})
