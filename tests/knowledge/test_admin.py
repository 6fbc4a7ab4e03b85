"""Operators re-index a knowledge base."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from knowledge.models import Document, KnowledgeBase

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
