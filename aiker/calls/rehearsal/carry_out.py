"""Rehearsals carried out: asked for on a page or by a command, done by the worker.

::

    rehearsal = begin(assistant, version, changes={"voice": "zf_xiaoni"}, user=user)
    carry_out(rehearsal)             # minutes; answers appear on the way
    rehearsal.passed, rehearsal.reasons, rehearsal.answers.filter(rank=0)
    confirm(answer, user)            # a changed fact is meant so; the verdict is taken again

Callers hear nothing of it; it uses the engines that calls use, one question at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from statistics import median
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from aiker.audio import g711
from aiker.audio.wav import wav_bytes
from aiker.calls.models import Assistant
from aiker.calls.rehearsal.asking import Mouth, Told, play
from aiker.calls.rehearsal.drafts import Draft, contents
from aiker.calls.rehearsal.judging import Finding, Level, judge
from aiker.calls.rehearsal.models import Rehearsal, RehearsalAnswer, rank_of
from aiker.calls.rehearsal.scenes import Scene, scenes_of
from aiker.calls.rehearsal.second_opinion import ask_opinion
from aiker.calls.rehearsal.verdict import decide
from aiker.calls.rehearsal.voice_check import VoicePair, compare_voices
from aiker.calls.trying import recite
from engines.errors import EngineError
from engines.profiles import ProfileError
from knowledge.contents import contents_of
from knowledge.errors import KnowledgeError
from knowledge.following import follow
from knowledge.models import IndexVersion

FAILURES = 3
"""So many questions in a row that nobody answers end a rehearsal."""
KEPT = 20
"""Rehearsals of an assistant that are kept, with their audio."""


def begin(
    assistant: Assistant,
    version: IndexVersion | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    user: User | None = None,
    **settings: Any,
) -> Rehearsal:
    """Return the row of a rehearsal; raise why there can be none. ``settings`` are fields of Rehearsal."""
    changes = dict(changes or {})
    draft = Draft.of(assistant, version, changes)
    if not (draft.answers_change or draft.voice_changes):
        raise KnowledgeError("rehearsal", "no_draft", _("The draft is the same as what is live."))
    for old in assistant.rehearsals.exclude(finished_at=None)[KEPT - 1 :]:
        old.delete()
    return Rehearsal.objects.create(
        assistant=assistant, version=version, changes=changes, requested_by=user, **settings
    )


def carry_out(rehearsal: Rehearsal) -> Rehearsal:
    """Do what ``begin`` promised; what went wrong is in ``rehearsal.error``."""
    try:
        await_version(rehearsal)
        draft = Draft.of(rehearsal.assistant, rehearsal.version, rehearsal.changes)
        rehearsal.contents = draft.contents
        with asyncio.Runner() as runner:
            Stage(rehearsal, draft, runner).run()
    except ProfileError as exc:
        rehearsal.error = str(exc)
    except (KnowledgeError, EngineError) as exc:
        rehearsal.error = exc.message
    rehearsal.finished_at = timezone.now()
    rehearsal.save()
    if not rehearsal.error:
        take_verdict(rehearsal)
    return rehearsal


def await_version(rehearsal: Rehearsal) -> None:
    """Return when the version of a rehearsal is built; KnowledgeError when it cannot be."""
    if rehearsal.version is None:
        return
    for seen in follow(rehearsal.version):
        rehearsal.version = seen
    if rehearsal.version.state != IndexVersion.State.READY:
        raise KnowledgeError("rehearsal", "not_ready", rehearsal.version.error)


class Stage:
    """Plays the scenes of one rehearsal and stores what came of each."""

    def __init__(self, rehearsal: Rehearsal, draft: Draft, runner: asyncio.Runner) -> None:
        self._rehearsal = rehearsal
        self._draft = draft
        self._runner = runner
        self._mouth = Mouth()
        self._number = 0
        self._failed = 0

    def run(self) -> None:
        draft, rehearsal = self._draft, self._rehearsal
        scenes = scenes_of(rehearsal, draft, self._runner) if draft.answers_change else []
        rehearsal.planned = sum(len(scene.turns) for scene in scenes)
        rehearsal.save(update_fields=["planned", "contents"])
        for seed, scene in enumerate(scenes):
            for told in self._runner.run(self._play(scene, seed)):
                self._store(scene, told)
        if draft.voice_changes:
            self._check_voices()

    async def _play(self, scene: Scene, seed: int) -> list[Told]:
        return [told async for told in play(scene, self._draft, self._mouth, seed)]

    def _store(self, scene: Scene, told: Told) -> None:
        findings, sources = self._judge(told)
        differs = told.live.text != told.draft.text or told.live.tool != told.draft.tool
        row = RehearsalAnswer(
            rehearsal=self._rehearsal,
            number=self._next(),
            kind=scene.kind,
            golden_question=told.turn.golden,
            question_id=told.turn.question_id,
            caller=scene.caller.key if scene.caller else "",
            conversation=scene.name if scene.kind == RehearsalAnswer.Kind.CONVERSATION else "",
            question=told.turn.text,
            live=told.live.as_dict(),
            draft=told.draft.as_dict(),
            differs=differs,
            findings=[finding.as_dict() for finding in findings],
            rank=rank_of(findings, differs=differs),
        )
        if differs or findings:
            plan = self._draft.live.plan
            opinion = ask_opinion(plan, told.turn.expected.question, sources, told.draft.text)
            row.opinion = self._runner.run(opinion).as_dict()
            self._keep_audio(row, told)
        row.save()
        self._stop_if_nobody_answers(told)

    def _judge(self, told: Told) -> tuple[list[Finding], tuple[str, ...]]:
        expected = told.turn.expected
        live = told.live.said(self._draft.live.plan, expected, told.turn.text, told.live_stands)
        draft = told.draft.said(self._draft.draft.plan, expected, told.turn.text, told.draft_stands)
        return judge(draft, live, expected, timezone.localdate()), draft.sources

    def _keep_audio(self, row: RehearsalAnswer, told: Told) -> None:
        """Keep the question and both answers as a caller hears them."""
        save(row.question_audio, f"{row.number}-question.wav", g711.decode(told.question))
        sides = {"live": (self._draft.live, told.live), "draft": (self._draft.draft, told.draft)}
        for name, (side, answered) in sides.items():
            if answered.text:
                spoken = self._runner.run(recite(side.plan, answered.text))
                if spoken.wav:
                    getattr(row, f"{name}_audio").save(
                        f"{row.number}-{name}.wav", ContentFile(spoken.wav), save=False
                    )

    def _check_voices(self) -> None:
        pairs = self._runner.run(self._voices())
        for pair in pairs:
            row = RehearsalAnswer(
                rehearsal=self._rehearsal,
                number=self._next(),
                kind=RehearsalAnswer.Kind.VOICE,
                question_id="voice",
                question=pair.sentence,
                differs=pair.live.recognised != pair.draft.recognised,
                live=heard(pair.live.recognised, pair.live.error_rate, pair.live.error),
                draft=heard(pair.draft.recognised, pair.draft.error_rate, pair.draft.error),
                rank=3,
            )
            save(row.live_audio, f"{row.number}-live.wav", g711.decode(pair.live.audio))
            save(row.draft_audio, f"{row.number}-draft.wav", g711.decode(pair.draft.audio))
            row.save()
        count = len(pairs)
        self._rehearsal.figures["voice"] = {
            "live": round(sum(pair.live.error_rate for pair in pairs) / count, 4),
            "draft": round(sum(pair.draft.error_rate for pair in pairs) / count, 4),
        }

    async def _voices(self) -> list[VoicePair]:
        return [pair async for pair in compare_voices(self._draft.live.plan, self._draft.draft.plan)]

    def _stop_if_nobody_answers(self, told: Told) -> None:
        self._failed = self._failed + 1 if told.live.error and told.draft.error else 0
        if self._failed == FAILURES:
            raise EngineError("rehearsal", "broken", told.draft.error)

    def _next(self) -> int:
        self._number += 1
        return self._number


def heard(recognised: str, error_rate: float, error: str) -> dict[str, Any]:
    return {"text": recognised, "error_rate": round(error_rate, 4), "error": error}


def save(field: Any, name: str, pcm: g711.Pcm) -> None:
    if len(pcm):
        field.save(name, ContentFile(wav_bytes(g711.RATE, pcm)), save=False)


def confirm(answer: RehearsalAnswer, user: User | None) -> None:
    """Record that what an answer changes is meant so, for all callers of its question; decide again."""
    rehearsal, facts = answer.rehearsal, changed_facts(answer)
    same = [row for row in rehearsal.answers.filter(confirmed_at=None) if changed_facts(row) <= facts]
    ids = [row.pk for row in same if row.question_id == answer.question_id and changed_facts(row)]
    rehearsal.answers.filter(pk__in=ids).update(confirmed_by=user, confirmed_at=timezone.now())
    take_verdict(rehearsal)


def changed_facts(answer: RehearsalAnswer) -> set[tuple[str, str]]:
    """Return what an operator confirms with an answer; another fact of another answer is not among it."""
    return {
        (finding.code, detail)
        for finding in answer.finding_list
        if finding.level is Level.CHANGED
        for detail in finding.details
    }


@transaction.atomic
def take_verdict(rehearsal: Rehearsal) -> None:
    """Decide by what is stored; a version that passed is marked so, for its gate."""
    answers = list(rehearsal.answers.exclude(kind=RehearsalAnswer.Kind.VOICE))
    questions = len({answer.question_id for answer in answers})
    verdict = decide(answers, questions, rehearsal.voice_check)
    rehearsal.passed, rehearsal.reasons = verdict.passed, [list(reason) for reason in verdict.reasons]
    rehearsal.figures |= {
        "questions": questions,
        "answers": len(answers),
        "differ": sum(answer.differs for answer in answers),
        **latencies(answers),
    }
    rehearsal.save(update_fields=["passed", "reasons", "figures"])
    if rehearsal.passed and not rehearsal.changes:
        mark(rehearsal)


def mark(rehearsal: Rehearsal) -> None:
    """Mark the version as rehearsed, unless an edit has reached it, or the assistant, since it was asked."""
    version = rehearsal.version
    if version and contents(rehearsal.assistant, version) == rehearsal.contents:
        IndexVersion.objects.filter(pk=version.pk).update(rehearsed=contents_of(version))


def latencies(answers: list[RehearsalAnswer]) -> dict[str, int]:
    """Return the median of both sides from the end of the question to the first clause (ms)."""
    return {
        f"{side}_ms": round(median(times))
        for side in ("live", "draft")
        if (times := [getattr(answer, side)["ms"] for answer in answers])
    }
