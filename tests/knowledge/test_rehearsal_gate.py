"""Where nothing goes live without a rehearsal: versions wait for one, and so do edits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import translation
from pytest_django.fixtures import Settings

from aiker.calls.models import Assistant
from knowledge import golden, publishing
from knowledge.contents import changed_documents, contents_of
from knowledge.editing import bulk
from knowledge.following import follow, settle
from knowledge.models import Document, GoldenQuestion, IndexVersion, KnowledgeBase
from knowledge.versions import request_version

pytestmark = [pytest.mark.django_db, pytest.mark.models]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def live(processes: Settings, base: KnowledgeBase) -> KnowledgeBase:  # noqa: ARG001
    for key, title, answer in (("day", "日卡", "日卡80元一天。"), ("month", "月卡", "月卡1200元一个月。")):
        Document.objects.create(base=base, key=key, title=title, question=f"{title}多少钱？", answer=answer)
    settle(base)
    base.refresh_from_db()
    return base


def built(version: IndexVersion) -> IndexVersion:
    for seen in follow(version):
        version = seen
    return version


def test_an_edit_waits_for_its_rehearsal(live: KnowledgeBase) -> None:
    KnowledgeBase.objects.update(needs_rehearsal=True)
    live.refresh_from_db()
    before = live.active_version
    document = live.documents.get(key="day")
    document.answer = "日卡90元一天。"
    document.save()
    document.save()  # before the build has begun: one version holds both
    settle(live)
    draft = live.versions.get(activated_at=None)
    live.refresh_from_db()
    assert (live.active_version, draft.state) == (before, IndexVersion.State.READY)
    assert changed_documents(before, draft) == {document.pk}
    with pytest.raises(publishing.GateError, match="a rehearsal of this version has to be passed"):
        publishing.publish(draft)
    IndexVersion.objects.filter(pk=draft.pk).update(rehearsed=contents_of(before))
    with pytest.raises(publishing.GateError):
        publishing.publish(draft)  # something else was rehearsed
    IndexVersion.objects.filter(pk=draft.pk).update(rehearsed=contents_of(draft))
    publishing.publish(draft)
    live.refresh_from_db()
    assert live.active_version == draft


def test_a_version_that_changes_nothing_needs_no_rehearsal(live: KnowledgeBase) -> None:
    KnowledgeBase.objects.update(needs_rehearsal=True)
    live.refresh_from_db()
    version = built(request_version(live, "anew"))
    live.refresh_from_db()
    assert live.active_version == version


def test_the_gate_can_be_overridden(live: KnowledgeBase) -> None:
    KnowledgeBase.objects.update(needs_rehearsal=True)
    document = live.documents.get(key="day")
    document.answer = "日卡90元一天。"
    document.save()
    settle(live)
    draft = live.versions.order_by("-pk")[0]
    publishing.publish(draft, override=True)
    live.refresh_from_db()
    assert live.active_version == draft


@pytest.mark.parametrize(("passages", "passed"), [(1, False), (2, True), (3, True)])
def test_the_golden_gate_measures_what_an_assistant_is_given(
    live: KnowledgeBase, passages: int, passed: bool
) -> None:
    Assistant.objects.create(slug="anna", name="安娜", knowledge_base=live, passages=passages)
    KnowledgeBase.objects.update(gate_hit_rate=1.0, min_confidence=0.0)
    question = GoldenQuestion.objects.create(base=live, question="卡多少钱？")
    version = IndexVersion.objects.select_related("base").get(base=live)
    first, second = golden.run(version).results[0]["found"]
    question.expected.add(live.documents.get(key=second))
    run = golden.run(version)
    assert (run.results[0]["found"], run.results[0]["rank"]) == ([first, second], 2)
    assert (run.passed, run.figures["given"], run.figures["hit3"]) == (passed, float(passed), 1.0)


def test_an_edit_that_was_undone_changes_nothing(live: KnowledgeBase) -> None:
    before, document = live.active_version, live.documents.get(key="day")
    with bulk():
        for answer in ("日卡90元一天。", "日卡80元一天。"):
            document.answer = answer
            document.save()
    draft = built(request_version(live, "draft", publish=False))
    assert changed_documents(before, draft) == set()
