"""With what a turn is run again: the assistant as it is now, but for what was chosen. Reads the database.

::

    form = read_form(call, request.POST, turn)
    form.plan(), form.version, form.notice
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from aiker.calls.models import Assistant, Call, Turn
from aiker.calls.plan import CallPlan, plan_for
from aiker.calls.try_form import ready_version
from engines.models import BackendProfile
from knowledge.models import IndexVersion, KnowledgeBase

OWN, MACHINE, LIVE, THEN = "", "-", "", "then"
MOST_PROMPT_CHARS = 4000


@dataclass(frozen=True, slots=True)
class ReplayForm:
    """``profile`` and ``wanted_version`` are as they were sent; ``notice`` says what could not be had."""

    assistant: Assistant
    profile: str = OWN
    wanted_version: str = LIVE
    prompt: str = ""
    version: IndexVersion | None = None
    notice: str = ""

    def plan(self) -> CallPlan:
        """Return what the turn is answered with; ProfileError when its engines cannot be used."""
        return plan_for(self.assistant)


def read_form(call: Call, data: Mapping[str, str], turn: Turn | None = None) -> ReplayForm | None:
    """Return the form as it was sent, for ``turn``; None when the assistant was deleted."""
    assistant = (
        Assistant.objects.select_related("profile", "voice_profile__engine").filter(calls=call).first()
    )
    if assistant is None:
        return None
    notice, profile = "", data.get("profile", OWN)
    if profile == MACHINE:
        assistant.profile = None
    elif profile:
        chosen = BackendProfile.objects.filter(slug=profile, is_published=True).first()
        if chosen is None:
            notice, profile = _("That profile is gone or not published; this is the assistant's."), OWN
        else:
            assistant.profile = chosen
    prompt = data.get("prompt", "").replace("\r\n", "\n").strip()[:MOST_PROMPT_CHARS]
    assistant.system_prompt = prompt or assistant.system_prompt
    wanted = data.get("version", LIVE)
    version, gone = _version(assistant, wanted, turn)
    if gone:
        notice = f"{notice} {_('That version is gone; this is the live one.')}".strip()
    return ReplayForm(assistant, profile, wanted, assistant.system_prompt, version, notice)


def _version(assistant: Assistant, wanted: str, turn: Turn | None) -> tuple[IndexVersion | None, bool]:
    """Return the version to search, and whether the one that was wanted is gone."""
    base = KnowledgeBase.objects.select_related("active_version__base").filter(assistant=assistant).first()
    if base is None:
        return None, False
    if wanted == THEN:
        wanted = turn.retrieval.get("version", "") if turn else ""
    found = ready_version(base, wanted) if wanted else None
    return found or base.active_version, bool(wanted) and found is None
