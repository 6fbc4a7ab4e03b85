"""What surrounds the calls in progress: engines, machine, index, alarms; read every few seconds.

::

    read_surroundings()      # in a thread: asks the database and the engines; seconds where one hangs

Each part is a value of the dict, and None where it could not be read. Nothing of it is in a language but
``text`` of an alarm, which is in each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone, translation

from aiker.calls.models import Assistant
from knowledge.models import IndexChange, IndexVersion, KnowledgeBase
from monitoring.engine_state import engine_readings
from monitoring.figures import named, value_with_unit
from monitoring.models import Alarm, Sample
from monitoring.resource_report import FRESH, engines_of
from monitoring.resources import MACHINE
from monitoring.targets import threshold_of
from monitoring.turns import TOTAL

logger = logging.getLogger(__name__)

MAX_ALARMS = 20

# Who may see which part; the others are for all who may see the page.
PERMISSIONS = {
    "engines": "monitoring.view_sample",
    "machine": "monitoring.view_sample",
    "index": "knowledge.view_indexversion",
    "alarms": "monitoring.view_alarm",
}


def read_surroundings() -> dict[str, Any]:
    """Return ``assistants``, ``target_ms``, ``engines``, ``machine``, ``index`` and ``alarms``."""
    close_old_connections()
    try:
        return {name: _read(name, read) for name, read in _PARTS.items()}
    finally:
        close_old_connections()


def _read(name: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except DatabaseError as exc:
        logger.warning("the page of now goes without %s: %s", name, exc)
        return None


def _assistants() -> dict[str, str]:
    return dict(Assistant.objects.values_list("slug", "name"))


def _target_ms() -> float | None:
    """Return what voice to voice is to stay under, for a turn to be marked as slow."""
    return threshold_of(TOTAL)


def _engines() -> list[dict[str, Any]]:
    return [
        {"kind": engine.kind, "name": engine.name, "up": engine.up, "queue": engine.queue}
        for engine in engines_of(engine_readings())
    ]


def _machine() -> dict[str, float] | None:
    """Return the newest readings of the sampler; None when it does not run."""
    newest = Sample.objects.filter(source=MACHINE).order_by("-at").first()
    if newest is None or timezone.now() - newest.at > FRESH:
        return None
    shown = {"cpu_percent", "memory_percent", "tasks_waiting"}
    return {
        key: value
        for key, value in newest.values.items()
        if key in shown or key.partition("|")[0] == "gpu_percent"
    }


def _index() -> list[dict[str, Any]]:
    """Return the state of each knowledge base: what is live, on its way, failed or being built."""
    bases = KnowledgeBase.objects.select_related("active_version").order_by("name")
    changes: dict[int, dict[str, Any]] = {
        row["base"]: dict(row)
        for row in IndexChange.objects.values("base").annotate(
            waiting=Count("pk", filter=Q(error="")), failed=Count("pk", filter=~Q(error=""))
        )
    }
    building = {
        version.base_id: version for version in IndexVersion.objects.filter(state=IndexVersion.State.BUILDING)
    }
    return [_base_state(base, changes.get(base.pk, {}), building.get(base.pk)) for base in bases]


def _base_state(
    base: KnowledgeBase, changes: dict[str, Any], building: IndexVersion | None
) -> dict[str, Any]:
    live = base.active_version
    return {
        "name": base.name,
        "version": live.collection_name if live else "",
        "waiting": changes.get("waiting", 0),
        "failed": changes.get("failed", 0),
        "building": None
        if building is None
        else {"done": building.done_count, "of": building.document_count},
    }


def _alarms() -> list[dict[str, Any]]:
    alarms = Alarm.objects.filter(resolved_at=None).select_related("target").order_by("-opened_at")
    now = timezone.now()
    return [
        {
            "url": reverse("admin:monitoring_alarm_change", args=[alarm.pk]),
            "text": _in_each_language(alarm),
            "acknowledged": alarm.acknowledged_at is not None,
            "age_s": round((now - alarm.opened_at) / timedelta(seconds=1)),
        }
        for alarm in alarms[:MAX_ALARMS]
    ]


def _in_each_language(alarm: Alarm) -> dict[str, str]:
    found = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            what = named(alarm.target.metric, alarm.target.scope)
            value = value_with_unit(alarm.value, alarm.target.metric)
            allowed = value_with_unit(alarm.target.threshold, alarm.target.metric)
            found[language] = f"{what} {value} (≤ {allowed})"
    return found


_PARTS: dict[str, Callable[[], Any]] = {
    "assistants": _assistants,
    "target_ms": _target_ms,
    "engines": _engines,
    "machine": _machine,
    "index": _index,
    "alarms": _alarms,
}
