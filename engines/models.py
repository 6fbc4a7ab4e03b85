"""Which engines there are, and which an assistant uses in what order."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError as ParametersError

from engines import secrets
from engines.names import model_problem, voice_problem
from engines.registry import Backend, BackendSpec, RegistryError, get_backend


class StageChoice(models.TextChoices):
    STT = "stt", _("speech recognition")
    LLM = "llm", _("language model")
    TTS = "tts", _("speech synthesis")
    EMBEDDING = "embedding", _("embedding")
    RERANK = "rerank", _("reranking")


class Mode(models.TextChoices):
    LOCAL = "local", _("local: nothing leaves this house")
    HYBRID = "hybrid", _("hybrid: local first, then others")
    API = "api", _("API: vendors' engines")


class EngineConfig(models.Model):
    """One engine: a backend with its parameters.

    ``parameters`` holds what the backend's class describes, without its secrets; these are encrypted in
    ``sealed``. ``clean`` checks both and fills in ``stage``.
    """

    slug = models.SlugField(_("identifier"), unique=True, help_text=_("Shown in the record of each turn."))
    name = models.CharField(_("name"), max_length=80)
    backend = models.CharField(_("backend"), max_length=40)
    stage = models.CharField(_("stage"), max_length=12, choices=StageChoice, editable=False)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    sealed = models.TextField(editable=False, default="", blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("engine")
        verbose_name_plural = _("engines")
        ordering = ["stage", "name"]

    def __str__(self) -> str:
        return self.name

    @property
    def spec(self) -> BackendSpec:
        """The backend; RegistryError when there is none of that name any more."""
        return get_backend(self.backend)

    @property
    def model(self) -> str:
        """The model that it names, chosen or by default; empty when its backend has none."""
        field = self.spec.parameters.model_fields.get("model")
        return self.parameters.get("model") or (field.get_default() if field else "") or ""

    def set_secrets(self, new: dict[str, str]) -> None:
        """Keep these secrets beside those there are; an empty value keeps the old one."""
        self.sealed = secrets.encrypt(secrets.decrypt(self.sealed) | {k: v for k, v in new.items() if v})

    def build(self) -> Backend:
        """Return the backend with its parameters; RegistryError, SecretsError or pydantic's error."""
        return self.spec.parameters.model_validate(self.parameters | secrets.decrypt(self.sealed))

    def clean(self) -> None:
        try:
            self.stage = self.spec.stage
            built = self.build()
        except (RegistryError, secrets.SecretsError) as exc:
            raise ValidationError(str(exc)) from exc
        except ParametersError as exc:
            lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()]
            raise ValidationError(lines) from exc
        wrong = [model_problem(built), voice_problem(built, str(getattr(built, "voice", "")))]
        if found := [problem for problem in wrong if problem]:
            raise ValidationError(found)


class BackendProfile(models.Model):
    """The engines of a call: an ordered list a stage, and where they may be.

    Only a published profile answers calls. ``override_mb`` is by how much it may exceed the budget of GPU
    memory: someone confirmed it (``engines.publishing``).
    """

    slug = models.SlugField(_("identifier"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    mode = models.CharField(_("mode"), max_length=8, choices=Mode, default=Mode.LOCAL)
    is_published = models.BooleanField(_("published"), default=False, editable=False)
    override_mb = models.PositiveIntegerField(_("over the budget (MB)"), default=0, editable=False)
    override_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("confirmed by"),
    )
    override_at = models.DateTimeField(_("confirmed at"), null=True, editable=False)

    class Meta:
        verbose_name = _("engine profile")
        verbose_name_plural = _("engine profiles")
        ordering = ["name"]
        permissions = [("override_budget", _("Can publish an engine profile over the memory budget"))]

    def __str__(self) -> str:
        return self.name


class Route(models.Model):
    """One engine in the list of a profile's stage."""

    profile = models.ForeignKey(BackendProfile, models.CASCADE, related_name="routes")
    engine = models.ForeignKey(EngineConfig, models.PROTECT, verbose_name=_("engine"))
    position = models.PositiveSmallIntegerField(_("order"), default=1, help_text=_("1 is asked first."))
    timeout_ms = models.PositiveIntegerField(
        _("time limit (ms)"),
        default=5000,
        validators=[MinValueValidator(100)],
        help_text=_("Until its first result; then the next engine is asked."),
    )

    class Meta:
        verbose_name = _("engine of a profile")
        verbose_name_plural = _("engines of a profile")
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["profile", "engine"], name="engine_once_in_a_profile")]

    def __str__(self) -> str:
        return f"{self.position}. {self.engine}"


class EngineMemory(models.Model):
    """What an engine took when it was loaded, beside what was predicted for then; MB."""

    engine = models.ForeignKey(EngineConfig, models.CASCADE, related_name="memory")
    at = models.DateTimeField(_("measured at"), auto_now_add=True)
    device = models.CharField(_("device"), max_length=8)
    predicted_mb = models.PositiveIntegerField(_("predicted (MB)"), null=True)
    measured_mb = models.PositiveIntegerField(_("measured (MB)"))

    class Meta:
        verbose_name = _("memory of an engine")
        verbose_name_plural = _("memory of engines")
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.engine}: {self.measured_mb} MB"


# A model must be importable from here for Django to find it.
from engines.voices.models import VoiceName, VoiceProfile, VoiceSample  # noqa: E402

__all__ = [
    "BackendProfile",
    "EngineConfig",
    "EngineMemory",
    "Mode",
    "Route",
    "StageChoice",
    "VoiceName",
    "VoiceProfile",
    "VoiceSample",
]
