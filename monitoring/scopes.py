"""What a target can be narrowed to: ``assistant:anna``, ``host:gpu-1``; which fits which metric.

::

    fits("stt", "host:gpu-1")               # False: a turn is of no host
    scope_problem("stt", "assistant:ana")   # “ana” is not known here ...; empty: there is nothing to say
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from aiker.calls.models import Assistant
from engines.models import BackendProfile, EngineConfig
from knowledge.models import IndexVersion
from monitoring.figures import ENGINE_QUEUE, SHARES_OF_TURNS
from monitoring.models import Rollup, Sample
from monitoring.turns import OWN_ENGINES, STAGES, TOTAL

OF_TURNS = ("assistant", "profile", "engine", "version")
MOST_NAMES = 20
NEWEST = 200
"""Samples that are read for names: those of the last half hour of a machine with a web process."""


def kinds(metric: str) -> tuple[str, ...]:
    """Return what a metric can be narrowed by."""
    if metric in (TOTAL, *SHARES_OF_TURNS, *STAGES):
        return OF_TURNS
    return ("host", "engine") if metric == ENGINE_QUEUE else ("host",)


def fits(metric: str, scope: str) -> bool:
    """Whether a metric is measured for ``scope`` at all."""
    kind, colon, name = scope.partition(":")
    return not scope or (kind in kinds(metric) and bool(colon and name))


def scope_problem(metric: str, scope: str) -> str:
    """Return why nothing would be measured, in words for an operator; empty: something is."""
    if not fits(metric, scope):
        return _("“%(scope)s” does not fit this metric. It can be narrowed by: %(kinds)s.") % {
            "scope": scope,
            "kinds": ", ".join(f"{kind}:…" for kind in kinds(metric)),
        }
    kind, _colon, name = scope.partition(":")
    if not scope or name in (known := _names(metric, kind)):
        return ""
    return _("“%(name)s” is not known here. Known: %(names)s.") % {
        "name": name,
        "names": ", ".join(sorted(known)[:MOST_NAMES]) or "–",
    }


def _names(metric: str, kind: str) -> set[str]:
    match kind:
        case "assistant":
            return set(Assistant.objects.values_list("slug", flat=True))
        case "profile":
            return {OWN_ENGINES, *BackendProfile.objects.values_list("slug", flat=True)}
        case "version":
            return set(IndexVersion.objects.values_list("collection_name", flat=True))
        case "host":
            return {host for host, _ in _newest_samples()}
    return _engines_of_samples(metric) if metric == ENGINE_QUEUE else _engines_of_turns()


def _engines_of_turns() -> set[str]:
    """Return the engines that are configured, and those of the settings that have served a turn."""
    served = Rollup.objects.filter(step=Rollup.Step.DAY, metric=TOTAL, scope__startswith="engine:")
    found = {scope.removeprefix("engine:") for scope in served.values_list("scope", flat=True).distinct()}
    return found | set(EngineConfig.objects.values_list("slug", flat=True))


def _engines_of_samples(metric: str) -> set[str]:
    keys = {key for _, values in _newest_samples() for key in values}
    return {key.rpartition("|")[2] for key in keys if key.startswith(f"{metric}|")}


def _newest_samples() -> list[tuple[str, dict[str, float]]]:
    return list(Sample.objects.order_by("-pk").values_list("host", "values")[:NEWEST])
