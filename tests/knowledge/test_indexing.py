"""An edit reaches what callers find; a version is built beside the live one and goes live at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone, translation
from filelock import Timeout
from pytest_django.fixtures import Settings

from knowledge import indexing
from knowledge.embedding import Embedder
from knowledge.errors import IndexingError, KnowledgeError
from knowledge.following import follow, settle
from knowledge.indexing import Indexer, documents, indexer_lock
from knowledge.management.commands.indexer import Command
from knowledge.manifest import Manifest
from knowledge.models import Chunk, Document, IndexChange, IndexVersion, KnowledgeBase
from knowledge.store import open_store
from knowledge.undo.rolling_back import roll_back_to_version
from knowledge.versions import is_current, remove_old_versions, request_version
from knowledge.writing import VersionWriter, manifest_path, remove_manifest
from tests.knowledge.conftest import move
from tests.ports import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.models, pytest.mark.usefixtures("processes")]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Messages in the language of the sources, whatever is translated."""
    with translation.override("en"):
        yield


def write(
    base: KnowledgeBase, key: str = "day", answer: str = "日卡80元一天。", **fields: object
) -> Document:
    fields = {"title": "日卡", "question": "一天多少钱？"} | fields
    return Document.objects.create(base=base, key=key, answer=answer, **fields)


def live(base: KnowledgeBase) -> IndexVersion:
    base.refresh_from_db()
    assert base.active_version is not None
    return base.active_version


def built(base: KnowledgeBase, *, publish: bool = True) -> IndexVersion:
    *_earlier, version = follow(request_version(base, "test", publish=publish))
    return version


def held(version: IndexVersion) -> list[str]:
    """The passages of a version; both halves of the index agree on its vectors."""
    with Manifest.open(manifest_path(version.collection_name)) as manifest:
        assert open_store().ids(version.collection_name) == manifest.all_vectors()
        assert manifest.unwanted() == []
        documents = sorted(manifest.fingerprints())
        return [passage.text for pk in documents for passage in manifest.passages_of(pk)]


def documents_in(version: IndexVersion) -> list[int]:
    """Return the keys of the documents that a version has."""
    with Manifest.open(manifest_path(version.collection_name)) as manifest:
        return sorted(manifest.fingerprints())


class TestEdits:
    def test_the_first_document_makes_the_first_version(self, base: KnowledgeBase) -> None:
        write(base)
        settle(base)
        assert held(live(base)) == ["日卡80元一天。"]
        assert is_current(live(base))

    def test_an_edit_changes_the_live_version_and_embeds_only_what_changed(self, base: KnowledgeBase) -> None:
        document = write(base)
        settle(base)
        version = live(base)
        with Manifest.open(manifest_path(version.collection_name)) as manifest:
            before = manifest.all_vectors()
        document.alternative_questions = ["按天租多少钱"]
        document.save()
        settle(base)
        assert live(base) == version
        with Manifest.open(manifest_path(version.collection_name)) as manifest:
            after = manifest.all_vectors()
        assert (len(after - before), before - after) == (1, set())
        assert held(version) == ["日卡80元一天。"]

    def test_a_deleted_document_leaves_the_index(self, base: KnowledgeBase) -> None:
        write(base, "other", "月卡1200元。", title="月卡")
        document = write(base)
        settle(base)
        document.delete()
        settle(base)
        assert held(live(base)) == ["月卡1200元。"]

    def test_a_passage_that_is_not_used_is_not_found(self, base: KnowledgeBase) -> None:
        document = write(base, answer="第一段。\n\n第二段。")
        document.chunks.filter(position=0).update(is_active=False)
        settle(base)
        assert held(live(base)) == ["第二段。"]

    @pytest.mark.parametrize("down", ["engines_port", "chroma_port"])
    def test_an_outage_loses_nothing_and_says_why(
        self, base: KnowledgeBase, settings: Settings, down: str
    ) -> None:
        document = write(base)
        settle(base)
        works = settings.AIKER
        move(settings, **{down: free_port()})
        document.answer = "日卡90元一天。"
        document.save()
        assert Indexer().apply_edits()
        change = IndexChange.objects.get()
        assert (change.attempts, "manage.py" in change.error) == (1, True)

        settings.AIKER = works
        assert held(live(base)) == ["日卡80元一天。"]
        settle(base)
        assert held(live(base)) == ["日卡90元一天。"]

    def test_after_an_outage_the_edits_are_done_in_their_order(
        self, base: KnowledgeBase, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = write(base)
        settle(base)
        works, indexer = settings.AIKER, Indexer()
        move(settings, chroma_port=free_port())
        early = write(base, "early")
        assert indexer.step()
        late = write(base, "late")
        assert not indexer.step()  # everything rests, and a new edit does not go ahead
        settings.AIKER = works
        monkeypatch.setattr(indexing, "EDITS_AT_ONCE", 1)
        Indexer().step()  # as after a restart
        assert [change.document_id for change in base.changes.all()] == [late.pk]
        assert documents_in(live(base)) == sorted([first.pk, early.pk])
        settle(base)
        assert held(live(base)) == ["日卡80元一天。"] * 3

    def test_an_engine_server_that_is_loading_is_waited_for(
        self, base: KnowledgeBase, settings: Settings
    ) -> None:
        with answering(503) as port:
            move(settings, engines_port=port)
            write(base)
            version = request_version(base, "test")
            base.changes.all().delete()
            assert not Indexer().step()
        version.refresh_from_db()
        assert (version.state, "starting" in version.error) == (IndexVersion.State.BUILDING, True)

    def test_a_document_that_cannot_be_indexed_holds_up_no_other(
        self, base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(indexing, "RETRY", timedelta(seconds=20))  # not due again on a busy machine
        good = write(base)
        settle(base)
        half = "一天多少钱\ud83d"  # half an emoji, as JSON of some exports has it
        bad = write(base, "bad", "坏。", alternative_questions=[half], title="坏的")
        good.answer = "日卡90元一天。"
        good.save()
        indexer = Indexer()
        while indexer.step():
            pass
        change = base.changes.get()
        assert (change.document_id, change.attempts, "坏的" in change.error) == (bad.pk, 1, True)
        assert held(live(base)) == ["日卡90元一天。"]
        wait = change.retry_at - timezone.now()

        IndexChange.objects.update(retry_at=timezone.now())
        while indexer.step():
            pass
        change.refresh_from_db()
        assert (change.attempts, change.retry_at - timezone.now() > wait) == (2, True)

        bad.alternative_questions = ["一天多少钱"]
        bad.save()
        settle(base)
        assert held(live(base)) == ["日卡90元一天。", "坏。"]

    def test_a_full_disk_is_named_and_nothing_is_lost(self, base: KnowledgeBase) -> None:
        write(base)
        settle(base)
        version = live(base)
        more = [write(base, f"more-{number}", "一二三四五。" * 20) for number in range(30)]
        writer = VersionWriter(version, open_store(), Embedder())
        pages = writer.manifest._db.execute("PRAGMA page_count").fetchone()[0]
        writer.manifest._db.execute(f"PRAGMA max_page_count = {pages + 2}")
        with writer, pytest.raises(IndexingError, match="disk full"):
            writer.write(list(documents(base)))
        with Manifest.open(manifest_path(version.collection_name)) as manifest:
            assert manifest.passages_of(more[0].pk - 1)[0].text == "日卡80元一天。"
            assert manifest.passages_of(more[-1].pk) == []
        settle(base)
        assert len(held(version)) == 31

    def test_a_second_indexer_waits_for_the_first(self) -> None:
        with indexer_lock(), pytest.raises(Timeout):
            indexer_lock().acquire(timeout=0)

    def test_the_indexer_outlives_a_database_that_fails(self, base: KnowledgeBase) -> None:
        command, indexer = Command(), Indexer()
        write(base)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE knowledge_indexchange RENAME TO hidden")
            assert not command.do(indexer.step)
            cursor.execute("ALTER TABLE hidden RENAME TO knowledge_indexchange")
        assert command.do(indexer.step)

    def test_a_document_saved_again_meanwhile_stays_on_its_way(self, base: KnowledgeBase) -> None:
        document = write(base)
        settle(base)
        document.save()
        seen = list(base.changes.all())
        document.save()
        Indexer()._apply(seen, [live(base)])
        assert base.changes.get().requests == 2

    def test_a_kill_between_chroma_and_manifest_leaves_nothing_behind(self, base: KnowledgeBase) -> None:
        document = write(base)
        settle(base)
        version = live(base)
        with Manifest.open(manifest_path(version.collection_name)) as manifest:
            manifest.expect(["1-half"])
        open_store().put(version.collection_name, {"1-half": [0.1] * 512})
        document.answer = "日卡90元一天。"
        document.save()
        settle(base)
        assert held(version) == ["日卡90元一天。"]


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Yield the port of a server that answers every POST with ``status``."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(status)

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class TestVersions:
    def test_a_version_is_built_beside_the_live_one_and_replaces_it(self, base: KnowledgeBase) -> None:
        write(base)
        settle(base)
        before = live(base)
        version = built(base)
        assert live(base) == version
        before.refresh_from_db()
        assert before.retired_at is not None
        assert held(before) == held(version) == ["日卡80元一天。"]
        counts = version.document_count, version.done_count, version.chunk_count, version.vector_count
        assert counts == (1, 1, 1, 3)

    def test_an_edit_during_a_build_is_in_both(self, base: KnowledgeBase) -> None:
        document = write(base)
        settle(base)
        before, version = live(base), request_version(base, "test")
        indexer = Indexer()
        indexer.build()
        document.answer = "日卡90元一天。"
        document.save()
        indexer.step()
        assert held(before) == ["日卡90元一天。"]
        settle(base)
        assert held(live(base)) == ["日卡90元一天。"]
        assert live(base) == version

    def test_a_build_that_was_cut_short_goes_on(self, base: KnowledgeBase) -> None:
        for number in range(40):
            write(base, f"d{number}", f"第{number}条。")
        base.changes.all().delete()
        version = request_version(base, "test")
        Indexer().build()
        version.refresh_from_db()
        assert 0 < version.done_count < 40
        assert version.remaining is not None
        *_earlier, version = follow(version)
        assert held(version) == [f"第{number}条。" for number in range(40)]

    def test_who_follows_a_version_sees_it_live_and_not_only_built(self, base: KnowledgeBase) -> None:
        """An indexer that is killed between the two leaves a version like this one."""
        write(base)
        settle(base)
        version = built(base, publish=False)
        assert live(base) != version
        IndexVersion.objects.filter(pk=version.pk).update(publish_when_ready=True)
        *_earlier, version = follow(version)
        assert live(base) == version
        assert version.activated_at is not None

    def test_a_version_that_a_newer_one_has_overtaken_is_not_published(self, base: KnowledgeBase) -> None:
        write(base)
        settle(base)
        overtaken, newer = built(base, publish=False), built(base)
        IndexVersion.objects.filter(pk=overtaken.pk).update(publish_when_ready=True)
        assert not Indexer().build()
        assert live(base) == newer

    def test_a_build_copies_the_vectors_there_are_and_embeds_the_others(self, base: KnowledgeBase) -> None:
        write(base, "old", "旧的。")
        settle(base)
        Document.objects.update(answer="新的。")
        built(base)
        assert held(live(base)) == ["新的。"]

    def test_reindex_goes_on_where_it_was_interrupted(self, base: KnowledgeBase) -> None:
        for number in range(40):
            write(base, f"d{number}", f"第{number}条。")
        base.changes.all().delete()
        version = request_version(base, "interrupted")
        Indexer().build()
        version.refresh_from_db()
        done, began = version.done_count, version.started_at
        call_command("reindex", base.slug, stdout=StringIO())
        version.refresh_from_db()
        assert (live(base), base.versions.count(), version.started_at) == (version, 1, began)
        assert 0 < done < version.done_count == 40

    def test_a_build_that_lost_its_manifest_begins_again(self, base: KnowledgeBase) -> None:
        for number in range(40):
            write(base, f"d{number}", f"第{number}条。")
        base.changes.all().delete()
        version, indexer = request_version(base, "test"), Indexer()
        indexer.build()
        remove_manifest(version.collection_name)
        while indexer.step():
            pass
        assert len(held(live(base))) == 40

    def test_a_newer_request_replaces_a_build(self, base: KnowledgeBase) -> None:
        write(base)
        older = request_version(base, "older")
        newer = built(base)
        older.refresh_from_db()
        assert (older.state, live(base)) == (IndexVersion.State.FAILED, newer)

    def test_rolling_back_is_one_switch_and_later_edits_reach_it(self, base: KnowledgeBase) -> None:
        document = write(base)
        settle(base)
        first = live(base)
        Document.objects.update(answer="日卡90元一天。")
        built(base)
        roll_back_to_version(first)
        assert held(live(base)) == ["日卡80元一天。"]
        document.answer = "日卡70元一天。"
        document.save()
        settle(base)
        assert (live(base), held(first)) == (first, ["日卡70元一天。"])

    @pytest.mark.usefixtures("english")
    def test_a_version_that_never_was_live_cannot_be_gone_back_to(self, base: KnowledgeBase) -> None:
        write(base)
        version = built(base, publish=False)
        assert version.activated_at is None
        with pytest.raises(KnowledgeError, match="Only what was live"):
            roll_back_to_version(version)

    @pytest.mark.usefixtures("english")
    def test_a_base_without_documents_is_refused(self, base: KnowledgeBase) -> None:
        version = built(base)
        assert (version.state, "no documents" in version.error) == (IndexVersion.State.FAILED, True)

    def test_a_lost_collection_is_noticed(self, base: KnowledgeBase) -> None:
        write(base)
        settle(base)
        open_store().remove(live(base).collection_name)
        assert not is_current(live(base))

    def test_what_nobody_goes_back_to_is_removed_after_an_hour(self, base: KnowledgeBase) -> None:
        write(base)
        versions = [built(base) for _ in range(4)]
        long_ago = timezone.now() - timedelta(hours=2)
        IndexVersion.objects.filter(pk=versions[0].pk).update(retired_at=long_ago)
        remove_old_versions(base, open_store())
        assert set(base.versions.all()) == set(versions[1:])
        assert not manifest_path(versions[0].collection_name).exists()
        assert open_store().count(versions[0].collection_name) is None

    def test_another_length_of_passages_takes_effect_in_the_next_version(self, base: KnowledgeBase) -> None:
        write(base, answer="一二三四五六七八九十。" * 6)
        settle(base)
        assert len(held(live(base))) == 1
        KnowledgeBase.objects.update(passage_chars=40)
        built(base)
        assert len(held(live(base))) == 2
        assert Chunk.objects.count() == 2
