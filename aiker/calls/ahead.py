"""The audio of what is said word for word, made before a caller waits for it.

::

    wanted = wanted_phrases()                       # per active assistant: its voice, and its texts
    done = make(wanted, go_on)                      # one text at a time; True: all is there
    forget_others()                                 # what no assistant says any more

``aiker.calls.tasks`` has the worker do this after every change. Reads the database: not for the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from aiker.calls.clauses import clauses_of
from aiker.calls.engines import make_tts, phrase_cache
from aiker.calls.models import Assistant, Call
from aiker.calls.phrases import phrase_name
from aiker.calls.plan import plan_for
from engines.adapters.tts_adapter import TTSAdapter
from engines.profiles import ProfileError
from knowledge.verbatim import marked_texts, short_texts

# A call that ended with its process never got a reason: after this it counts as over.
LOST_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one assistant says word for word, clause by clause, in the voice it says it with."""

    tts: TTSAdapter
    texts: list[str]
    later: list[str] = field(default_factory=list)  # short entries that are not marked: one at a time


def wanted_phrases() -> list[Wanted]:
    """Return what each assistant that answers calls says; one whose engines cannot be used is left out."""
    found = (_wanted(assistant) for assistant in _assistants().filter(is_active=True))
    return [wanted for wanted in found if wanted]


def make(wanted: Iterable[Wanted], go_on: Callable[[], bool]) -> bool:
    """Make a missing text, and more while ``go_on``; return whether all are there. Raises EngineError."""
    begun = False
    for speaker in wanted:
        for text in phrase_cache().missing(speaker.tts, speaker.texts):
            if begun and not go_on():
                return False
            begun = True
            asyncio.run(phrase_cache().make(speaker.tts, text))
    return True


def make_one_later(wanted: Iterable[Wanted]) -> bool:
    """Make one missing text of those for later; return whether there was one. Raises EngineError."""
    for speaker in wanted:
        for text in phrase_cache().missing(speaker.tts, speaker.later):
            asyncio.run(phrase_cache().make(speaker.tts, text))
            return True
    return False


def callers_wait() -> bool:
    """Whether somebody may be waiting for an answer of the engines that make this audio."""
    since = timezone.now() - LOST_AFTER
    return Call.objects.filter(end_reason="", started_at__gte=since).exists()


def forget_others() -> int:
    """Remove the audio that no assistant wants, active or not; return how many files.

    Nothing is removed while the engines of an assistant cannot be told: its audio would be made anew.
    """
    wanted = [_wanted(assistant) for assistant in _assistants()]
    if None in wanted:
        return 0
    names = {
        phrase_name(speaker.tts, text)
        for speaker in wanted
        if speaker
        for text in [*speaker.texts, *speaker.later]
    }
    return phrase_cache().prune(names)


def _assistants() -> QuerySet[Assistant]:
    return Assistant.objects.select_related("profile", "voice_profile__engine")


def _wanted(assistant: Assistant) -> Wanted | None:
    try:
        plan = plan_for(assistant)
    except ProfileError:
        return None
    # Its own voice or none: what another engine speaks in its place is not kept.
    first = replace(plan, engines=replace(plan.engines, tts=plan.engines.tts[:1]))
    base = plan.knowledge_base
    marked, short = (marked_texts(base), short_texts(base)) if base else ([], [])
    return Wanted(make_tts(first), [*plan.phrases, *_clauses(marked)], _clauses(short))


def _clauses(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(clause for text in texts for clause in clauses_of(text)))
