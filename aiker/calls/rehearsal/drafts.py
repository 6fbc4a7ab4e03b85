"""What is rehearsed: an assistant as callers hear it, and as it would be. Reads the database.

::

    draft = Draft.of(assistant, version, {"system_prompt": "…"})
    draft.live.plan, draft.live.version         # a Side: what callers hear now
    draft.draft                                 # the Side that would go live
    draft.contents                              # equal exactly when the same would go live

ProfileError when the engines of a side cannot be used, KnowledgeError when there is nothing to compare with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from aiker.calls.models import Assistant
from aiker.calls.plan import CallPlan, plan_for
from engines.models import BackendProfile, VoiceProfile
from engines.routing import Endpoint
from knowledge.contents import contents_of
from knowledge.errors import KnowledgeError
from knowledge.models import IndexVersion

PATIENCE_S = 120.0
# The fields of an assistant that change what is said or how it sounds.
FIELDS = (
    "system_prompt",
    "passages",
    "no_answer",
    "hot_words",
    "voice",
    "voice_profile",
    "speed",
    "profile",
)
_ROWS: dict[str, type[VoiceProfile] | type[BackendProfile]] = {
    "voice_profile": VoiceProfile,
    "profile": BackendProfile,
}


@dataclass(frozen=True, slots=True)
class Side:
    """An assistant with the version it answers from; None where it has no knowledge base."""

    plan: CallPlan
    version: IndexVersion | None


@dataclass(frozen=True, slots=True)
class Draft:
    """See the module."""

    live: Side
    draft: Side
    contents: str

    @classmethod
    def of(cls, assistant: Assistant, version: IndexVersion | None, changes: Mapping[str, Any]) -> Draft:
        base = assistant.knowledge_base
        active = base.active_version if base else None
        if base and active is None:
            text = _("%(assistant)s has no knowledge base with a live index.")
            raise KnowledgeError("rehearsal", "index_missing", text % {"assistant": assistant.name})
        if version and version.base_id != assistant.knowledge_base_id:
            raise KnowledgeError("rehearsal", "wrong_base", _("The version is of another knowledge base."))
        changed = with_changes(assistant, changes)
        live, draft = side_of(assistant, active), side_of(changed, version or active)
        return cls(live, draft, contents(changed, draft.version))

    @property
    def answers_change(self) -> bool:
        """Whether the two sides may say different things; a new voice says the same."""
        before, after = self.live, self.draft
        engines = replace(
            after.plan.engines, tts=before.plan.engines.tts, profile=before.plan.engines.profile
        )
        as_before = replace(after.plan, voice=before.plan.voice, speed=before.plan.speed, engines=engines)
        return as_before != before.plan or self.version_changes

    @property
    def wording_changes(self) -> bool:
        """Whether the language model may word the same passages otherwise."""
        before, after = self.live.plan, self.draft.plan
        return (before.system_prompt, before.engines.llm) != (after.system_prompt, after.engines.llm)

    @property
    def version_changes(self) -> bool:
        return (self.live.version and self.live.version.pk) != (self.draft.version and self.draft.version.pk)

    @property
    def voice_changes(self) -> bool:
        before, after = self.live.plan, self.draft.plan
        return (before.voice, before.speed, before.engines.tts) != (
            after.voice,
            after.speed,
            after.engines.tts,
        )


def side_of(assistant: Assistant, version: IndexVersion | None) -> Side:
    """Return a side that needs no database any more: what is asked of it runs on an event loop."""
    plan = plan_for(assistant)
    if version:
        version = IndexVersion.objects.select_related("base").get(pk=version.pk)
    engines = replace(
        plan.engines,
        stt=patient(plan.engines.stt),
        llm=patient(plan.engines.llm),
        tts=patient(plan.engines.tts),
        rerank=patient(plan.engines.rerank),
    )
    return Side(replace(plan, engines=engines), version)


def patient(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Return engines that are waited for: no caller is on the line, and calls may have them meanwhile."""
    return tuple(replace(one, timeout_s=max(one.timeout_s, PATIENCE_S)) for one in endpoints)


def with_changes(assistant: Assistant, changes: Mapping[str, Any]) -> Assistant:
    """Return the assistant with these fields changed, not saved; rows are given by their ids."""
    changed = copy(assistant)
    for name, value in changes.items():
        if name not in FIELDS:
            raise ValueError(f"{name} is not rehearsed")
        if name in _ROWS:
            setattr(changed, name, _ROWS[name]._default_manager.filter(pk=value).first() if value else None)
        else:
            setattr(changed, name, value)
    return changed


def values_of(assistant: Assistant) -> dict[str, Any]:
    """Return the fields that are rehearsed, rows by their ids."""
    return {name: getattr(assistant, f"{name}_id" if name in _ROWS else name) for name in FIELDS}


def changes_of(before: Assistant, after: Assistant) -> dict[str, Any]:
    """Return which of these fields ``after`` has otherwise."""
    old = values_of(before)
    return {name: value for name, value in values_of(after).items() if value != old[name]}


def contents(assistant: Assistant, version: IndexVersion | None) -> str:
    """Return a checksum of what is said and how: fields of the assistant, and the entries behind them."""
    said = json.dumps(values_of(assistant), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(f"{said}\n{contents_of(version)}".encode()).hexdigest()
