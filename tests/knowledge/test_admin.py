"""Operators see, find and edit what callers hear, and re-index it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from knowledge.models import Chunk, Document, KnowledgeBase
from tests.knowledge.conftest import free_port, move

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(base: KnowledgeBase) -> Document:
    document = Document.objects.create(
        base=base,
        key="day",
        category="价格",
        title="日卡",
        question="一天多少钱？",
        answer="80元。",
        alternative_questions=["日票多少", "按天租"],
    )
    Chunk.objects.create(document=document, position=0, text="只在索引里的话", content_hash="x")
    return document


def change(client: Client, document: Document, **fields: str) -> None:
    form = {
        "base": str(document.base_id),
        "key": document.key,
        "category": document.category,
        "title": document.title,
        "question": document.question,
        "alternative_questions": "\r\n".join(document.alternative_questions),
        "answer": document.answer,
        "tags": "",
        "chunks-TOTAL_FORMS": "0",
        "chunks-INITIAL_FORMS": "0",
        **fields,
    }
    answer = client.post(reverse("admin:knowledge_document_change", args=[document.pk]), form)
    assert answer.status_code == 302, answer.context["errors"]
    document.refresh_from_db()


def reindex(client: Client, base: KnowledgeBase) -> str:
    form = {"action": "reindex_selected", "_selected_action": [str(base.pk)]}
    answer = client.post(reverse("admin:knowledge_knowledgebase_changelist"), form, follow=True)
    assert answer.status_code == 200
    return "\n".join(str(message) for message in answer.context["messages"])


def test_a_document_shows_its_wordings_one_a_line_and_its_passages(
    admin_client: Client, document: Document
) -> None:
    page = admin_client.get(reverse("admin:knowledge_document_change", args=[document.pk])).content.decode()
    assert "日票多少\n按天租" in page
    assert "只在索引里的话" in page


@pytest.mark.parametrize(("words", "found"), [("80元", 1), ("一天多少", 1), ("停车", 0)])
def test_documents_are_found_by_their_words(
    admin_client: Client, document: Document, words: str, found: int
) -> None:
    answer = admin_client.get(reverse("admin:knowledge_document_changelist"), {"q": words})
    assert list(answer.context["cl"].queryset) == [document] * found


def test_documents_are_filtered_by_category(admin_client: Client, document: Document) -> None:
    address = reverse("admin:knowledge_document_changelist")
    assert list(admin_client.get(address, {"category": "价格"}).context["cl"].queryset) == [document]
    assert list(admin_client.get(address, {"category": "停车"}).context["cl"].queryset) == []


def test_wordings_are_saved_as_a_list_without_blank_lines_and_repeats(
    admin_client: Client, document: Document
) -> None:
    change(
        admin_client, document, alternative_questions=" 日票多少 \r\n\r\n日票多少\r\n一天几块", tags="热门"
    )
    assert document.alternative_questions == ["日票多少", "一天几块"]
    assert document.tags == ["热门"]


def test_a_document_written_in_the_admin_gets_a_key_of_its_own(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:knowledge_document_add"))
    assert page.context["adminform"].form["key"].value().startswith("doc-")


@pytest.mark.models
def test_reindex_makes_an_edit_live(admin_client: Client, document: Document, processes: Settings) -> None:  # noqa: ARG001
    change(admin_client, document, answer="90元。")
    assert "1" in reindex(admin_client, document.base)
    base = KnowledgeBase.objects.get()
    assert base.active_version is not None
    assert base.active_version.state == "ready"
    assert Chunk.objects.get().text == "90元。"
    page = admin_client.get(reverse("admin:knowledge_knowledgebase_change", args=[base.pk])).content.decode()
    assert base.active_version.collection_name in page


def test_reindex_without_the_engine_server_says_so(
    admin_client: Client, document: Document, settings: Settings
) -> None:
    move(settings, engines_port=free_port())
    assert "manage.py serve_engines" in reindex(admin_client, document.base)
    assert KnowledgeBase.objects.get().active_version is None


def test_an_operator_who_may_only_look_cannot_reindex(client: Client, document: Document) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_knowledgebase"))
    client.force_login(viewer)
    reindex(client, document.base)
    assert not document.base.versions.exists()
