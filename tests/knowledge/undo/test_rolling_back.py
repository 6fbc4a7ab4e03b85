"""After rolling back, what is live and what the admin shows are what was live then, entry by entry."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from knowledge.errors import KnowledgeError
from knowledge.following import follow, settle
from knowledge.manifest import StoredPassage
from knowledge.models import Document, GoldenQuestion, IndexVersion, KnowledgeBase, Snapshot
from knowledge.passage_editing import edit, editing_passages
from knowledge.status import State, states
from knowledge.undo.entries import Entries
from knowledge.undo.rolling_back import differences, restore_entries, roll_back, roll_back_to_version
from knowledge.undo.snapshots import current_entries, take
from knowledge.versions import request_version
from tests.knowledge.undo.conftest import answers, heard, live, load, rows, upload

pytestmark = [pytest.mark.django_db, pytest.mark.models, pytest.mark.usefixtures("processes")]


def write(base: KnowledgeBase, key: str = "day", answer: str = "日卡80元一天。") -> Document:
    return Document.objects.create(base=base, key=key, title=key, answer=answer)


def change(base: KnowledgeBase, key: str, answer: str) -> None:
    document = base.documents.get(key=key)
    document.answer = answer
    document.save()


def built(base: KnowledgeBase, *, publish: bool = True) -> IndexVersion:
    *_earlier, version = follow(request_version(base, "test", publish=publish))
    return version


def latest(base: KnowledgeBase, kind: Snapshot.Kind) -> Snapshot:
    return base.snapshots.filter(kind=kind)[0]


class TestSmallEdits:
    def test_a_version_is_gone_back_to_as_it_went_live_without_later_edits(self, base: KnowledgeBase) -> None:
        """Hours edited and a file imported after 04:17 are not served after 回退 to 04:17."""
        write(base, "hours", "9点到18点。")
        settle(base)
        first = live(base)
        was = heard(base), rows(base)
        change(base, "hours", "8点到20点。")
        upload(base, new="新条目。")
        settle(base)
        built(base)
        assert {p.text for ps in heard(base).values() for p in ps} == {"8点到20点。", "新条目。"}
        roll_back_to_version(first)
        settle(base)
        assert (heard(base), rows(base)) == was
        assert live(base) == first

    def test_edits_in_place_are_kept_when_the_snapshot_is_later(self, base: KnowledgeBase) -> None:
        write(base, "hours", "9点到18点。")
        settle(base)
        change(base, "hours", "8点到20点。")
        settle(base)
        was = heard(base), rows(base)
        built(base)
        change(base, "hours", "全天。")
        settle(base)
        roll_back(latest(base, Snapshot.Kind.PUBLICATION))
        settle(base)
        assert (heard(base), rows(base)) == was

    def test_the_next_edit_and_a_rebuild_do_not_bring_back_what_was_rolled_back(
        self, base: KnowledgeBase
    ) -> None:
        write(base, "hours", "9点到18点。")
        write(base, "day")
        settle(base)
        upload(base, hours2="假的。")
        change(base, "hours", "假的。")
        settle(base)
        roll_back(latest(base, Snapshot.Kind.IMPORT))
        settle(base)
        change(base, "day", "日卡90元一天。")
        settle(base)
        built(base)
        assert sorted(p.text for ps in heard(base).values() for p in ps) == ["9点到18点。", "日卡90元一天。"]

    def test_the_admin_says_that_callers_hear_the_documents(self, base: KnowledgeBase) -> None:
        write(base)
        settle(base)
        first = live(base)
        change(base, "day", "日卡90元一天。")
        settle(base)
        built(base)
        roll_back_to_version(first)
        settle(base)
        document = base.documents.get()
        live(base)
        assert document.answer == "日卡80元一天。"
        assert states(base, [document])[document.pk].state == State.INDEXED


class TestNothingIsLost:
    def test_every_entry_has_it_in_its_history(self, base: KnowledgeBase) -> None:
        write(base)
        settle(base)
        change(base, "day", "日卡90元一天。")
        settle(base)
        roll_back_to_version(live(base))
        said = list(base.documents.get().history.values_list("answer", flat=True))
        assert said == ["日卡80元一天。", "日卡90元一天。", "日卡80元一天。"]
        reason = base.documents.get().history.first().history_change_reason
        assert reason.startswith("Back to the state of ")

    def test_what_was_rolled_back_can_be_applied_again_entry_by_entry(self, base: KnowledgeBase) -> None:
        write(base)
        settle(base)
        change(base, "day", "日卡90元一天。")
        write(base, "late", "后来写的。")
        settle(base)
        roll_back_to_version(live(base))
        settle(base)
        assert answers(base) == {"day": "日卡80元一天。"}
        before = latest(base, Snapshot.Kind.ROLL_BACK)
        assert [entry.key for entry in differences(before)] == ["day", "late"]
        restore_entries(before, ["late"])
        settle(base)
        assert answers(base) == {"day": "日卡80元一天。", "late": "后来写的。"}
        assert sorted(p.text for ps in heard(base).values() for p in ps) == ["后来写的。", "日卡80元一天。"]
        roll_back(before)
        settle(base)
        assert answers(base) == {"day": "日卡90元一天。", "late": "后来写的。"}

    def test_documents_that_were_not_live_yet_are_kept_too(self, base: KnowledgeBase) -> None:
        write(base)
        settle(base)
        load(base, **{f"e{n}": "好。" for n in range(25)})  # waits for a version
        roll_back(latest(base, Snapshot.Kind.IMPORT))
        settle(base)
        assert answers(base) == {"day": "日卡80元一天。"}
        assert len(differences(latest(base, Snapshot.Kind.NOT_LIVE))) == 25

    def test_golden_questions_expect_a_document_again_that_had_been_deleted(
        self, base: KnowledgeBase
    ) -> None:
        document = write(base)
        write(base, "other", "别的。")
        question = GoldenQuestion.objects.create(base=base, question="一天多少钱")
        question.expected.add(document)
        settle(base)
        take(base, Snapshot.Kind.IMPORT)
        document.delete()
        settle(base)
        roll_back(latest(base, Snapshot.Kind.IMPORT))
        assert list(question.expected.values_list("key", flat=True)) == ["day"]

    def test_passages_edited_by_hand_come_back(self, base: KnowledgeBase) -> None:
        document = write(base)
        settle(base)
        document.refresh_from_db()
        with editing_passages(document.pk, document.revision, None) as current:
            edit(current, current.chunks.get().pk, "一天八十元。")
        settle(base)
        was = heard(base), rows(base)
        upload(base, x="x。")
        Document.objects.get(pk=document.pk).delete()
        settle(base)
        roll_back(latest(base, Snapshot.Kind.IMPORT))
        settle(base)
        assert (heard(base), rows(base)) == was
        assert base.documents.get(key="day").history.first().passages == [
            {"text": "一天八十元。", "used": True}
        ]


class TestVersions:
    def test_an_index_that_still_holds_it_is_switched_to_at_once(self, base: KnowledgeBase) -> None:
        write(base)
        settle(base)
        first = live(base)
        load(base, **{f"e{n}": "好。" for n in range(25)})
        built(base)
        assert roll_back_to_version(first) is None
        assert live(base) == first
        assert not base.changes.exists()
        assert [p.text for ps in heard(base).values() for p in ps] == ["日卡80元一天。"]

    def test_many_differences_are_heard_together_and_without_golden_questions(
        self, base: KnowledgeBase
    ) -> None:
        write(base)
        settle(base)
        first = live(base)
        was = heard(base), rows(base)
        for number in range(25):
            write(base, f"e{number}", f"第{number}条。")
        settle(base)
        question = GoldenQuestion.objects.create(base=base, question="火星上能办公吗")
        question.expected.add(base.documents.get(key="e3"))
        version = roll_back_to_version(first)
        assert version is not None
        assert len(heard(base)) == 26  # until the version is there
        settle(base)
        assert live(base) == version
        assert not version.golden_runs.exists()
        assert (heard(base), rows(base)) == was

    def test_drafts_are_given_up(self, base: KnowledgeBase) -> None:
        write(base)
        settle(base)
        load(base, **{f"e{n}": "好。" for n in range(25)})
        draft = built(base, publish=False)
        roll_back(latest(base, Snapshot.Kind.IMPORT))
        draft.refresh_from_db()
        assert (draft.state, "Back to the state" in draft.error) == (IndexVersion.State.FAILED, True)

    def test_a_version_without_a_snapshot_is_refused(self, base: KnowledgeBase) -> None:
        write(base)
        version = built(base, publish=False)
        with pytest.raises(KnowledgeError, match="Only what was live"):
            roll_back_to_version(version)

    def test_a_base_can_go_back_to_before_its_entries_were_edited_away(self, base: KnowledgeBase) -> None:
        document = write(base)
        settle(base)
        document.delete()
        settle(base)
        assert heard(base) == {}
        roll_back_to_version(live(base))
        settle(base)
        assert answers(base) == {"day": "日卡80元一天。"}


@dataclass
class Point:
    snapshot: Snapshot
    passages: dict[int, list[StoredPassage]]
    entries: Entries


class Operator:
    """Does at random what operators do, and notes what was live whenever a snapshot was taken."""

    def __init__(self, base: KnowledgeBase, seed: int) -> None:
        self.base = base
        self.random = random.Random(seed)
        self.points: list[Point] = []
        self.words = 0

    def answer(self) -> str:
        self.words += 1
        return f"第{self.words}句话。"

    def act(self) -> None:
        """Do something, let it become live, and note the snapshots that were taken before and after it."""
        known = set(self.base.snapshots.values_list("pk", flat=True))
        before = heard(self.base), rows(self.base)
        getattr(self, self.random.choices(ACTS, WEIGHTS)[0])()
        settle(self.base)
        after = heard(self.base), rows(self.base)
        for snapshot in self.base.snapshots.exclude(pk__in=known):
            state = after if snapshot.kind == Snapshot.Kind.LIVE else before
            self.points.append(Point(snapshot, *state))

    def edit(self) -> None:
        if document := self._any():
            document.answer = self.answer()
            document.alternative_questions = [self.answer()]
            document.tags = [self.answer()]
            document.save()

    def add(self) -> None:
        write(self.base, f"own{self.words}", self.answer())

    def remove(self) -> None:
        if (document := self._any()) and self.base.documents.count() > 1:
            document.delete()

    def take_in(self) -> None:
        keys = self.random.sample([f"k{n}" for n in range(6)], 3)
        source = self.random.choice(["a.json", "b.json"])
        upload(self.base, source, **{key: self.answer() for key in keys})

    def take_in_many(self) -> None:
        upload(self.base, "many.json", **{f"m{n}": self.answer() for n in range(22)})

    def publish(self) -> None:
        built(self.base)

    def go_back(self) -> None:
        if self.points:
            roll_back(self.random.choice(self.points).snapshot)

    def _any(self) -> Document | None:
        documents = list(self.base.documents.order_by("pk"))
        return self.random.choice(documents) if documents else None


ACTS = ["edit", "add", "remove", "take_in", "take_in_many", "publish", "go_back"]
WEIGHTS = [6, 3, 2, 3, 1, 2, 2]


@pytest.mark.parametrize("seed", range(3))
def test_every_snapshot_is_what_was_live_then_after_whatever_was_done(base: KnowledgeBase, seed: int) -> None:
    write(base)
    settle(base)
    operator = Operator(base, seed)
    for _ in range(12):
        operator.act()
    assert len(operator.points) >= 3
    operator.random.shuffle(operator.points)
    for point in operator.points:
        roll_back(point.snapshot)
        settle(base)
        assert rows(base) == point.entries
        assert heard(base) == point.passages
        assert current_entries(base) == point.entries
        document = base.documents.first()
        if document:
            live(base)
            assert states(base, [document])[document.pk].state == State.INDEXED
