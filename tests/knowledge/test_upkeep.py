"""The indexer finds by itself what is broken, out of date or left over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from engines.management.commands import serve_engines
from knowledge import upkeep
from knowledge.following import settle
from knowledge.manifest import Manifest
from knowledge.models import IndexVersion, KnowledgeBase
from knowledge.store import open_store
from knowledge.versions import is_current
from knowledge.writing import manifest_path, remove_manifest
from tests.knowledge.conftest import move
from tests.knowledge.test_indexing import held, live, write

pytestmark = [pytest.mark.django_db, pytest.mark.models]


@pytest.fixture(autouse=True)
def own_indexes(processes: Settings, tmp_path: Path) -> None:
    """Manifests in a folder of the test: what lies there without a version is removed."""
    move(processes, data_dir=tmp_path)


@pytest.fixture
def indexed(base: KnowledgeBase) -> IndexVersion:
    """A live version with one document."""
    write(base)
    settle(base)
    return live(base)


def asked_for(base: KnowledgeBase) -> list[str]:
    upkeep.upkeep(open_store())
    return [version.reason for version in base.versions.filter(state="building")]


def test_nothing_is_asked_for_while_all_is_well(base: KnowledgeBase, indexed: IndexVersion) -> None:
    assert asked_for(base) == []
    assert manifest_path(indexed.collection_name).exists()


@pytest.mark.parametrize("half", ["manifest", "collection"])
def test_an_index_that_lost_a_half_is_built_anew(
    base: KnowledgeBase, indexed: IndexVersion, half: str
) -> None:
    if half == "manifest":
        remove_manifest(indexed.collection_name)
    else:
        open_store().remove(indexed.collection_name)
    assert not is_current(indexed)
    assert len(asked_for(base)) == 1
    assert len(asked_for(base)) == 1  # once
    settle(base)
    assert live(base) != indexed
    assert held(live(base)) == ["日卡80元一天。"]


@pytest.mark.parametrize("half", ["manifest", "collection"])
def test_an_edit_does_not_make_a_lost_index_of_itself_alone(
    base: KnowledgeBase, indexed: IndexVersion, half: str
) -> None:
    write(base, "month", "月卡1200元。", title="月卡", question="一个月多少钱？")
    settle(base)
    if half == "manifest":
        remove_manifest(indexed.collection_name)
    else:
        open_store().remove(indexed.collection_name)
        upkeep.upkeep(open_store())
    write(base, "year", "年卡9000元。", title="年卡", question="一年多少钱？")
    settle(base)
    assert held(live(base)) == ["日卡80元一天。", "月卡1200元。", "年卡9000元。"]
    assert open_store().count(indexed.collection_name) in (None, 6)


def test_another_embedding_model_asks_for_a_version_and_says_why_it_cannot_be(
    base: KnowledgeBase, indexed: IndexVersion, processes: Settings
) -> None:
    move(processes, embedding_model="another-model")
    (reason,) = asked_for(base)
    assert "another-model" in reason
    version = base.versions.get(state="building")
    assert (version.embedding_model, live(base)) == ("another-model", indexed)

    base.versions.filter(pk=version.pk).update(state="failed", error="no such model")
    assert asked_for(base) == []
    base.versions.filter(pk=version.pk).update(created_at=timezone.now() - timedelta(hours=2))
    assert len(asked_for(base)) == 1


def test_the_engine_server_keeps_the_model_of_the_live_index(
    indexed: IndexVersion, processes: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    assert serve_engines.Command().models_of_live_indexes() == {}
    move(processes, embedding_model="another-model")
    assert set(serve_engines.Command().models_of_live_indexes()) == {indexed.embedding_model}

    IndexVersion.objects.update(embedding_model="no-such-model")
    assert serve_engines.Command().models_of_live_indexes() == {}
    assert "no-such-model" in caplog.text


def test_an_index_from_before_entries_were_kept_can_be_gone_back_to(
    base: KnowledgeBase, indexed: IndexVersion
) -> None:
    with Manifest.open(manifest_path(indexed.collection_name)) as manifest:
        kept = manifest.entries()
        manifest._db.execute("DROP TABLE entries")
    base.snapshots.all().delete()
    with Manifest.read(manifest_path(indexed.collection_name)) as manifest:
        assert manifest.entries() == {}
    upkeep.upkeep(open_store())
    with Manifest.read(manifest_path(indexed.collection_name)) as manifest:
        assert manifest.entries() == kept
    assert [(snapshot.kind, snapshot.entry_count) for snapshot in base.snapshots.all()] == [("live", 1)]


def test_the_index_of_a_deleted_base_is_removed(base: KnowledgeBase, indexed: IndexVersion) -> None:
    other = KnowledgeBase.objects.create(name="别的", slug="other")
    write(other)
    settle(other)
    base.delete()
    upkeep.upkeep(open_store())
    assert open_store().count(indexed.collection_name) is None
    assert not manifest_path(indexed.collection_name).exists()
    assert held(live(other)) == ["日卡80元一天。"]
