"""Whether the model and the voice that an engine names exist: what is refused when it is saved.

::

    model_problem(backend)         # "There is no model 'whisper-basic'; ..." or ""
    voice_problem(backend, "x")    # "Kokoro 82M has no voice x. There are: zf_xiaobei, ..." or ""

A model that is in the catalogue and not installed yet is no wrong name: of that ``profiles.engine_problems``
tells.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from engines.catalog import CatalogError, format_problem, get_model, model_dir
from engines.registry import Backend, LocalBackend, ServerBackend


def model_problem(backend: Backend) -> str:
    """Return what is wrong with the name of a model that runs on this machine; empty: nothing."""
    if not isinstance(backend, LocalBackend | ServerBackend):
        return ""
    if backend.model.startswith("/"):
        if model_dir(backend.model).is_dir():
            return ""
        return _("There is no folder %(folder)s.") % {"folder": backend.model}
    try:
        model = get_model(backend.model)
    except CatalogError as exc:
        return str(exc)
    if model.kind != backend.spec.stage:
        return _("The model %(model)s is for %(kind)s.") % {"model": model.id, "kind": model.kind}
    return format_problem(model, backend.spec.formats) or ""


def voice_problem(backend: Backend, voice: str, language: str = "") -> str:
    """Return that an engine has no such voice (for a language); empty: it has, or nobody here knows."""
    known = backend.known_voices(language)
    if not voice or known is None or voice in known:
        return ""
    values = {"engine": _(backend.spec.label), "voice": voice, "voices": ", ".join(known)}
    return _("%(engine)s has no voice %(voice)s. There are: %(voices)s.") % values
