"""What the list and the page say of a document is what callers hear of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from knowledge.editing import bulk
from knowledge.following import follow, settle
from knowledge.indexing import Indexer
from knowledge.models import Document, IndexChange, KnowledgeBase
from knowledge.status import State, not_live, states
from knowledge.undo.rolling_back import roll_back_to_version
from knowledge.versions import request_version
from tests.knowledge.conftest import move
from tests.ports import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.models, pytest.mark.usefixtures("processes")]


def state(document: Document) -> State:
    base = KnowledgeBase.objects.select_related("active_version").get(pk=document.base_id)
    return states(base, [Document.objects.get(pk=document.pk)])[document.pk].state


def listed(client: Client, chosen: State) -> list[Document]:
    answer = client.get(reverse("admin:knowledge_document_changelist"), {"state": chosen.value})
    return list(answer.context["cl"].queryset)


def test_an_edit_is_on_its_way_until_callers_hear_it(
    editors: tuple[Client, Client], document: Document
) -> None:
    assert state(document) == State.ON_ITS_WAY
    assert listed(editors[0], State.ON_ITS_WAY) == [document]
    settle(document.base)
    assert state(document) == State.INDEXED
    assert listed(editors[0], State.INDEXED) == [document]


def test_a_failure_is_shown_with_its_reason_and_tried_again(
    editors: tuple[Client, Client], document: Document, settings: Settings
) -> None:
    settle(document.base)
    works = settings.AIKER
    move(settings, engines_port=free_port())
    document.save()
    Document.objects.filter(pk=document.pk).update(answer="90元。")
    document.chunks.update(text="90元。")
    Indexer().apply_edits()
    page = reverse("admin:knowledge_document_change", args=[document.pk])
    text = editors[0].get(page).content.decode()
    assert state(document) == State.FAILED
    assert listed(editors[0], State.FAILED) == [document]
    assert "manage.py start" in text

    settings.AIKER = works
    IndexChange.objects.update(retry_at=timezone.now() + timedelta(hours=1))
    editors[0].post(reverse("admin:knowledge_document_retry", args=[document.pk]))
    change = IndexChange.objects.get()
    assert (change.attempts, change.error) == (0, "")
    assert change.retry_at <= timezone.now()
    settle(document.base)
    assert state(document) == State.INDEXED


def test_what_was_imported_in_bulk_is_not_live_until_a_version_has_it(
    editors: tuple[Client, Client], document: Document
) -> None:
    base = document.base
    settle(base)
    with bulk():
        document.answer = "90元。"
        document.save()
    assert state(document) == State.NOT_LIVE
    assert not_live(KnowledgeBase.objects.get()) == [document.pk]
    assert listed(editors[0], State.NOT_LIVE) == [document]
    editors[0].post(reverse("admin:knowledge_document_retry", args=[document.pk]))
    settle(base)
    assert state(document) == State.INDEXED


def test_after_a_roll_back_it_is_the_document_that_is_live(document: Document) -> None:
    base = document.base
    settle(base)
    base.refresh_from_db()
    first = base.active_version
    assert first is not None
    with bulk():
        document.answer = "90元。"
        document.save()
    *_earlier, _second = follow(request_version(base, "test"))
    assert state(document) == State.INDEXED
    roll_back_to_version(first)
    document.refresh_from_db()
    assert (document.answer, state(document)) == ("80元。", State.INDEXED)
    assert not_live(KnowledgeBase.objects.get()) == []


def test_before_the_first_version_nothing_is_live(document: Document) -> None:
    IndexChange.objects.all().delete()
    assert state(document) == State.NOT_LIVE


def test_the_list_asks_no_more_for_more_documents(
    editors: tuple[Client, Client], base: KnowledgeBase, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        Document.objects.create(base=base, key=f"d{number}", title=f"第{number}条", answer="好。")
    with django_assert_max_num_queries(20):
        answer = editors[0].get(reverse("admin:knowledge_document_changelist"))
    assert answer.content.decode().count("on its way") >= 30
