"""What an API, or electricity, costs."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class Price(models.Model):
    """One line of a price list: ``amount`` of ``currency`` for a ``unit``.

    The lines of one ``offer`` are added up: what it would have cost to have everything done there.
    """

    class Unit(models.TextChoices):
        AUDIO_MINUTE = "audio_minute", _("minute of audio recognised")
        PROMPT_TOKENS = "prompt_tokens", _("million tokens read")
        COMPLETION_TOKENS = "completion_tokens", _("million tokens written")
        CHARACTERS = "characters", _("million characters spoken")
        CALL_MINUTE = "call_minute", _("minute of a call")
        KWH = "kwh", _("kWh of electricity")

    offer = models.CharField(
        _("offer"),
        max_length=60,
        help_text=_("A vendor or plan. Lines of the same offer are added up; electricity stands alone."),
    )
    unit = models.CharField(_("for a"), max_length=20, choices=Unit)
    amount = models.DecimalField(
        _("price"), max_digits=12, decimal_places=4, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(
        _("currency"), max_length=3, default="CNY",
        validators=[RegexValidator(r"^[A-Z]{3}\Z", _("Three capital letters, such as CNY or USD."))],
    )  # fmt: skip
    is_example = models.BooleanField(
        _("example"),
        default=False,
        help_text=_("Not a price that anybody asks: replace it by your vendor's."),
    )
    is_active = models.BooleanField(_("shown"), default=True)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        ordering = ["offer", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["offer", "unit"],
                name="one_price_a_unit",
                violation_error_message=_("This offer has a price for that already."),
            ),
            models.UniqueConstraint(
                fields=["unit"],
                condition=models.Q(unit="kwh"),
                name="one_price_of_electricity",
                violation_error_message=_("There is a price of electricity already: change that one."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.offer}: {self.get_unit_display()}"

    def clean(self) -> None:
        self.offer = self.offer.strip()
        others = Price.objects.filter(offer=self.offer).exclude(pk=self.pk).exclude(unit=self.Unit.KWH)
        if self.unit != self.Unit.KWH and others.exclude(currency=self.currency).exists():
            raise ValidationError({"currency": _("The lines of one offer have the same currency.")})
