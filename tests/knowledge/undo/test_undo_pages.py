"""Operators compare, go back and withdraw in the admin, each with its permission."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from knowledge.models import Document, KnowledgeBase, Snapshot
from knowledge.undo.snapshots import current_entries, store
from tests.knowledge.conftest import browser
from tests.knowledge.undo.conftest import answers, load

pytestmark = pytest.mark.django_db
EDITING = ("add_document", "change_document", "delete_document", "view_document", "view_indexversion")


@pytest.fixture
def editor(db: None) -> Client:  # noqa: ARG001
    return browser("小李", superuser=True)


@pytest.fixture
def snapshot(base: KnowledgeBase) -> Snapshot:
    """Of two documents, of which one was edited since, one deleted, and one written."""
    changed = Document.objects.create(base=base, key="changed", title="日卡", answer="80元。")
    deleted = Document.objects.create(base=base, key="deleted", title="月卡", answer="1200元。")
    taken = store(base, Snapshot.Kind.IMPORT, current_entries(base), title="prices.xlsx")
    changed.answer = "90元。"
    changed.save()
    deleted.delete()
    Document.objects.create(base=base, key="written", title="年卡", answer="9000元。")
    return taken


def address(name: str, pk: int) -> str:
    return reverse(f"admin:knowledge_indexversion_{name}", args=[pk])


def test_the_versions_page_lists_snapshots_and_imports(editor: Client, base: KnowledgeBase) -> None:
    load(base, "prices.xlsx", a="1元。")
    store(base, Snapshot.Kind.IMPORT, current_entries(base), title="prices.xlsx")
    page = editor.get(reverse("admin:knowledge_indexversion_changelist")).content.decode()
    assert "before an import" in page
    assert "Withdraw …" in page


def test_a_snapshot_shows_each_difference(editor: Client, snapshot: Snapshot) -> None:
    page = editor.get(address("snapshot", snapshot.pk)).content.decode()
    assert "3 entries differ from then." in page
    assert "<del>90</del><ins>80</ins>元。" in page
    assert "deleted since: going back brings it again" in page
    assert "written since: going back deletes it" in page


def test_going_back_to_it_restores_every_document(
    editor: Client, base: KnowledgeBase, snapshot: Snapshot
) -> None:
    answer = editor.post(address("snapshot", snapshot.pk), {"all": ""}, follow=True)
    assert answers(base) == {"changed": "80元。", "deleted": "1200元。"}
    assert "Rolled back to" in answer.content.decode()
    assert "Rolled back to" in LogEntry.objects.latest("pk").change_message


def test_ticked_entries_alone_are_taken_over(editor: Client, base: KnowledgeBase, snapshot: Snapshot) -> None:
    editor.post(address("snapshot", snapshot.pk), {"entry": ["deleted"]})
    assert answers(base) == {"changed": "90元。", "deleted": "1200元。", "written": "9000元。"}
    answer = editor.post(address("snapshot", snapshot.pk), follow=True)
    assert "Choose the entries first." in answer.content.decode()


def test_an_import_is_withdrawn_with_the_conflicts_that_were_ticked(
    editor: Client, base: KnowledgeBase
) -> None:
    load(base, a="1元。", b="2元。")
    record = load(base, a="10元。", b="20元。", c="3元。")
    for key in ("a", "b"):
        document = base.documents.get(key=key)
        document.answer = "改过。"
        document.save()
    page = editor.get(address("import", record.pk)).content.decode()
    assert "Edited since the import: 2" in page
    plan = re.search(r'name="plan" value="(\w+)"', page)
    assert plan
    editor.post(address("import", record.pk), {"plan": plan[1], "overwrite": ["a"]})
    assert answers(base) == {"a": "1元。", "b": "改过。"}
    assert "Withdrawn at" in editor.get(address("import", record.pk)).content.decode()


def test_a_plan_out_of_date_is_shown_anew(editor: Client, base: KnowledgeBase) -> None:
    record = load(base, a="1元。")
    answer = editor.post(address("import", record.pk), {"plan": "old"}, follow=True)
    assert "changed since you looked" in answer.content.decode()
    assert answers(base) == {"a": "1元。"}


def test_each_act_needs_its_permission(base: KnowledgeBase, snapshot: Snapshot) -> None:
    record = load(base, a="1元。")
    editing, publishing = browser("编辑", *EDITING), browser("发布", *EDITING[3:], "publish_version")
    nobody = browser("路人", "view_indexversion")
    assert nobody.get(address("snapshot", snapshot.pk)).status_code == 403
    assert editing.get(address("snapshot", snapshot.pk)).status_code == 200
    assert editing.post(address("snapshot", snapshot.pk), {"all": ""}).status_code == 403
    assert publishing.post(address("snapshot", snapshot.pk), {"entry": ["deleted"]}).status_code == 403
    assert publishing.get(address("import", record.pk)).status_code == 403
    assert editing.get(address("import", record.pk)).status_code == 200
    assert publishing.post(address("snapshot", snapshot.pk), {"all": ""}).status_code == 302
