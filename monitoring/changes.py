"""When configuration or knowledge changed: what a step in a chart may come from.

::

    for mark in changes(window): mark.at, mark.label, mark.link
"""

from __future__ import annotations

from collections import Counter

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aiker.calls.models import Assistant
from engines.models import BackendProfile, EngineConfig, VoiceProfile
from knowledge.models import Document, IndexVersion
from monitoring.charts import Mark
from monitoring.rollups import start_of
from monitoring.windows import Window

WATCHED = (Assistant, BackendProfile, EngineConfig, VoiceProfile)
MOST = 40
"""More marks than a chart can show; the newest stay."""
MOST_EDITS = 1000


def changes(window: Window) -> list[Mark]:
    """Return what was edited in the admin, and each version of the knowledge that went live."""
    kinds = ContentType.objects.get_for_models(*WATCHED)
    edits = LogEntry.objects.filter(
        content_type__in=kinds.values(), action_time__gte=window.since, action_time__lt=window.until
    ).select_related("content_type")
    versions = IndexVersion.objects.filter(
        activated_at__gte=window.since, activated_at__lt=window.until
    ).select_related("base")
    marks = [_edit(entry) for entry in edits.order_by("-action_time")[:MOST]]
    marks += [_version(version) for version in versions.order_by("-activated_at")[:MOST]]
    return sorted([*marks, *_documents(window)], key=lambda mark: mark.at)[-MOST:]


def _documents(window: Window) -> list[Mark]:
    """Return one mark for all documents that were edited in a step."""
    kind = ContentType.objects.get_for_model(Document)
    edits = LogEntry.objects.filter(
        content_type=kind, action_time__gte=window.since, action_time__lt=window.until
    )
    times = edits.order_by("-action_time").values_list("action_time", flat=True)[:MOST_EDITS]
    steps = Counter(start_of(window.step, at) for at in times)
    return [
        Mark(at, ngettext("%(n)d document was edited", "%(n)d documents were edited", n) % {"n": n})
        for at, n in steps.items()
    ]


def _edit(entry: LogEntry) -> Mark:
    kind = entry.content_type
    label = _("%(kind)s “%(name)s” was edited") % {
        "kind": kind.name if kind else "",
        "name": entry.object_repr,
    }
    return Mark(entry.action_time, label, entry.get_admin_url() or "")


def _version(version: IndexVersion) -> Mark:
    assert version.activated_at is not None
    label = _("%(base)s: %(version)s went live") % {
        "base": version.base.name,
        "version": version.collection_name,
    }
    return Mark(version.activated_at, label)
