"""Fixed sentences and answers as audio: made ahead by the worker, found by what shaped them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from aiker.audio import g711
from aiker.calls import ahead, engines, tasks
from aiker.calls.clauses import clauses_of
from aiker.calls.models import Assistant, Call
from aiker.calls.phrases import ABANDONED_S, PhraseCache, phrase_name
from engines.adapters.tts_adapter import TTSAdapter
from engines.backends.tts import Kokoro
from engines.install import MANIFEST
from engines.registry import Place
from engines.revisions import model_revision, revision_of
from engines.routing import Breakers, Endpoint, Routes
from engines.server.stages import stages_for
from knowledge.models import Document, KnowledgeBase
from knowledge.passages import passages_of
from knowledge.verbatim import marked_texts, short_texts
from knowledge.versions import request_version
from knowledge.writing import manifest_path
from tests.engines.serving import serving
from tests.ports import free_port

ANSWER = "客服热线每天8点到22点有人接听，周末也是一样的。"
HERE = Endpoint("kokoro", "http://127.0.0.1:1", "kokoro-int8", revision="a")


def voice(endpoint: Endpoint = HERE, name: str = "zf_xiaobei", speed: float = 1.0, **more: Any) -> TTSAdapter:
    return TTSAdapter(Routes("tts", [endpoint], Breakers()), name, speed, **more)


def keep(cache: PhraseCache, tts: TTSAdapter, text: str, audio: bytes) -> str:
    """Put a phrase on disk as ``make`` does; return its name."""
    cache._write(phrase_name(tts, text), audio)
    return phrase_name(tts, text)


@pytest.fixture
def cache(tmp_path: Path) -> PhraseCache:
    return PhraseCache(tmp_path / "phrases")


def fetch(cache: PhraseCache, tts: TTSAdapter, text: str) -> bytes | None:
    return asyncio.run(cache.fetch(tts, text))


@pytest.mark.parametrize(
    "other",
    [
        voice(replace(HERE, engine="piper")),
        voice(replace(HERE, model="kokoro-fp32")),
        voice(replace(HERE, revision="b")),
        voice(replace(HERE, voice="anna")),
        voice(name="zm_yunxi"),
        voice(speed=1.1),
        voice(read=lambda text: text.replace("长", "掌")),
    ],
    ids=["engine", "model", "files of the model", "published voice", "voice", "speed", "reading"],
)
def test_audio_is_found_only_by_what_made_it(cache: PhraseCache, other: TTSAdapter) -> None:
    keep(cache, voice(), "店长", b"old")
    assert fetch(cache, voice(replace(HERE, url="http://127.0.0.1:2")), "店长") == b"old"
    assert fetch(cache, other, "店长") is None


def test_a_model_that_was_replaced_under_its_name_is_another(settings: Settings, tmp_path: Path) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"models": tmp_path})
    folder = tmp_path / "kokoro-int8"
    assert model_revision("kokoro-int8") == ""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"one")
    unlisted = model_revision("kokoro-int8")
    (folder / MANIFEST).write_text('{"model.onnx": "11"}')
    installed = model_revision("kokoro-int8")
    (folder / MANIFEST).write_text('{"model.onnx": "22"}')
    assert len({unlisted, installed, model_revision("kokoro-int8")}) == 3
    assert revision_of(Kokoro()) != revision_of(Kokoro(voice="zm_yunxi"))


def test_memory_is_bounded_and_the_rest_is_read_again(tmp_path: Path) -> None:
    cache, tts = PhraseCache(tmp_path, most_bytes=100), voice()
    for text in "一二三":
        keep(cache, tts, text, text.encode() * 15)  # 45 bytes
        assert fetch(cache, tts, text) == text.encode() * 15
    assert [cache._remembered(phrase_name(tts, text)) is not None for text in "一二三"] == [False, True, True]
    assert cache._bytes == 90
    assert fetch(cache, tts, "一") == "一".encode() * 15


def test_only_what_nobody_wants_is_removed(cache: PhraseCache, tmp_path: Path) -> None:
    tts = voice()
    wanted, unwanted = keep(cache, tts, "您好", b"1"), keep(cache, tts, "再会", b"2")
    assert {path.name for path in (tmp_path / "phrases").iterdir()} == {wanted, unwanted}
    writing, abandoned = (tmp_path / "phrases" / f"{name}.part" for name in ("new", "old"))
    for half in (writing, abandoned):
        half.write_bytes(b"")
    long_ago = timezone.now().timestamp() - ABANDONED_S - 1
    os.utime(abandoned, (long_ago, long_ago))
    assert cache.prune({wanted}) == 1
    assert {path.name for path in (tmp_path / "phrases").iterdir()} == {wanted, writing.name}


@pytest.fixture
def base(db: None) -> KnowledgeBase:  # noqa: ARG001
    return KnowledgeBase.objects.create(name="测试", slug="test")


@pytest.fixture
def document(base: KnowledgeBase) -> Document:
    return Document.objects.create(base=base, title="热线", answer=ANSWER, verbatim=True)


def test_an_answer_is_wanted_until_the_index_has_the_new_one(document: Document) -> None:
    from knowledge.manifest import Manifest

    Document.objects.create(base=document.base, title="停车", answer="600元一个月。")
    version = request_version(document.base, "test")
    with Manifest.open(manifest_path(version.collection_name)) as manifest:
        manifest.put(document.pk, "x", passages_of(document))
    KnowledgeBase.objects.update(active_version=version)
    document.answer = "热线全天有人。"
    document.save()
    assert marked_texts(document.base_id) == ["热线全天有人。", ANSWER]


def test_short_entries_are_made_ahead_in_the_forms_they_are_spoken_in(base: KnowledgeBase) -> None:
    for title, answer in [("停车", "600元一个月。"), ("看房", "可以，免费参观。"), ("章程", "第一条。" * 40)]:
        Document.objects.create(base=base, title=title, answer=answer)
    assert marked_texts(base.pk) == []
    assert short_texts(base.pk) == ["600元一个月。", "可以，免费参观。", "免费参观。"]
    KnowledgeBase.objects.filter(pk=base.pk).update(phrasing="model")
    assert short_texts(base.pk) == []


def test_edits_ask_for_audio_once(
    document: Document, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        document.save()
    assert not DBTaskResult.objects.exists()  # nobody answers from this base
    with django_capture_on_commit_callbacks(execute=True):
        Assistant.objects.create(slug="anna", name="安娜", knowledge_base=document.base)
        document.save()
        document.save()
    (task,) = DBTaskResult.objects.all()
    assert task.task_path == "aiker.calls.tasks.prepare_phrases"


@pytest.fixture
def phrases(settings: Settings, tmp_path: Path) -> Iterator[PhraseCache]:
    """The cache of this process, in a folder of the test."""
    settings.AIKER = settings.AIKER.model_copy(update={"data_dir": tmp_path, "engines_port": free_port()})
    engines.phrase_cache.cache_clear()
    yield engines.phrase_cache()
    engines.phrase_cache.cache_clear()


def test_an_engine_that_is_down_is_tried_again_in_a_minute(phrases: PhraseCache, document: Document) -> None:
    Assistant.objects.create(slug="anna", name="安娜", knowledge_base=document.base)
    kept = keep(phrases, voice(), "谁也不说", b"1")
    tasks.prepare_phrases.func()
    (task,) = DBTaskResult.objects.all()
    assert task.run_after > timezone.now()
    assert phrases._path(kept).exists()
    tasks.request_phrases()  # an edit meanwhile is not made to wait
    assert DBTaskResult.objects.ready().count() == 1


def test_while_a_caller_waits_one_text_is_made_and_the_next_later(
    phrases: PhraseCache, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = Assistant.objects.create(slug="anna", name="安娜", knowledge_base=document.base)
    made: list[str] = []

    async def make(tts: TTSAdapter, text: str) -> bytes:
        made.append(keep(phrases, tts, text, b"1"))
        return b"1"

    monkeypatch.setattr(phrases, "make", make)
    call = Call.objects.create(assistant=anna, wire="twilio", started_at=timezone.now())
    tasks.prepare_phrases.func()
    assert len(made) == 1
    (task,) = DBTaskResult.objects.all()
    assert timezone.now() < task.run_after < timezone.now() + tasks.PACE
    call.end_reason = "caller"
    call.save()
    tasks.prepare_phrases.func()
    (wanted,) = ahead.wanted_phrases()
    assert {phrase_name(wanted.tts, text) for text in wanted.texts} == set(made)


def test_a_call_that_its_process_never_ended_holds_nothing_up(base: KnowledgeBase) -> None:
    anna = Assistant.objects.create(slug="anna", name="安娜", knowledge_base=base)
    Call.objects.create(assistant=anna, wire="twilio", started_at=timezone.now() - ahead.LOST_AFTER)
    assert not ahead.callers_wait()


@pytest.mark.models
def test_the_worker_makes_what_is_spoken_as_written_and_forgets_it_after_an_edit(
    phrases: PhraseCache, document: Document, settings: Settings, tmp_path: Path
) -> None:
    anna = Assistant.objects.create(slug="anna", name="安娜", knowledge_base=document.base)
    stages = stages_for({"kokoro-int8": Kokoro()}, Place(threads=2, cache_dir=tmp_path / "cache"))
    with serving(stages) as port:
        settings.AIKER = django_settings.AIKER.model_copy(update={"engines_port": port})
        worker_prepares()
        (wanted,) = ahead.wanted_phrases()
        assert {phrase_name(wanted.tts, text) for text in wanted.texts} == files(phrases)
        for clause in clauses_of(ANSWER):
            audio = fetch(phrases, wanted.tts, clause)
            assert audio is not None
            assert 1.0 < len(audio) / g711.RATE < 6.0
            assert np.abs(g711.decode(audio)).max() > 3000

        greetings = {anna.greeting, *clauses_of(anna.greeting)}  # said whole, and recited when it is repeated
        anna.greeting = "您好。"
        anna.save()
        document.answer = "热线全天有人。"
        document.save()
        before = files(phrases)
        worker_prepares()
        (wanted,) = ahead.wanted_phrases()
        assert {phrase_name(wanted.tts, text) for text in wanted.texts} == files(phrases)
        assert len(before - files(phrases)) == len(greetings) + len(clauses_of(ANSWER))

    tasks.prepare_phrases.func()  # all is there: no engine is needed
    assert not DBTaskResult.objects.exists()


def worker_prepares() -> None:
    """Do what the worker does until nothing is asked for: each of its turns is limited."""
    tasks.prepare_phrases.func()
    while DBTaskResult.objects.ready().delete()[0]:
        tasks.prepare_phrases.func()


def files(phrases: PhraseCache) -> set[str]:
    return {path.name for path in phrases._folder.iterdir()}
