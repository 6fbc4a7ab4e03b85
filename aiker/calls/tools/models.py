"""A tool as an operator declares it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as now
from django.utils.translation import gettext_lazy as _

from aiker.calls.tools.hosts import host_problem
from aiker.calls.tools.schema import needs_nothing, no_parameters, parameter_names, schema_problems
from aiker.calls.tools.spec import Kind, ToolSpec
from aiker.calls.tools.template import places
from engines import secrets

HEADER, SIGNING_KEY = "header:", "signing_key"
MOST_PHRASES = 40


class KindChoice(models.TextChoices):
    TRANSFER = Kind.TRANSFER.value, _("transfer to a person")
    HANG_UP = Kind.HANG_UP.value, _("say goodbye and hang up")
    WEBHOOK = Kind.WEBHOOK.value, _("send a message to a system (webhook)")
    LOOKUP = Kind.LOOKUP.value, _("look something up in a system")


class Tool(models.Model):
    """What an assistant can do besides answer. ``clean`` checks that it can work; headers are encrypted."""

    name = models.CharField(_("name"), max_length=80, help_text=_("For you, such as 查订单."))
    slug = models.SlugField(
        _("identifier"),
        unique=True,
        help_text=_(
            "What the language model and the record call it: Latin letters, such as transfer_to_human."
        ),
    )
    kind = models.CharField(_("what it does"), max_length=10, choices=KindChoice)
    is_active = models.BooleanField(_("in use"), default=True)
    assistants = models.ManyToManyField(
        "calls.Assistant",
        verbose_name=_("assistants that may use it"),
        related_name="tools",
        blank=True,
        help_text=_("Takes effect on the next call."),
    )
    phrases = models.TextField(
        _("callers say"),
        blank=True,
        help_text=_(
            "One phrase a line, such as 转人工. A caller who says just that, politeness aside, is served at "
            "once, without the language model. Only for tools that need nothing from the caller."
        ),
    )
    ask_model = models.BooleanField(
        _("the language model may call it"),
        default=False,
        help_text=_(
            "Needs a model that is good at it: the small default model is not. Try it in a test call first."
        ),
    )
    description = models.TextField(
        _("when to use it"),
        blank=True,
        help_text=_("For the language model: what the tool does and when, in one or two sentences."),
    )
    parameters: Any = models.JSONField(
        _("what it needs to know"),
        default=no_parameters,
        blank=True,
        help_text=_(
            'JSON Schema. Example: {"type": "object", "properties": {"order": {"type": "string", '
            '"description": "订单号"}}, "required": ["order"]}'
        ),
    )
    confirm = models.CharField(
        _("question before it runs"),
        max_length=200,
        blank=True,
        help_text=_(
            "Asked first; it runs when the caller says yes. {order} is what the caller gave. "
            "Empty: not asked."
        ),
    )
    progress = models.CharField(
        _("said while it runs"), max_length=200, blank=True, help_text=_("Such as 好的，我查一下。")
    )
    answer = models.CharField(
        _("said when it is done"),
        max_length=200,
        blank=True,
        help_text=_(
            "Fields of the result stand in braces: 您的订单{status}。 Empty: a look-up is put into words by "
            "the language model, a goodbye is the assistant's."
        ),
    )
    failure = models.CharField(
        _("said when it fails"), max_length=200, default="抱歉，这个我现在办不了，请您稍后再试。"
    )
    target = models.CharField(
        _("transfer to"),
        max_length=120,
        blank=True,
        help_text=_("A telephone number, a queue or a SIP address, for the telephone system."),
    )
    method = models.CharField(
        _("method"),
        max_length=4,
        choices=[("GET", "GET"), ("POST", "POST")],
        default="POST",
        help_text=_("Of a look-up; everything else is sent with POST."),
    )
    url = models.CharField(
        _("web address"),
        max_length=500,
        blank=True,
        help_text=_(
            "https://crm.example.com/orders/{order}. Its host must be in AIKER_TOOL_HOSTS. Optional for a "
            "transfer or a goodbye: asked first, and any answer but 2xx declines it."
        ),
    )
    timeout_s = models.FloatField(
        _("time limit (s)"), default=5.0, validators=[MinValueValidator(0.5), MaxValueValidator(20)]
    )
    sealed = models.TextField(editable=False, default="", blank=True)

    class Meta:
        verbose_name = _("tool")
        verbose_name_plural = _("tools")
        ordering = ["name"]
        permissions = [("send_tool", _("Can send a tool's request by hand"))]

    def __str__(self) -> str:
        return self.name

    @property
    def lacks_target(self) -> bool:
        """Whether it is a transfer without a number to transfer to."""
        return self.kind == KindChoice.TRANSFER and not self.target.strip()

    @property
    def said(self) -> tuple[str, ...]:
        """The example phrases."""
        return tuple(line.strip() for line in self.phrases.splitlines() if line.strip())

    def set_secrets(self, new: dict[str, str]) -> None:
        """Keep these headers (``header:NAME``) and this key beside those there are, if they can be read."""
        try:
            kept = secrets.decrypt(self.sealed)
        except secrets.SecretsError:
            kept = {}
        self.sealed = secrets.encrypt({name: value for name, value in (kept | new).items() if value})

    def spec(self) -> ToolSpec:
        """Return what a call needs of it; secrets that cannot be read make it ``broken``, not the call."""
        broken = ""
        try:
            kept = secrets.decrypt(self.sealed)
        except secrets.SecretsError as exc:
            kept, broken = {}, str(exc)
        return ToolSpec(
            slug=self.slug,
            name=self.name,
            kind=Kind(self.kind),
            description=self.description,
            parameters=self.parameters or no_parameters(),
            phrases=self.said,
            ask_model=self.ask_model,
            confirm=self.confirm,
            progress=self.progress,
            answer=self.answer,
            failure=self.failure,
            target=self.target,
            method=self.method,
            url=self.url,
            headers=tuple((k.removeprefix(HEADER), v) for k, v in kept.items() if k.startswith(HEADER)),
            signing_key=kept.get(SIGNING_KEY, ""),
            timeout_s=self.timeout_s,
            broken=broken,
        )

    def clean(self) -> None:
        errors: dict[str, list[str]] = {}
        self.parameters = self.parameters or no_parameters()
        if found := schema_problems(self.parameters):
            errors["parameters"] = found
        else:
            self._check_calling(errors)
            self._check_places(errors)
        self._check_kind(errors)
        if errors:
            raise ValidationError(errors)

    def _check_calling(self, errors: dict[str, list[str]]) -> None:
        """Note what keeps anybody from calling it."""
        if len(self.said) > MOST_PHRASES:
            errors["phrases"] = [now("At most %(most)s phrases.") % {"most": MOST_PHRASES}]
        elif self.said and not needs_nothing(self.parameters):
            errors["phrases"] = [
                now(
                    "The tool needs something from the caller, which only the language model can take from "
                    "their words. Remove the phrases, or give each required parameter a default."
                )
            ]
        if not self.said and not self.ask_model:
            errors["phrases"] = [
                now("Nothing calls this tool: enter what callers say, or let the language model call it.")
            ]
        if self.ask_model and not self.description.strip():
            errors["description"] = [now("The language model must be told when to use the tool.")]

    def _check_places(self, errors: dict[str, list[str]]) -> None:
        """Note places to fill that nothing will fill. What a result holds cannot be known here."""
        known = parameter_names(self.parameters)
        texts = {"confirm": self.confirm, "url": self.url, "target": self.target, "progress": self.progress}
        for name, text in texts.items():
            given = known if name in ("confirm", "url") else set()
            if unknown := places(text) - given:
                errors[name] = [
                    now("“%(place)s” is none of the parameters.") % {"place": "{" + place + "}"}
                    for place in sorted(unknown)
                ]

    def _check_kind(self, errors: dict[str, list[str]]) -> None:
        """Note what a tool of this kind lacks; one that is not in use may be filled in later."""
        required = {
            Kind.TRANSFER: {"target": self.target, "answer": self.answer},
            Kind.WEBHOOK: {"url": self.url, "answer": self.answer},
            Kind.LOOKUP: {"url": self.url},
        }
        known = self.is_active and self.kind in KindChoice.values
        lacking = required.get(Kind(self.kind), {}) if known else {}
        for name, value in lacking.items():
            if not value.strip():
                errors[name] = [now("A tool of this kind needs it.")]
        if self.url and (problem := host_problem(self.url, settings.AIKER.tool_hosts)):
            errors.setdefault("url", []).append(problem)
