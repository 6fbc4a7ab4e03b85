"""What callers of a knowledge base really asked: the best material for new entries.

::

    recent_questions(base)      # at most 50; those that found nothing first, then newest first
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiker.calls.models import Turn
from aiker.calls.small_talk import is_small_talk
from knowledge.models import KnowledgeBase

LOOKED_AT = 1000
SHOWN = 50


@dataclass(frozen=True, slots=True)
class CallerQuestion:
    turn: int
    text: str
    call: str
    started: object
    found_nothing: bool


def recent_questions(base: KnowledgeBase) -> list[CallerQuestion]:
    """Return the questions of the latest turns, each once, without greetings and thanks."""
    turns = (
        Turn.objects.filter(call__assistant__knowledge_base=base)
        .exclude(user_text="")
        .select_related("call")
        .only("user_text", "passages", "retrieval", "call__started_at")
        .order_by("-call__started_at", "-number")[:LOOKED_AT]
    )
    once: dict[str, CallerQuestion] = {}
    for turn in turns:
        bare = re.sub(r"\W", "", turn.user_text)
        if not bare or bare in once or is_small_talk(turn.user_text):
            continue
        nothing = "version" in turn.retrieval and not turn.passages
        once[bare] = CallerQuestion(turn.pk, turn.user_text, str(turn.call_id), turn.call.started_at, nothing)
    return sorted(once.values(), key=lambda question: not question.found_nothing)[:SHOWN]
