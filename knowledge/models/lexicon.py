"""Words of the business: how callers are misheard when they say them, and how the voice reads them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from knowledge.models.content import KnowledgeBase


class LexiconEntry(models.Model):
    """A word of a base. Only accepted ones take effect, on the next call."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        ACCEPTED = "accepted", _("accepted")
        REJECTED = "rejected", _("rejected")

    class Kind(models.TextChoices):
        NAME = "name", _("name")
        BRAND = "brand", _("brand or product")
        TERM = "term", _("term")
        NUMBER = "number", _("number or unit")

    base = models.ForeignKey(
        KnowledgeBase, verbose_name=_("knowledge base"), on_delete=models.CASCADE, related_name="lexicon"
    )
    TERM_CHARS = 60
    term = models.CharField(_("word"), max_length=TERM_CHARS)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.TERM)
    hot_word = models.BooleanField(
        _("callers say it"), default=True, help_text=_("Speech recognition prefers it.")
    )
    misheard = models.JSONField(
        _("misheard as"),
        default=list,
        blank=True,
        help_text=_("What recognition writes instead, one a line; it is corrected."),
    )
    reading = models.CharField(
        _("spoken as"),
        max_length=120,
        blank=True,
        help_text=_("What the voice is given instead, in characters that sound right. Empty: as written."),
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ACCEPTED)
    count = models.PositiveIntegerField(_("times in the base"), default=0, editable=False)
    example = models.CharField(_("example"), max_length=80, blank=True, editable=False)
    edited = models.BooleanField(default=False, editable=False)  # by an operator, while it was proposed

    class Meta:
        verbose_name = _("lexicon entry")
        verbose_name_plural = _("lexicon")
        ordering = ["term"]
        constraints = [models.UniqueConstraint(fields=["base", "term"], name="lexicon_term_once")]

    def __str__(self) -> str:
        return self.term
