"""Chat templates of models that are published without one: Qwen-14B-Chat and Baichuan2-13B-Chat.

::

    template = missing_template(models / "baichuan2-13b-chat")     # None: the model has its own
    template.path, template.ends
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from engines.registry import ModelFilesError


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A Jinja file, and the tokens that end what the assistant says."""

    name: str
    ends: tuple[str, ...]

    @property
    def path(self) -> Path:
        return Path(__file__).with_name(f"{self.name}.jinja")


# By ``model_type`` of config.json; Qwen2 and later bring their own.
_KNOWN = {
    "qwen": ChatTemplate("chatml", ("<|im_end|>", "<|endoftext|>")),
    "baichuan": ChatTemplate("baichuan", ("</s>", "<reserved_106>", "<reserved_107>")),
}


def missing_template(model_dir: Path) -> ChatTemplate | None:
    """Return the template that a model's files lack; None when they have one. Raises ModelFilesError."""
    if (model_dir / "chat_template.jinja").exists() or "chat_template" in _json(
        model_dir, "tokenizer_config"
    ):
        return None
    kind = str(_json(model_dir, "config").get("model_type", ""))
    if kind not in _KNOWN:
        message = _("The model in %(folder)s has no chat template: save one there as chat_template.jinja.")
        raise ModelFilesError(message % {"folder": model_dir})
    return _KNOWN[kind]


def _json(model_dir: Path, name: str) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads((model_dir / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found
