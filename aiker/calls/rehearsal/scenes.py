"""What is played in a rehearsal: single questions, conversations of examiners, turns of past calls.

::

    scenes = scenes_of(rehearsal, draft, runner)    # reads the database; past turns with their audio
    scenes[0].caller, scenes[0].turns[0].text

Questions about what the draft changes come first: golden ones, and what changed entries ask themselves; of a
new prompt, or another model, those that the language model words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import NamedTuple

from django.utils import timezone

from aiker.calls import answering
from aiker.calls.answering import Way
from aiker.calls.call_page.given import Asked, asked_in
from aiker.calls.call_page.page import is_audible, turns_of
from aiker.calls.call_page.replay import clip_of
from aiker.calls.models import Call, Turn
from aiker.calls.rehearsal.drafts import Draft, Side
from aiker.calls.rehearsal.examiners import EXAMINERS, SyntheticCaller, callers_for
from aiker.calls.rehearsal.judging import Expected
from aiker.calls.rehearsal.models import Rehearsal, RehearsalAnswer
from knowledge.contents import changed_documents
from knowledge.errors import RetrievalError
from knowledge.models import Document, GoldenQuestion
from knowledge.models.content import DocumentKind
from knowledge.rag import RAGSystem

QUESTIONS_A_CONVERSATION = 2
MAX_WORDINGS_OF_AN_ENTRY = 3
CALLS_LOOKED_AT = 50


class SceneTurn(NamedTuple):
    """What is said, and what is known of it; ``clip`` is real audio of a past call (mu-law)."""

    text: str
    expected: Expected
    question_id: str
    golden: GoldenQuestion | None = None
    clip: bytes = b""


@dataclass(frozen=True, slots=True)
class Scene:
    """One call: ``asked`` is the conversation before its first turn."""

    kind: RehearsalAnswer.Kind
    caller: SyntheticCaller | None
    turns: Sequence[SceneTurn]
    asked: Asked = field(default_factory=lambda: Asked("", []))
    name: str = ""


def scenes_of(rehearsal: Rehearsal, draft: Draft, runner: asyncio.Runner) -> list[Scene]:
    """Return what is played, most telling first."""
    changed = changed_documents(draft.live.version, draft.draft.version)
    questions = questions_of(draft, changed)
    if draft.wording_changes:
        questions = runner.run(worded_by_model_first(draft.live, questions))
    questions = questions[: rehearsal.max_questions]
    found = [
        Scene(kind_of(turn), caller, [turn], Asked("", [], before=turn.golden.before if turn.golden else ""))
        for number, turn in enumerate(questions)
        for caller in callers_for(number, rehearsal.callers)
    ]
    if rehearsal.conversations:
        found += conversations(questions)
    return found + list(past_turns(rehearsal, keys_of(changed)))


def kind_of(turn: SceneTurn) -> RehearsalAnswer.Kind:
    return RehearsalAnswer.Kind.QUESTION if turn.golden else RehearsalAnswer.Kind.ENTRY


def questions_of(draft: Draft, changed: set[int]) -> list[SceneTurn]:
    """Return all that can be asked: about changed entries, then the other golden questions."""
    if draft.draft.version is None:
        return []
    base = draft.draft.version.base
    rows = base.golden_questions.filter(is_active=True).prefetch_related("expected")
    golden = [(row, {document.pk for document in row.expected.all()}) for row in rows]
    about = [row for row, expected in golden if expected & changed]
    covered = {pk for _, expected in golden for pk in expected}
    entries = base.documents.filter(pk__in=changed - covered).exclude(kind=DocumentKind.DECLINED)
    each = [golden_turns(row) for row in about]
    each += [entry_turns(document) for document in entries.order_by("pk")]
    # One question of each changed entry before a second one of any.
    turns = [turn for asked in zip_longest(*each) for turn in asked if turn]
    return turns + [turn for row, expected in golden if not expected & changed for turn in golden_turns(row)]


async def worded_by_model_first(side: Side, turns: Sequence[SceneTurn]) -> list[SceneTurn]:
    """Return the turns that the language model words, then those that are answered as written.

    A new prompt, or another model, is heard in the first alone.
    """
    worded = [await is_worded_by_model(side, turn) for turn in turns]
    return [turn for turn, _ in sorted(zip(turns, worded, strict=True), key=lambda pair: not pair[1])]


async def is_worded_by_model(side: Side, turn: SceneTurn) -> bool:
    assert side.version  # without one nothing is asked
    before = turn.golden.before if turn.golden else ""
    try:
        found = await RAGSystem.of(side.version).search(turn.text, before=before, k=side.plan.passages)
    except RetrievalError:
        return False  # the scene itself will say what fails
    return answering.decide(turn.text, found, side.plan, timezone.localtime()).way is Way.MODEL


def golden_turns(row: GoldenQuestion) -> list[SceneTurn]:
    """Return one turn for each wording."""
    return [
        SceneTurn(
            wording,
            Expected(wording, row.answerable, row.must_say, row.must_not_say),
            f"golden-{row.pk}",
            row,
        )
        for wording in row.wordings()
    ]


def entry_turns(document: Document) -> list[SceneTurn]:
    """Return what a changed entry asks itself, where no golden question expects it."""
    wordings = [document.question or document.title, *document.alternative_questions]
    return [
        SceneTurn(wording, Expected(wording), f"entry-{document.pk}")
        for wording in wordings[:MAX_WORDINGS_OF_AN_ENTRY]
    ]


def conversations(questions: Sequence[SceneTurn]) -> Iterator[Scene]:
    """Yield one conversation an examiner, about different questions where there are enough."""
    answerable = [turn for turn in questions if turn.expected.answerable is not False]
    for place, examiner in enumerate(EXAMINERS):
        start = place * QUESTIONS_A_CONVERSATION % max(1, len(answerable))
        turns = []
        for turn in answerable[start : start + QUESTIONS_A_CONVERSATION]:
            for line in examiner.lines(turn.text):
                presses = Expected(turn.text, must_not_say=turn.expected.must_not_say, presses=True)
                turns.append(turn._replace(text=line.text, expected=turn.expected if line.asks else presses))
        if turns:
            kind = RehearsalAnswer.Kind.CONVERSATION
            yield Scene(kind, examiner.caller, turns, name=examiner.caller.key)


def past_turns(rehearsal: Rehearsal, keys: set[str]) -> Iterator[Scene]:
    """Yield turns of past calls that can be heard: those about changed entries first, then the last."""
    calls = Call.objects.filter(assistant=rehearsal.assistant).exclude(recording="").exclude(end_reason="")
    rows = Turn.objects.filter(call__in=calls[:CALLS_LOOKED_AT], manner="").exclude(user_text="")
    latest = sorted(
        rows.select_related("call__assistant"),
        key=lambda turn: (
            {p["key"] for p in turn.passages}.isdisjoint(keys),
            -turn.call.started_at.timestamp(),
        ),
    )
    for turn in latest[: rehearsal.max_past_turns]:
        if scene := past_turn(turn):
            yield scene


def past_turn(turn: Turn) -> Scene | None:
    """Return a turn with its audio and what was said before; None where its recording is gone."""
    if not is_audible(turn.call):
        return None
    turns, times = turns_of(turn.call)
    assistant = turn.call.assistant
    asked = asked_in(turns, turn.number, assistant.apology if assistant else "")
    said = SceneTurn(
        turn.heard_as or turn.user_text,
        Expected(turn.user_text),
        f"turn-{turn.pk}",
        clip=clip_of(turn.call.recording, times[turn.number]),
    )
    return Scene(RehearsalAnswer.Kind.PAST_TURN, None, [said], replace(asked), name=str(turn.call_id))


def keys_of(documents: set[int]) -> set[str]:
    return set(Document.objects.filter(pk__in=documents).values_list("key", flat=True))
