"""``load_knowledge`` makes an index that callers can use, or leaves them the one they had."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone, translation
from pytest_django.fixtures import Settings

from knowledge import indexing
from knowledge.errors import IndexingError
from knowledge.models import Chunk, Document, IndexVersion, KnowledgeBase
from knowledge.store import write_store
from tests.knowledge.conftest import free_port, move

pytestmark = [pytest.mark.django_db, pytest.mark.models]


def command(path: Path) -> str:
    out = StringIO()
    with translation.override("en"):
        call_command("load_knowledge", path, base="shop", stdout=out)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "shop.json", "日卡80元一天。")


def write(path: Path, answer: str) -> Path:
    entry = {"id": "day", "category": "价格", "title": "日卡", "question": "一天多少钱？", "answer": answer}
    path.write_text(json.dumps({"business": "小店", "entries": [entry]}), encoding="utf-8")
    return path


def live() -> IndexVersion:
    version = KnowledgeBase.objects.get(slug="shop").active_version
    assert version is not None
    return version


def vectors(version: IndexVersion) -> int | None:
    with write_store() as store:
        return store.count(version.collection_name)


@pytest.mark.usefixtures("processes")
class TestWithEverythingRunning:
    def test_the_first_load_makes_base_documents_passages_and_a_live_index(self, file: Path) -> None:
        text = command(file)
        assert "shop.json -> 小店: 1 added, 0 changed, 0 removed, 0 unchanged" in text
        assert "Live: 1 passages, 3 vectors" in text
        assert Chunk.objects.get().text == "日卡80元一天。"
        assert (live().state, live().vector_count, vectors(live())) == ("ready", 3, 3)
        assert live().activated_at is not None

    def test_a_second_load_builds_nothing(self, file: Path) -> None:
        command(file)
        before = live()
        assert f"Index {before.collection_name} is up to date" in command(file)
        assert list(IndexVersion.objects.all()) == [before]

    def test_a_changed_file_goes_live_in_a_new_collection_and_the_old_one_stays(self, file: Path) -> None:
        command(file)
        before = live()
        assert "1 changed" in command(write(file, "日卡90元一天。"))
        assert live().pk > before.pk
        assert Chunk.objects.get().text == "日卡90元一天。"
        before.refresh_from_db()
        assert before.retired_at == live().activated_at
        assert vectors(before) == 3

    def test_an_edit_in_the_admin_is_indexed_by_the_next_load(self, file: Path) -> None:
        command(file)
        Document.objects.update(answer="日卡70元一天。")
        assert "Live:" in command(file)
        assert Chunk.objects.get().text == "日卡70元一天。"

    def test_a_collection_that_was_lost_is_built_again(self, file: Path) -> None:
        command(file)
        lost = live()
        with write_store() as store:
            store.remove(lost.collection_name)
        assert "Live:" in command(file)
        assert vectors(live()) == 3

    def test_an_older_build_that_ends_later_does_not_go_live(self, file: Path) -> None:
        command(file)
        base = live().base
        older, texts = indexing.begin(base)
        newer = indexing.rebuild_index(base)
        indexing.write(older, texts)
        indexing.activate(older)
        assert live() == newer
        older.refresh_from_db()
        assert (older.state, older.activated_at) == ("ready", None)

    def test_versions_no_call_can_hold_are_removed_but_not_the_one_before(self, file: Path) -> None:
        command(file)
        base = live().base
        versions = [live(), *(indexing.rebuild_index(base) for _ in range(2))]
        long_ago = timezone.now() - timedelta(hours=2)
        IndexVersion.objects.filter(pk=versions[0].pk).update(retired_at=long_ago)
        last = indexing.rebuild_index(base)
        assert set(IndexVersion.objects.all()) == {versions[1], versions[2], last}
        assert [vectors(v) for v in (*versions, last)] == [None, 3, 3, 3]

    def test_a_base_without_documents_is_refused(self, base: KnowledgeBase) -> None:
        with pytest.raises(IndexingError) as caught:
            indexing.rebuild_index(base)
        assert (caught.value.stage, caught.value.code) == ("index", "empty")
        assert base.versions.get().state == "failed"

    def test_samples_left_beside_own_data_are_reported(self, file: Path) -> None:
        command(file)
        base = live().base
        Document.objects.create(base=base, title="示例", answer="示例。", is_sample=True)
        assert "1 sample documents are still in this base" in command(file)


@pytest.mark.parametrize(
    ("down", "advice"),
    [
        ("engines_port", "Start it (manage.py serve_engines"),
        ("chroma_port", "Start everything with manage.py start"),
    ],
)
def test_with_a_process_down_the_old_version_stays_live_and_the_message_says_what_to_do(
    processes: Settings, file: Path, down: str, advice: str
) -> None:
    command(file)
    before = live()
    works = processes.AIKER
    move(processes, **{down: free_port()})
    with pytest.raises(CommandError) as caught:
        command(write(file, "日卡90元一天。"))
    assert advice in str(caught.value)
    assert "callers hear the index as it was before" in str(caught.value)
    assert live() == before
    failed = IndexVersion.objects.first()
    assert failed is not None
    assert (failed.state, advice in failed.error) == ("failed", True)

    processes.AIKER = works
    assert vectors(before) == 3
    assert vectors(failed) is None
    assert "Live:" in command(file)
    assert live().pk > failed.pk


def test_a_file_that_does_not_fit_changes_nothing(processes: Settings, file: Path) -> None:  # noqa: ARG001
    command(file)
    before = live()
    with pytest.raises(CommandError, match=r"Entry 1 \(day\), answer: is empty"):
        command(write(file, ""))
    assert Document.objects.get().answer == "日卡80元一天。"
    assert live() == before
