"""Operators re-index a knowledge base."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from aiker.calls.models import Assistant
from knowledge.models import Document, GoldenQuestion, IndexChange, IndexVersion, KnowledgeBase

pytestmark = pytest.mark.django_db


def reindex(client: Client, base: KnowledgeBase) -> str:
    form = {"action": "reindex_selected", "_selected_action": [str(base.pk)]}
    answer = client.post(reverse("admin:knowledge_knowledgebase_changelist"), form, follow=True)
    assert answer.status_code == 200
    return "\n".join(str(message) for message in answer.context["messages"])


def test_reindexing_asks_for_a_version(admin_client: Client, document: Document) -> None:
    assert "测试" in reindex(admin_client, document.base)
    version = document.base.versions.get()
    assert (version.state, version.publish_when_ready) == ("building", True)
    assert str(version.requested_by) == "admin"


def test_an_operator_who_may_only_look_cannot_reindex(client: Client, document: Document) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_knowledgebase"))
    client.force_login(viewer)
    reindex(client, document.base)
    assert not document.base.versions.exists()


def delete_page(client: Client, base: KnowledgeBase, **form: str) -> str:
    client.cookies["django_language"] = "en"
    address = reverse("admin:knowledge_knowledgebase_delete", args=[base.pk])
    answer = client.post(address, form, follow=True) if form else client.get(address)
    return answer.content.decode()


def test_K_d_a_base_with_versions_is_deleted_after_saying_what_hangs_on_it(
    admin_client: Client, document: Document
) -> None:
    base = document.base
    version = IndexVersion.objects.create(base=base, collection_name="x", state=IndexVersion.State.READY)
    KnowledgeBase.objects.filter(pk=base.pk).update(active_version=version)
    GoldenQuestion.objects.create(base=base, question="几点开门？").expected.add(document)
    assistant = Assistant.objects.create(slug="shop", name="小店", knowledge_base=base)
    page = delete_page(admin_client, base)
    assert "1 document, 1 index version, 1 golden question" in page
    assert "Callers hear it now" in page
    assert str(assistant) in page
    assert KnowledgeBase.objects.filter(pk=base.pk).exists()
    delete_page(admin_client, base, post="yes")
    assert not KnowledgeBase.objects.filter(pk=base.pk).exists()
    assert not IndexVersion.objects.filter(pk=version.pk).exists()
    assistant.refresh_from_db()
    assert assistant.knowledge_base is None


def test_K_d_several_bases_are_deleted_from_the_list(admin_client: Client, document: Document) -> None:
    IndexVersion.objects.create(base=document.base, collection_name="x", state=IndexVersion.State.READY)
    form = {"action": "delete_selected", "_selected_action": [str(document.base.pk)], "post": "yes"}
    admin_client.post(reverse("admin:knowledge_knowledgebase_changelist"), form)
    assert not KnowledgeBase.objects.exists()
    assert not IndexChange.objects.exists()


def test_K_d_who_may_not_delete_documents_cannot_delete_their_base(
    client: Client, document: Document
) -> None:
    editor = User.objects.create_user("editor", is_staff=True)
    for codename in ("view_knowledgebase", "delete_knowledgebase"):
        editor.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_login(editor)
    delete_page(client, document.base, post="yes")
    assert KnowledgeBase.objects.filter(pk=document.base.pk).exists()
