"""Passages edited by hand: each button does what it says, and nothing of it is lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from knowledge import editing
from knowledge.history import versions_of
from knowledge.models import Chunk, Document, GoldenQuestion, KnowledgeBase
from tests.knowledge.conftest import document_form

pytestmark = pytest.mark.django_db


@pytest.fixture
def article(base: KnowledgeBase) -> Document:
    document = Document.objects.create(base=base, key="a", title="押金", answer="第一段。\n\n第二段。")
    base.changes.all().delete()
    return document


@pytest.fixture
def editor(editors: tuple[Client, Client]) -> Client:
    return editors[0]


def press(client: Client, document: Document, button: str, position: int = 0, **fields: Any) -> Any:
    """Press a button below a passage, on a page that was opened when ``document`` was read."""
    chunk = document.chunks.get(position=position)
    form = {"do": button, "chunk": chunk.pk, "revision": document.revision, "text": chunk.text, **fields}
    return client.post(reverse("admin:knowledge_document_passages", args=[document.pk]), form)


def now(document: Document) -> tuple[bool, list[tuple[int, str, bool]]]:
    document = Document.objects.get(pk=document.pk)
    rows = document.chunks.order_by("position").values_list("position", "text", "is_active")
    return document.passages_by_hand, list(rows)


def test_an_edit_stays_and_is_on_its_way(editor: Client, article: Document) -> None:
    assert press(editor, article, "edit", text="第一段，改过。").status_code == 302
    assert now(article) == (True, [(0, "第一段，改过。", True), (1, "第二段。", True)])
    assert article.base.changes.get().document_id == article.pk


def test_an_edited_passage_survives_a_new_answer_with_a_warning(editor: Client, article: Document) -> None:
    press(editor, article, "edit", text="改过。")
    article.refresh_from_db()
    page = reverse("admin:knowledge_document_change", args=[article.pk])
    answer = editor.post(page, document_form(article, answer="新的。"), follow=True)
    assert "edited by hand and stay as they were" in answer.content.decode()
    assert now(article)[1][0] == (0, "改过。", True)


def test_a_passage_is_divided_at_the_cursor(editor: Client, article: Document) -> None:
    press(editor, article, "split", text="𠮷祥话。第一段。", at="4")
    assert now(article)[1] == [(0, "𠮷祥话。", True), (1, "第一段。", True), (2, "第二段。", True)]


@pytest.mark.parametrize("at", ["", "0", "99", "x"])
def test_a_place_at_the_edge_is_refused(editor: Client, article: Document, at: str) -> None:
    answer = press(editor, article, "split", at=at)
    assert answer.status_code == 409
    assert "Put the cursor where" in answer.content.decode()
    assert now(article) == (False, [(0, "第一段。", True), (1, "第二段。", True)])


def test_two_passages_are_joined(editor: Client, article: Document) -> None:
    press(editor, article, "merge")
    assert now(article)[1] == [(0, "第一段。\n第二段。", True)]
    article.refresh_from_db()
    assert press(editor, article, "merge").status_code == 409


def test_a_passage_is_left_out_and_used_again(editor: Client, article: Document) -> None:
    press(editor, article, "leave_out")
    assert now(article)[1][0] == (0, "第一段。", False)
    article.refresh_from_db()
    assert press(editor, article, "merge").status_code == 409
    press(editor, article, "use")
    assert now(article)[1][0] == (0, "第一段。", True)


def test_cutting_again_gives_the_passages_back_to_the_answer(editor: Client, article: Document) -> None:
    press(editor, article, "edit", text="改过。")
    article.refresh_from_db()
    press(editor, article, "leave_out", 1)
    article.refresh_from_db()
    press(editor, article, "cut_again")
    assert now(article) == (False, [(0, "第一段。", True), (1, "第二段。", True)])


def test_a_page_opened_before_another_edit_is_refused_and_shows_what_was_typed(
    editors: tuple[Client, Client], article: Document
) -> None:
    first, second = editors
    press(first, article, "edit", text="小李的话。")
    answer = press(second, article, "edit", text="小王的话。")
    assert answer.status_code == 409
    assert "小王的话。</textarea>" in answer.content.decode()
    assert now(article)[1][0] == (0, "小李的话。", True)


def test_an_empty_passage_is_refused(editor: Client, article: Document) -> None:
    assert press(editor, article, "edit", text=" \r\n").status_code == 409
    assert now(article)[0] is False


def test_the_history_keeps_passages_and_brings_them_back(editor: Client, article: Document) -> None:
    press(editor, article, "edit", text="第一段，改过。")
    article.refresh_from_db()
    press(editor, article, "cut_again")
    article.refresh_from_db()
    _cut, edited, _written = versions_of(article)
    assert edited.record.history_change_reason == "Passage 1: text edited"
    assert str(edited.record.history_user) == "小李"
    [change] = edited.changes
    assert [piece.text for piece in change.pieces if piece.kind == "inserted"] == ["，改过"]

    page = reverse("admin:knowledge_document_change", args=[article.pk])
    editor.post(f"{page}?version={edited.record.pk}", document_form(article))
    assert now(article) == (True, [(0, "第一段，改过。", True), (1, "第二段。", True)])


def test_a_fact_that_no_passage_says_any_more_is_named(editor: Client, article: Document) -> None:
    question = GoldenQuestion.objects.create(base=article.base, question="第几段？", must_say=[["第二段"]])
    question.expected.add(article)
    chunk = article.chunks.get(position=1)
    form = {"do": "leave_out", "chunk": chunk.pk, "revision": article.revision}
    address = reverse("admin:knowledge_document_passages", args=[article.pk])
    answer = editor.post(address, form, follow=True)
    assert "“第几段？” must be answered with 第二段" in answer.content.decode()


def test_a_build_that_read_the_document_before_the_edit_does_not_undo_it(
    editor: Client, article: Document
) -> None:
    press(editor, article, "edit", text="改过。")
    editing.cut_current(article.pk)
    assert Chunk.objects.filter(text="改过。").exists()
