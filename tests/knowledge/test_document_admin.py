"""Operators find and edit documents; nothing is overwritten or lost unseen."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from aiker.config import BASE_DIR
from knowledge.models import Document, GoldenQuestion, KnowledgeBase
from tests.knowledge.conftest import browser, document_form

pytestmark = pytest.mark.django_db

LIST = "admin:knowledge_document_changelist"


def page(document: Document) -> str:
    return reverse("admin:knowledge_document_change", args=[document.pk])


def save(client: Client, document: Document, **fields: Any) -> Any:
    """Send the form as it was when ``document`` was read."""
    return client.post(page(document), document_form(document, **fields))


def saved(document: Document) -> Document:
    return Document.objects.get(pk=document.pk)


@pytest.fixture
def editor(editors: tuple[Client, Client]) -> Client:
    return editors[0]


class TestFields:
    def test_a_document_shows_its_wordings_one_a_line_and_its_passages(
        self, editor: Client, document: Document
    ) -> None:
        text = editor.get(page(document)).content.decode()
        assert "日票多少\n按天租" in text
        assert "80元。</textarea>" in text

    def test_every_field_can_be_set(self, editor: Client, document: Document) -> None:
        fields = {
            "kind": "article",
            "verbatim": "on",
            "valid_from": "2026-01-01",
            "valid_until": "2026-01-31",
        }
        assert save(editor, document, **fields).status_code == 302
        now = saved(document)
        assert (now.kind, now.verbatim) == ("article", True)
        assert (now.valid_from, now.valid_until) == (date(2026, 1, 1), date(2026, 1, 31))

    def test_a_last_day_before_the_first_is_refused(self, editor: Client, document: Document) -> None:
        answer = save(editor, document, valid_from="2026-02-01", valid_until="2026-01-31")
        assert "This day is before the first one." in answer.content.decode()

    def test_wordings_are_saved_without_blank_lines_and_repeats(
        self, editor: Client, document: Document
    ) -> None:
        save(editor, document, alternative_questions=" 日票多少 \r\n\r\n日票多少\r\n一天几块", tags="热门")
        assert saved(document).alternative_questions == ["日票多少", "一天几块"]
        assert saved(document).tags == ["热门"]

    def test_a_wording_that_is_too_long_is_refused(self, editor: Client, document: Document) -> None:
        answer = save(editor, document, alternative_questions="长" * 501)
        assert "A line may have 500 characters." in answer.content.decode()

    def test_invisible_characters_and_line_ends_of_a_browser_are_not_saved(
        self, editor: Client, document: Document
    ) -> None:
        save(editor, document, answer="第一行\u200b。\r\n第二行。")
        assert saved(document).answer == "第一行。\n第二行。"

    def test_a_document_written_in_the_admin_gets_a_key_of_its_own(
        self, editor: Client, base: KnowledgeBase
    ) -> None:
        answer = editor.get(reverse("admin:knowledge_document_add"))
        key = answer.context["adminform"].form["key"].value()
        assert key.startswith("doc-")
        form = {"base": base.pk, "key": key, "kind": "faq", "title": "月卡", "answer": "1200元。"}
        assert editor.post(reverse("admin:knowledge_document_add"), form).status_code == 302
        assert base.documents.get().chunks.get().text == "1200元。"

    def test_saving_without_a_change_asks_for_nothing(self, editor: Client, document: Document) -> None:
        document.base.changes.all().delete()
        assert save(editor, document).status_code == 302
        assert saved(document).revision == document.revision
        assert not document.base.changes.exists()


class TestFinding:
    @pytest.mark.parametrize(("words", "found"), [("80元", 1), ("一天多少", 1), ("停车", 0)])
    def test_documents_are_found_by_their_words(
        self, editor: Client, document: Document, words: str, found: int
    ) -> None:
        answer = editor.get(reverse(LIST), {"q": words})
        assert list(answer.context["cl"].queryset) == [document] * found

    def test_documents_are_filtered_by_category(self, editor: Client, document: Document) -> None:
        for category, found in (("价格", [document]), ("停车", [])):
            answer = editor.get(reverse(LIST), {"category": category})
            assert list(answer.context["cl"].queryset) == found


class TestTwoEditors:
    def test_the_second_is_told_who_saved_what_and_keeps_the_input(
        self, editors: tuple[Client, Client], document: Document
    ) -> None:
        first, second = editors
        assert save(first, document, answer="90元。").status_code == 302
        answer = save(second, document, answer="85元。")
        text = answer.content.decode()
        assert answer.status_code == 200
        assert "小李 saved this document" in text
        assert "<del>90</del><ins>85</ins>元。" in text
        assert answer.context["adminform"].form["answer"].value() == "85元。"
        assert saved(document).answer == "90元。"

    def test_the_second_may_save_all_the_same_and_the_history_says_so(
        self, editors: tuple[Client, Client], document: Document
    ) -> None:
        first, second = editors
        save(first, document, answer="90元。")
        save(second, document, answer="85元。", save_mine=str(saved(document).revision))
        now = saved(document)
        assert now.answer == "85元。"
        latest, before = now.history.all()[:2]
        assert (str(latest.history_user), str(before.history_user)) == ("小王", "小李")
        assert "Saved over the change of 小李" in latest.history_change_reason

    def test_what_was_confirmed_does_not_hold_for_a_third_change(
        self, editors: tuple[Client, Client], document: Document
    ) -> None:
        first, second = editors
        save(first, document, answer="90元。")
        seen = str(saved(document).revision)
        save(first, saved(document), answer="95元。")
        assert save(second, document, answer="85元。", save_mine=seen).status_code == 200
        assert saved(document).answer == "95元。"


class TestGoldenQuestions:
    @pytest.fixture
    def asked(self, document: Document) -> GoldenQuestion:
        question = GoldenQuestion.objects.create(
            base=document.base, question="就待今天一天得给多少？", must_say=[["80", "八十"]]
        )
        question.expected.add(document)
        return question

    @pytest.mark.usefixtures("asked")
    def test_an_edit_that_loses_a_fact_is_refused_with_the_question(
        self, editor: Client, document: Document
    ) -> None:
        text = save(editor, document, answer="1800元。").content.decode()
        assert "“就待今天一天得给多少？” must be answered with 80 / 八十." in text
        assert 'name="save_anyway"' in text
        assert saved(document).answer == "80元。"

    @pytest.mark.usefixtures("asked")
    def test_it_can_be_saved_anyway_and_is_recorded(self, editor: Client, document: Document) -> None:
        assert save(editor, document, answer="90元。", save_anyway="1").status_code == 302
        now = saved(document)
        assert now.answer == "90元。"
        assert "80 / 八十" in now.history.first().history_change_reason
        assert any("80 / 八十" in entry.change_message for entry in LogEntry.objects.all())

    @pytest.mark.usefixtures("asked")
    def test_a_fact_said_otherwise_passes(self, editor: Client, document: Document) -> None:
        assert save(editor, document, answer="八十块。").status_code == 302

    def test_a_question_that_is_not_asked_any_more_does_not_count(
        self, editor: Client, document: Document, asked: GoldenQuestion
    ) -> None:
        asked.is_active = False
        asked.save()
        assert 'name="save_anyway"' not in editor.get(page(document)).content.decode()
        assert save(editor, document, answer="90元。").status_code == 302


class TestHistory:
    def test_it_shows_what_was_inserted_and_removed(self, editor: Client, document: Document) -> None:
        save(editor, document, answer="日卡90元。", tags="热门")
        text = editor.get(reverse("admin:knowledge_document_history", args=[document.pk])).content.decode()
        assert "<del>80</del><ins>日卡90</ins>元。" in text
        assert '<dt>Tags</dt><dd><span class="knowledge-diff"><ins>热门</ins>' in text

    def test_an_earlier_state_is_looked_at_and_saved_again(self, editor: Client, document: Document) -> None:
        save(editor, document, answer="90元。")
        first = document.history.last()
        old = f"{page(document)}?version={first.pk}"
        shown = editor.get(old)
        assert shown.context["adminform"].form["answer"].value() == "80元。"
        assert saved(document).answer == "90元。"
        assert editor.post(old, document_form(saved(document), answer="80元。")).status_code == 302
        now = saved(document)
        assert now.answer == "80元。"
        assert "Back to the state of" in now.history.first().history_change_reason

    def test_a_deleted_document_stays_in_the_history(self, editor: Client, document: Document) -> None:
        editor.post(reverse("admin:knowledge_document_delete", args=[document.pk]), {"post": "yes"})
        record = Document.history.filter(id=document.pk).latest()
        assert (record.history_type, str(record.history_user), record.answer) == ("-", "小李", "80元。")


def test_who_may_only_look_sees_everything_and_changes_nothing(document: Document) -> None:
    viewer = browser("访客", "view_document", "view_chunk", "view_knowledgebase")
    text = viewer.get(page(document)).content.decode()
    assert "80元。" in text
    assert "Divide at the cursor" not in text
    assert viewer.get(reverse("admin:knowledge_document_history", args=[document.pk])).status_code == 200
    assert save(viewer, document, answer="90元。").status_code == 403
    assert viewer.post(reverse("admin:knowledge_document_retry", args=[document.pk])).status_code == 403
    assert viewer.post(reverse("admin:knowledge_document_passages", args=[document.pk])).status_code == 403


@pytest.mark.parametrize(
    "address", ["document/x/history/", "document/999/history/", "knowledgebase/x/upload/"]
)
def test_what_is_not_there_is_not_found(editors: tuple[Client, Client], address: str) -> None:
    assert editors[0].get(f"/admin/knowledge/{address}").status_code == 404


def test_who_may_not_look_sees_no_history(document: Document) -> None:
    stranger = browser("外人")
    assert stranger.get(reverse("admin:knowledge_document_history", args=[document.pk])).status_code == 403


def test_the_groups_let_operators_edit_and_editors_publish() -> None:
    operator, chief = (User.objects.create_user(name, is_staff=True) for name in ("小张", "小陈"))
    operator.groups.add(Group.objects.get(name="Operators"))
    chief.groups.add(Group.objects.get(name="Editors"))
    assert operator.has_perms(["knowledge.change_document", "knowledge.view_indexversion"])
    assert chief.has_perms(["knowledge.change_document", "knowledge.publish_version"])
    assert not operator.has_perm("knowledge.publish_version")
    assert not chief.has_perm("knowledge.override_gate")


def test_what_the_pages_name_is_styled() -> None:
    sheet = finders.find("knowledge/editing.css")
    assert isinstance(sheet, str)
    styled = set(re.findall(r"\.(knowledge-[a-z-]+)", Path(sheet).read_text(encoding="utf-8")))
    pages = (BASE_DIR / "templates" / "admin" / "knowledge").glob("*.html")
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert set(re.findall(r'[" ](knowledge-[a-z-]+[a-z])', text)) <= styled
