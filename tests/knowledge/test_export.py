"""What is exported can be loaded, and exported again the same."""

from __future__ import annotations

import json
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from knowledge.exporting import export
from knowledge.importing import plan, store_entries
from knowledge.loaders import read
from knowledge.management.commands.load_knowledge import SAMPLE
from knowledge.models import Document, KnowledgeBase
from tests.knowledge.conftest import browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def sample(base: KnowledgeBase) -> KnowledgeBase:
    """The sample data, with a document that uses every field."""
    store_entries(base, read(SAMPLE), SAMPLE.name)
    Document.objects.create(
        base=base,
        key="all/字段",
        kind="table",
        title="促销",
        question="有优惠吗？",
        answer="第一行。\n\n第二行\t“引号”。",
        alternative_questions=["打折吗"],
        tags=["短期"],
        verbatim=True,
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 1, 31),
    )
    return base


def test_loaded_into_an_empty_base_and_exported_again_it_is_the_same(
    sample: KnowledgeBase, tmp_path: Path
) -> None:
    file = tmp_path / "export.json"
    call_command("export_knowledge", sample.slug, str(file), stdout=StringIO())
    data = read(file)
    other = KnowledgeBase.objects.create(slug="other", name=data.business, description=data.notice)
    store_entries(other, data, file.name)
    assert export(other) == file.read_text(encoding="utf-8")
    ours, theirs = ([d.content() for d in base.documents.order_by("key")] for base in (sample, other))
    assert ours == theirs


def test_a_base_as_exported_has_nothing_to_change(sample: KnowledgeBase, tmp_path: Path) -> None:
    sample.documents.exclude(source=SAMPLE.name).delete()
    file = tmp_path / SAMPLE.name
    file.write_text(export(sample), encoding="utf-8")
    assert plan(sample, read(file), file.name).report().touched == 0


def test_it_is_written_to_the_standard_output_without_a_file(sample: KnowledgeBase) -> None:
    out = StringIO()
    call_command("export_knowledge", sample.slug, stdout=out)
    assert len(json.loads(out.getvalue())["entries"]) == sample.documents.count()


def test_an_unknown_or_empty_base_is_refused(base: KnowledgeBase) -> None:
    with pytest.raises(CommandError, match="nothing"):
        call_command("export_knowledge", "nothing")
    with pytest.raises(CommandError):
        call_command("export_knowledge", base.slug)


def test_the_button_sends_the_file(sample: KnowledgeBase) -> None:
    address = reverse("admin:knowledge_knowledgebase_export", args=[sample.pk])
    answer = browser("小李", "view_document", "view_knowledgebase").get(address)
    assert answer["Content-Disposition"] == 'attachment; filename="test.json"'
    assert answer.content.decode() == export(sample)
    assert browser("外人", "view_knowledgebase").get(address).status_code == 403


def test_the_button_on_an_empty_base_says_that_there_is_nothing(
    editors: tuple[Client, Client], base: KnowledgeBase
) -> None:
    address = reverse("admin:knowledge_knowledgebase_export", args=[base.pk])
    assert "nothing to export" in editors[0].get(address, follow=True).content.decode()
