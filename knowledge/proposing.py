"""What a base's texts propose, beside what an operator decided.

::

    outcome = propose_for(base)
    outcome.added, outcome.kept, outcome.withdrawn

A word that was accepted, rejected or edited stays as it is; only its count and its example follow the texts.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from knowledge.lexicon import Proposal, example_of, occurrences, propose
from knowledge.models import KnowledgeBase, LexiconEntry
from knowledge.models.content import DocumentKind


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many words were new, were there already, and are no longer proposed."""

    added: int
    kept: int
    withdrawn: int


def texts_of(base: KnowledgeBase) -> list[str]:
    """Return what the documents say and are asked; questions that are not answered are left out."""
    texts: list[str] = []
    for document in base.documents.exclude(kind=DocumentKind.DECLINED).order_by("pk").iterator(500):
        texts += [document.title, document.question, *document.alternative_questions, document.answer]
    return texts


def propose_for(base: KnowledgeBase) -> Outcome:
    """Bring the proposals of a base up to date with its documents."""
    texts = texts_of(base)
    proposals = {
        proposal.term: proposal
        for proposal in propose(texts)
        if len(proposal.term) <= LexiconEntry.TERM_CHARS
    }
    with transaction.atomic():
        there = {entry.term: entry for entry in base.lexicon.all()}
        added = [_entry(base, p) for term, p in proposals.items() if term not in there]
        untouched = [entry for entry in there.values() if _is_untouched(entry)]
        withdrawn = [entry.pk for entry in untouched if entry.term not in proposals]
        kept = [entry for entry in there.values() if entry.pk not in withdrawn]
        for entry in kept:
            if _is_untouched(entry):
                _fill(entry, proposals[entry.term])
            else:
                entry.count = occurrences(entry.term, texts)
                entry.example = example_of(entry.term, texts)
        LexiconEntry.objects.bulk_create(added)
        LexiconEntry.objects.bulk_update(
            kept, ["kind", "hot_word", "misheard", "reading", "count", "example"], batch_size=200
        )
        base.lexicon.filter(pk__in=withdrawn).delete()
    return Outcome(len(added), len(kept), len(withdrawn))


def _is_untouched(entry: LexiconEntry) -> bool:
    return entry.state == LexiconEntry.State.PROPOSED and not entry.edited


def _entry(base: KnowledgeBase, proposal: Proposal) -> LexiconEntry:
    entry = LexiconEntry(base=base, term=proposal.term, state=LexiconEntry.State.PROPOSED)
    _fill(entry, proposal)
    return entry


def _fill(entry: LexiconEntry, proposal: Proposal) -> None:
    entry.kind = proposal.kind
    entry.hot_word = proposal.hot
    entry.misheard = list(proposal.misheard)
    entry.reading = proposal.reading
    entry.count = proposal.count
    entry.example = proposal.example
