"""``manage.py rehearse BASE``: what callers would hear of a draft, beside what they hear now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from aiker.calls.models import Assistant
from aiker.calls.rehearsal import carry_out
from aiker.calls.rehearsal.labels import LEVELS, finding_text, reason_text
from aiker.calls.rehearsal.models import Rehearsal, RehearsalAnswer
from engines.profiles import ProfileError
from knowledge.errors import KnowledgeError
from knowledge.following import follow
from knowledge.models import IndexVersion, KnowledgeBase
from knowledge.versions import request_version

SAME_ANSWER_RANK = 3  # and better: nothing an operator has to look at


class Command(BaseCommand):
    help = (
        "Ask golden questions, spoken by synthetic callers, of a draft and of what is live; print what "
        "changes. Without a version or changes of the assistant, the documents as they are now are the draft."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("base", help="short name of the knowledge base")
        parser.add_argument("--index-version", type=int, metavar="N", help="number of the draft version")
        parser.add_argument("--assistant", help="address; default: the first that answers from the base")
        parser.add_argument("--prompt", type=Path, help="file with draft instructions")
        parser.add_argument("--voice", help="draft voice of the speech engine")
        parser.add_argument("--questions", type=int, default=30, help="wordings asked at most; default: 30")
        parser.add_argument(
            "--callers", type=int, default=3, help="voices that ask each; default: 3, at most 5"
        )
        parser.add_argument("--past", type=int, default=10, help="turns of past calls; default: 10")
        parser.add_argument("--no-conversations", action="store_true", help="leave the examiners out")

    def handle(self, *_args: Any, **options: Any) -> None:
        base = KnowledgeBase.objects.select_related("active_version").filter(slug=options["base"]).first()
        if base is None:
            raise CommandError(_("No knowledge base is called {names}.").format(names=options["base"]))
        assistant = self.assistant(base, options["assistant"])
        changes = changes_from(options)
        try:
            rehearsal = carry_out.begin(
                assistant,
                self.draft(base, options["index_version"], changes),
                changes=changes,
                max_questions=options["questions"],
                callers=options["callers"],
                max_past_turns=options["past"],
                conversations=not options["no_conversations"],
            )
        except (KnowledgeError, ProfileError) as exc:
            raise CommandError(str(exc)) from exc
        carry_out.carry_out(rehearsal)
        self.report(rehearsal)

    def assistant(self, base: KnowledgeBase, slug: str | None) -> Assistant:
        rows = Assistant.objects.select_related("knowledge_base__active_version").filter(knowledge_base=base)
        found = (rows.filter(slug=slug) if slug else rows.filter(is_active=True).order_by("pk")).first()
        if found is None:
            raise CommandError(_("No assistant answers from this knowledge base."))
        return found

    def draft(self, base: KnowledgeBase, number: int | None, changes: dict[str, Any]) -> IndexVersion | None:
        """Return the version that was named, or one that is built now of the documents as they are."""
        if number is not None:
            ready = base.versions.select_related("base").filter(pk=number, state=IndexVersion.State.READY)
            if (found := ready.first()) is None:
                raise CommandError(_("There is no such version, or it is not ready."))
            return found
        if changes:
            return None
        version = request_version(base, _("manage.py rehearse"), publish=False)
        for seen in follow(version):
            version = seen
        if version.state != IndexVersion.State.READY:
            raise CommandError(version.error)
        return version

    def report(self, rehearsal: Rehearsal) -> None:
        """Print what changes, the worst first, then the verdict; CommandError when it is not passed."""
        for answer in rehearsal.answers.filter(rank__lt=SAME_ANSWER_RANK):
            self.show(answer)
        figures = rehearsal.figures
        if figures:
            text = _(
                "{answers} answers to {questions} questions, {differ} differ; median {live} → {draft} ms"
            )
            times = {side: figures.get(f"{side}_ms", "–") for side in ("live", "draft")}
            counts = {name: figures.get(name, 0) for name in ("answers", "questions", "differ")}
            self.stdout.write(text.format(**counts, **times))
        if rehearsal.error:
            raise CommandError(rehearsal.error)
        if not rehearsal.passed:
            reasons = "; ".join(reason_text(reason, figures) for reason in rehearsal.reasons)
            raise CommandError(_("Not passed: {reasons}").format(reasons=reasons))
        self.stdout.write(_("Passed."))

    def show(self, answer: RehearsalAnswer) -> None:
        self.stdout.write(f"\n✗ {answer.question}  [{answer.get_kind_display()}, {answer.caller or '–'}]")
        for finding in answer.finding_list:
            if not finding.already:
                self.stdout.write(f"  {LEVELS[finding.level]}: {finding_text(finding)}")
        for side, label in (("live", _("live")), ("draft", _("draft"))):
            told = getattr(answer, side)
            self.stdout.write(f"  {label}: {told['text'] or told.get('error', '')}")


def changes_from(options: dict[str, Any]) -> dict[str, Any]:
    """Return the draft fields of the assistant that the options name."""
    changes: dict[str, Any] = {}
    if options["prompt"]:
        try:
            changes["system_prompt"] = options["prompt"].read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise CommandError(str(exc)) from exc
    if options["voice"]:
        changes |= {"voice": options["voice"], "voice_profile": None}
    return changes
