"""What the commands that serve models share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from engines.catalog import CatalogError, Format, format_problem, get_model, machine_size, model_dir
from engines.fetch import is_installed

MAX_THREADS = 8
MAX_LLM_THREADS = 16


def threads(most: int = MAX_THREADS) -> int:
    """Return how many threads one engine may use: the setting, else every core up to ``most``."""
    return settings.AIKER.engine_threads or min(machine_size()[0], most)


def installed(model_id: str, kind: str, formats: Sequence[Format] = ()) -> Path:
    """Return the directory of an installed model of this kind and format, or stop with what to do."""
    try:
        model = get_model(model_id)
    except CatalogError as exc:
        raise CommandError(str(exc)) from None
    if model.kind != kind:
        raise CommandError(
            _("The model %(model)s is of kind %(kind)s; one of kind %(wanted)s is needed here.")
            % {"model": model_id, "kind": model.kind, "wanted": kind}
        )
    if problem := format_problem(model, formats):
        raise CommandError(problem)
    if not is_installed(model, settings.AIKER.models):
        raise CommandError(
            _("The model %(model)s is not installed. Run: manage.py models pull %(model)s")
            % {"model": model_id}
        )
    return model_dir(model_id)
