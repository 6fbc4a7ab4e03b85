"""When configuration or knowledge changed: what a step in a chart may come from.

::

    for mark in changes(window): mark.at, mark.label, mark.link
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aiker.calls.models import Assistant
from aiker.calls.tools.models import Tool
from engines.models import BackendProfile, EngineConfig, VoiceProfile
from knowledge.models import Document, IndexVersion, KnowledgeBase, LexiconEntry
from monitoring.charts import Mark
from monitoring.rollups import start_of
from monitoring.windows import Window

WATCHED = (Assistant, BackendProfile, EngineConfig, KnowledgeBase, Tool, VoiceProfile)
MOST = 40
"""More marks than a chart can show; the newest stay."""
MOST_EDITS = 1000


def changes(window: Window) -> list[Mark]:
    """Return what was edited in the admin, and each version of the knowledge that went live."""
    edits = _edits(window, *WATCHED).exclude(_tool_was_tried()).select_related("content_type")
    versions = IndexVersion.objects.filter(
        activated_at__gte=window.since, activated_at__lt=window.until
    ).select_related("base")
    marks = [_edit(entry) for entry in edits.order_by("-action_time")[:MOST]]
    marks += [_version(version) for version in versions.order_by("-activated_at")[:MOST]]
    marks += _counted(window, Document, _documents) + _counted(window, LexiconEntry, _words)
    return sorted(marks, key=lambda mark: mark.at)[-MOST:]


def _edits(window: Window, *models: type[Model]) -> QuerySet[LogEntry]:
    kinds = ContentType.objects.get_for_models(*models)
    return LogEntry.objects.filter(
        content_type__in=kinds.values(), action_time__gte=window.since, action_time__lt=window.until
    )


def _tool_was_tried() -> Q:
    """Return what tells that a tool's request was sent by hand: a sentence, where edits have JSON."""
    kind = ContentType.objects.get_for_model(Tool)
    return Q(content_type=kind, action_flag=CHANGE) & ~Q(change_message__startswith="[")


def _counted(window: Window, model: type[Model], label: Callable[[int], str]) -> list[Mark]:
    """Return one mark for all rows of a model that were edited in a step: there may be hundreds."""
    edits = _edits(window, model).order_by("-action_time")
    times = edits.values_list("action_time", flat=True)[:MOST_EDITS]
    steps = Counter(start_of(window.step, at) for at in times)
    return [Mark(at, label(n)) for at, n in steps.items()]


def _documents(n: int) -> str:
    return ngettext("%(n)d document was edited", "%(n)d documents were edited", n) % {"n": n}


def _words(n: int) -> str:
    text = ngettext("%(n)d word of the lexicon was edited", "%(n)d words of the lexicon were edited", n)
    return text % {"n": n}


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
