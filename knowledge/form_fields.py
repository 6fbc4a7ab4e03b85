"""Lists in forms, edited as lines of text.

::

    variants = LinesField(label=_("other wordings"))        # ["日票多少", "按天租"]
    must_say = FactsField(label=_("must say"))              # [["80", "八十"], ["上海"]]: 80 / 八十, 上海
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from unfold.widgets import UnfoldAdminTextareaWidget

from knowledge.cleaning import clean


class LinesField(forms.CharField):
    """A list of texts, edited as one text a line of at most ``longest`` characters."""

    def __init__(self, *, longest: int = 500, **kwargs: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), **kwargs)
        self.longest = longest

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = (line.strip() for line in clean(value or "").splitlines())
        return list(dict.fromkeys(line for line in lines if line))

    def validate(self, value: Any) -> None:
        super().validate(value)
        if any(len(line) > self.longest for line in value):
            text = gettext("A line may have %(most)d characters.")
            raise ValidationError(text % {"most": self.longest})

    def run_validators(self, value: Any) -> None:
        """Texts are checked one by one, above."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial)) != self.to_python(data)


class FactsField(LinesField):
    """A list of facts, one a line; a fact is a list of spellings, separated by slashes."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(" / ".join(fact) for fact in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        facts = ([text.strip() for text in line.split("/")] for line in super().to_python(value))
        return [spellings for fact in facts if (spellings := [text for text in fact if text])]
