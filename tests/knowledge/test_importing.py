"""A load does what its table says, and never undoes an operator's edit."""

from __future__ import annotations

from typing import Any

import pytest

from knowledge.importing import LoadReport, store_entries
from knowledge.loaders import BusinessData
from knowledge.models import Document, KnowledgeBase

pytestmark = pytest.mark.django_db


def load(base: KnowledgeBase, source: str = "kb.json", sample: bool = False, **answers: str) -> LoadReport:
    entries = [{"id": key, "category": "价格", "title": key, "answer": text} for key, text in answers.items()]
    value: dict[str, Any] = {"entries": entries, "sample": sample}
    return store_entries(base, BusinessData.model_validate(value), source)


def answers(base: KnowledgeBase) -> dict[str, str]:
    return dict(base.documents.values_list("key", "answer"))


def edit(base: KnowledgeBase, key: str, answer: str) -> None:
    document = Document.objects.get(base=base, key=key)
    document.answer = answer
    document.save()


def test_a_second_load_changes_nothing(base: KnowledgeBase) -> None:
    assert load(base, sample=True, a="1元", b="2元").added == ["a", "b"]
    before = list(base.documents.values())
    assert load(base, sample=True, a="1元", b="2元") == LoadReport(unchanged=["a", "b"])
    assert list(base.documents.values()) == before
    assert all(row["is_sample"] and row["source"] == "kb.json" for row in before)


def test_the_files_changes_arrive(base: KnowledgeBase) -> None:
    load(base, a="1元", b="2元", c="3元")
    assert load(base, a="1元", b="9元", d="4元") == LoadReport(["d"], ["b"], ["c"], ["a"])
    assert answers(base) == {"a": "1元", "b": "9元", "d": "4元"}


def test_an_edit_in_the_admin_survives_a_load_of_the_same_file(base: KnowledgeBase) -> None:
    load(base, a="1元")
    edit(base, "a", "8元")
    assert load(base, a="1元").unchanged == ["a"]
    assert answers(base) == {"a": "8元"}


def test_an_edit_in_the_admin_is_kept_and_reported_when_the_file_changes_too(base: KnowledgeBase) -> None:
    load(base, a="1元", b="2元")
    edit(base, "a", "8元")
    edit(base, "b", "7元")
    assert load(base, a="5元").kept == ["a", "b"]
    assert answers(base) == {"a": "8元", "b": "7元"}


def test_documents_of_other_origin_are_untouched(base: KnowledgeBase) -> None:
    Document.objects.create(base=base, key="own", title="自己写的", answer="9元")
    load(base, source="first.json", a="1元")
    assert load(base, source="second.json", b="2元").removed == []
    assert set(answers(base)) == {"own", "a", "b"}


def test_another_base_is_untouched(base: KnowledgeBase) -> None:
    other = KnowledgeBase.objects.create(name="另一个", slug="other")
    load(other, a="1元")
    load(base, b="2元")
    assert set(answers(other)) == {"a"}
