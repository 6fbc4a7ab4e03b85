"""Whether engines fit into the memory there is: predicted, and as measured when they were loaded.

::

    fit = profile_fit(profile)
    fit.vram_mb, fit.budget_mb, fit.over_mb
    [(row.engine, row.prediction, row.measured) for row in fit.rows]

Only what runs on a GPU counts against the budget (``AIKER_VRAM_BUDGET_MB``); the rest is RAM, shown beside.
Predictions read the headers of the models' files and keep them (``engines.model_files``).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError
from django.utils.translation import gettext as _
from pydantic import ValidationError as ParametersError

from engines.catalog import CatalogError
from engines.gpu import look_at_gpus
from engines.memory import Device, Prediction, predict, together_mb
from engines.model_files import ModelFileError
from engines.models import BackendProfile, EngineConfig, EngineMemory
from engines.registry import Backend, RegistryError
from engines.secrets import SecretsError

logger = logging.getLogger(__name__)
KEPT_MEASUREMENTS = 20


@dataclass(frozen=True, slots=True)
class EngineFit:
    """One engine: ``prediction`` is None when it runs elsewhere, or cannot be told because of ``problem``."""

    engine: EngineConfig
    prediction: Prediction | None
    problem: str = ""

    @property
    def measured(self) -> EngineMemory | None:
        return self.engine.memory.first() if self.engine.pk else None


@dataclass(frozen=True, slots=True)
class ProfileFit:
    """All engines of a profile at once, at most; MB."""

    rows: tuple[EngineFit, ...]
    vram_mb: int
    ram_mb: int
    budget_mb: int

    @property
    def over_mb(self) -> int:
        return max(0, self.vram_mb - self.budget_mb)

    @property
    def summary(self) -> str:
        text = _("GPU memory %(vram)s MB of %(budget)s MB; RAM %(ram)s MB")
        return text % {"vram": self.vram_mb, "budget": self.budget_mb, "ram": self.ram_mb}


def profile_fit(profile: BackendProfile) -> ProfileFit:
    """Return what the saved engines of ``profile`` take."""
    return fit_of([route.engine for route in profile.routes.select_related("engine")])


def fit_of(engines: Iterable[EngineConfig]) -> ProfileFit:
    """Return what these engines take together. Equal ones are one: the engine server loads it once."""
    rows, counted = [], dict[Backend, Prediction]()
    for engine in engines:
        row = engine_fit(engine)
        rows.append(row)
        if row.prediction:
            counted[engine.build()] = row.prediction
    vram, ram = (math.ceil(together_mb(counted.values(), device)) for device in ("cuda", "cpu"))
    return ProfileFit(tuple(rows), vram, ram, settings.AIKER.vram_budget_mb)


def engine_fit(engine: EngineConfig) -> EngineFit:
    """Return the prediction for an engine as it is here, saved or not."""
    try:
        prediction = prediction_of(engine.build())
    except (RegistryError, SecretsError, CatalogError, ModelFileError) as exc:
        return EngineFit(engine, None, str(exc))
    except ParametersError as exc:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()]
        return EngineFit(engine, None, "; ".join(lines))
    if prediction and prediction.short_mb:
        text = _("Its share of the GPU is %(mb)s MB too small for the weights and one call.")
        return EngineFit(engine, prediction, text % {"mb": math.ceil(prediction.short_mb)})
    return EngineFit(engine, prediction)


def prediction_of(backend: Backend) -> Prediction | None:
    """Return what ``backend`` takes of this machine, None for nothing; CatalogError or ModelFileError."""
    demand = backend.demand()
    return predict(demand, gpu_mb()) if demand else None


def gpu_mb() -> float:
    """Return the memory of the largest GPU; without one, the budget stands for it."""
    driver = look_at_gpus()
    return max(gpu.memory_mb for gpu in driver.gpus) if driver else settings.AIKER.vram_budget_mb


def store_measurement(slugs: Iterable[str], device: Device, measured_mb: float) -> None:
    """Keep what the engines called ``slugs`` took when loaded, beside the prediction for then.

    For the processes that hold models; a database that cannot be written is logged and stops nothing.
    """
    try:
        for engine in EngineConfig.objects.filter(slug__in=list(slugs)):
            prediction = engine_fit(engine).prediction
            EngineMemory.objects.create(
                engine=engine,
                device=device,
                predicted_mb=round(prediction.loaded_mb) if prediction else None,
                measured_mb=max(0, round(measured_mb)),
            )
            kept = engine.memory.values_list("pk", flat=True)[:KEPT_MEASUREMENTS]
            engine.memory.exclude(pk__in=list(kept)).delete()
    except DatabaseError as exc:
        logger.warning("the measured memory was not stored: %s", exc)
