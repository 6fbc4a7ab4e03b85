"""An import is withdrawn alone; later edits of its entries are conflicts, left or overwritten by choice."""

from __future__ import annotations

import pytest

from knowledge.models import Document, GoldenQuestion, ImportRecord, KnowledgeBase
from knowledge.undo.imports import Step, WithdrawalError, fingerprint, plan_withdrawal, withdraw
from tests.knowledge.undo.conftest import answers, load, rows

pytestmark = pytest.mark.django_db


def change(base: KnowledgeBase, key: str, answer: str) -> None:
    document = base.documents.get(key=key)
    document.answer = answer
    document.save()


def steps(record: ImportRecord) -> dict[str, Step]:
    return {step.key: step.step for step in plan_withdrawal(record)}


def undo(record: ImportRecord, *overwrite: str) -> None:
    withdraw(record, overwrite, fingerprint(plan_withdrawal(record)))


def test_what_it_added_changed_and_removed_is_as_before_ids_included(base: KnowledgeBase) -> None:
    load(base, a="1元。", b="2元。", c="3元。")
    before = rows(base)
    record = load(base, a="10元。", c="3元。", d="4元。")
    assert (record.added, record.changed, record.removed) == (1, 1, 1)
    assert answers(base) == {"a": "10元。", "c": "3元。", "d": "4元。"}
    undo(record)
    assert rows(base) == before
    record.refresh_from_db()
    assert record.withdrawn_at is not None


def test_imports_and_edits_after_it_stay(base: KnowledgeBase) -> None:
    record = load(base, "first.json", a="1元。", b="2元。")
    Document.objects.create(base=base, key="own", title="own", answer="我的。")
    load(base, "second.json", z="9元。")
    undo(record)
    assert answers(base) == {"own": "我的。", "z": "9元。"}


def test_an_entry_edited_since_is_a_conflict_and_stays(base: KnowledgeBase) -> None:
    load(base, a="1元。", b="2元。")
    record = load(base, a="10元。", b="20元。")
    change(base, "a", "11元。")
    assert steps(record) == {"a": Step.CONFLICT, "b": Step.REVERT}
    undo(record)
    assert answers(base) == {"a": "11元。", "b": "2元。"}


def test_a_conflict_is_overwritten_by_choice_and_its_edit_is_in_the_history(base: KnowledgeBase) -> None:
    load(base, a="1元。", b="2元。")
    record = load(base, a="10元。", b="20元。")
    change(base, "a", "11元。")
    change(base, "b", "21元。")
    undo(record, "a")
    assert answers(base) == {"a": "1元。", "b": "21元。"}
    said = list(base.documents.get(key="a").history.values_list("answer", flat=True))
    assert said == ["1元。", "11元。", "10元。", "1元。"]


def test_an_added_entry_that_was_edited_and_a_changed_one_that_was_deleted_are_conflicts(
    base: KnowledgeBase,
) -> None:
    load(base, a="1元。")
    record = load(base, a="10元。", new="新的。")
    change(base, "new", "改过。")
    base.documents.get(key="a").delete()
    assert steps(record) == {"a": Step.CONFLICT, "new": Step.CONFLICT}
    undo(record, "a", "new")
    assert answers(base) == {"a": "1元。"}


def test_an_entry_made_anew_under_the_key_of_a_removed_one_is_a_conflict(base: KnowledgeBase) -> None:
    load(base, a="1元。", b="2元。")
    record = load(base, a="1元。")
    Document.objects.create(base=base, key="b", title="b", answer="另一个。")
    assert steps(record) == {"b": Step.CONFLICT}
    undo(record, "b")
    assert answers(base) == {"a": "1元。", "b": "2元。"}


def test_what_is_already_as_before_needs_nothing(base: KnowledgeBase) -> None:
    record = load(base, a="1元。")
    base.documents.get(key="a").delete()
    assert steps(record) == {"a": Step.NOTHING}


def test_the_same_file_can_be_loaded_again_after_it_was_withdrawn(base: KnowledgeBase) -> None:
    load(base, a="1元。")
    record = load(base, a="10元。", b="2元。")
    undo(record)
    again = load(base, a="10元。", b="2元。")
    assert (again.added, again.changed, answers(base)) == (1, 1, {"a": "10元。", "b": "2元。"})


def test_a_golden_question_expects_an_entry_again_that_the_import_removed(base: KnowledgeBase) -> None:
    load(base, a="1元。", b="2元。")
    question = GoldenQuestion.objects.create(base=base, question="多少钱")
    question.expected.add(base.documents.get(key="b"))
    record = load(base, a="1元。")
    assert not question.expected.exists()
    undo(record)
    assert list(question.expected.values_list("key", flat=True)) == ["b"]


def test_few_entries_are_edits_and_many_make_a_version(base: KnowledgeBase) -> None:
    few = load(base, "few.json", a="1元。")
    many = load(base, "many.json", **{f"e{n}": "好。" for n in range(21)})
    undo(few)
    assert (base.changes.count(), base.versions.count()) == (1, 0)
    Document.objects.create(base=base, key="own", title="own", answer="我的。")
    undo(many)
    assert base.versions.count() == 1


def test_it_is_withdrawn_once_and_only_as_it_was_shown(base: KnowledgeBase) -> None:
    record = load(base, a="1元。", b="2元。")
    seen = fingerprint(plan_withdrawal(record))
    change(base, "a", "11元。")
    with pytest.raises(WithdrawalError, match="changed since you looked"):
        withdraw(record, [], seen)
    undo(record)
    with pytest.raises(WithdrawalError, match="already"):
        undo(record)


def test_an_import_that_changes_nothing_is_not_recorded(base: KnowledgeBase) -> None:
    load(base, a="1元。")
    load(base, a="1元。")
    assert base.imports.count() == 1
