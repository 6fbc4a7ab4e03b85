"""A draft serves the calls that it is assigned, from beginning to end, until the canary is over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from knowledge import live, publishing
from knowledge.canary.decision import EndedCall, compare, look_due
from knowledge.canary.running import CanaryError, end, note, rule_of, start
from knowledge.models import Canary, IndexVersion, KnowledgeBase
from knowledge.rag import RAGSystem
from knowledge.versions import give_up_drafts
from tests.knowledge.conftest import browser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def current(base: KnowledgeBase) -> IndexVersion:
    """The live version."""
    version = IndexVersion.objects.create(
        base=base, collection_name="live", state="ready", activated_at=timezone.now()
    )
    base.active_version = version
    base.save()
    return version


@pytest.fixture
def draft(base: KnowledgeBase, current: IndexVersion) -> IndexVersion:  # noqa: ARG001
    return IndexVersion.objects.create(base=base, collection_name="draft", state="ready")


@pytest.fixture
def canary(draft: IndexVersion) -> Canary:
    return start(draft, 50, [])


def test_what_cannot_be_compared_is_refused(base: KnowledgeBase, draft: IndexVersion) -> None:
    with pytest.raises(CanaryError, match="from 1 to 100"):
        start(draft, 0, [])
    with pytest.raises(CanaryError, match="from 1 to 100"):
        start(draft, 101, [])
    assert base.active_version is not None
    with pytest.raises(CanaryError, match="ready and not live"):
        start(base.active_version, 10, [])
    start(draft, 0, ["138*"])
    with pytest.raises(CanaryError, match="already"):
        start(draft, 10, [])


def test_nothing_is_tried_before_something_is_live(base: KnowledgeBase) -> None:
    version = IndexVersion.objects.create(base=base, collection_name="first", state="ready")
    with pytest.raises(CanaryError, match="Nothing is live yet"):
        start(version, 10, [])


def test_what_calls_are_told_names_the_draft_and_its_rule(base: KnowledgeBase, canary: Canary) -> None:
    serving = live._ask(base.pk)
    assert serving.live is not None
    assert serving.canary is not None
    assert (serving.live.collection, serving.canary.index.collection) == ("live", "draft")
    assert serving.canary.rule == rule_of(canary)
    end(canary, Canary.Outcome.STOPPED)
    assert live._ask(base.pk).canary is None


def test_a_call_keeps_its_draft_to_its_end_and_another_the_live_version(
    base: KnowledgeBase, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [str(UUID(int=number)) for number in range(20)]
    of_draft = next(id for id in ids if rule_of(canary).serves(id, ""))
    of_live = next(id for id in ids if not rule_of(canary).serves(id, ""))
    systems = {id: RAGSystem(base.pk) for id in (of_draft, of_live, "")}
    for id, system in systems.items():
        if id:
            system.begin_call(id, "")

    def asked() -> list[str]:
        """Each call's version at its next turn, by what the database says now."""
        serving = live._ask(base.pk)
        monkeypatch.setitem(live._known, base.pk, (float("inf"), serving))
        found = [asyncio.run(system._serving()) for system in systems.values()]
        return [index.collection for index in found if index]

    assert asked() == ["draft", "live", "live"]
    end(canary, Canary.Outcome.ROLLED_BACK)
    assert asked() == ["draft", "live", "live"]
    later = RAGSystem(base.pk)
    later.begin_call(of_draft, "")
    systems["later"] = later
    assert asked() == ["draft", "live", "live", "live"]


def test_it_is_promoted_when_its_draft_goes_live(canary: Canary, draft: IndexVersion) -> None:
    publishing.switch(draft, None, overridden=False)
    canary.refresh_from_db()
    assert (canary.outcome, canary.ended_at is not None) == (Canary.Outcome.PROMOTED, True)


def test_it_is_stopped_when_another_version_goes_live(base: KnowledgeBase, canary: Canary) -> None:
    other = IndexVersion.objects.create(base=base, collection_name="other", state="ready")
    publishing.switch(other, None, overridden=False)
    canary.refresh_from_db()
    assert (canary.outcome, canary.reason) == (Canary.Outcome.STOPPED, "Another version went live.")


def test_it_is_stopped_when_drafts_are_given_up(base: KnowledgeBase, canary: Canary) -> None:
    give_up_drafts(base, "Back to the state of 04:17")
    canary.refresh_from_db()
    assert (canary.outcome, canary.reason) == (Canary.Outcome.STOPPED, "Back to the state of 04:17")


def test_a_worse_draft_is_rolled_back_with_the_figures_as_the_reason(canary: Canary) -> None:
    calls = [EndedCall(n % 2 == 0, 1, searched=1, misses=int(n % 2 == 0)) for n in range(20)]
    assert note(canary, compare(calls, look_due(20, 0, 0), seed=1), 20, 20)
    canary.refresh_from_db()
    assert (canary.outcome, canary.looks) == (Canary.Outcome.ROLLED_BACK, 1)
    assert canary.reason.startswith(
        "questions without an answer: 10 of 10 (100%) with the draft, 0 of 10 (0%) with the live version"
    )


def test_figures_that_are_not_tested_keep_the_last_test(canary: Canary) -> None:
    calls = [EndedCall(n % 2 == 0, 1, searched=1, misses=int(n % 4 == 0)) for n in range(20)]
    assert not note(canary, compare(calls, look_due(20, 0, 0), seed=1), 20, 20)
    canary.refresh_from_db()
    tested = canary.report["rows"][0]["p"]
    assert not note(canary, compare([*calls, calls[0]], None, seed=1), 21, 20)
    canary.refresh_from_db()
    assert (canary.report["calls"], canary.report["tested_at"], canary.looks) == ([11, 10], 20, 1)
    assert canary.report["rows"][0]["p"] == tested


class TestPage:
    @pytest.fixture
    def publisher(self, db: None) -> Client:  # noqa: ARG002
        return browser("小李", superuser=True)

    def page(self, client: Client) -> str:
        return client.get(reverse("admin:knowledge_indexversion_changelist")).content.decode()

    def begin(self, client: Client, draft: IndexVersion, **form: str) -> str:
        address = reverse("admin:knowledge_indexversion_start_canary", args=[draft.pk])
        return client.post(address, form, follow=True).content.decode()

    def test_it_is_started_watched_and_stopped(self, publisher: Client, draft: IndexVersion) -> None:
        assert "Try it on some calls first" in self.page(publisher)
        self.begin(publisher, draft, share="20", patterns="138*\n+86 139 0000 0000")
        canary = Canary.objects.get()
        assert (canary.share, canary.patterns) == (20, ["138*", "13900000000"])
        assert canary.started_by == User.objects.get(username="小李")
        text = self.page(publisher)
        assert "20% of calls" in text
        assert "No call has ended yet since it began." in text
        assert "Promote to all calls" in text
        assert "Try it on some calls first" not in text
        publisher.post(reverse("admin:knowledge_indexversion_stop_canary", args=[canary.pk]))
        canary.refresh_from_db()
        assert canary.outcome == Canary.Outcome.STOPPED
        assert "Try it on some calls first" in self.page(publisher)

    @pytest.mark.parametrize(
        ("form", "said"),
        [
            ({"share": "abc"}, "whole number of percent"),
            ({"share": ""}, "from 1 to 100 percent"),
            ({"share": "10", "patterns": "anna"}, "“anna” is no number of a caller"),
        ],
    )
    def test_wrong_input_is_explained(
        self, publisher: Client, draft: IndexVersion, form: dict[str, str], said: str
    ) -> None:
        assert said in self.begin(publisher, draft, **form)
        assert not Canary.objects.exists()

    def test_the_table_and_the_reason_are_shown(self, publisher: Client, canary: Canary) -> None:
        calls = [
            EndedCall(n % 2 == 0, 1, searched=1, misses=int(n % 2 == 0), latencies=(900 + n,))
            for n in range(20)
        ]
        note(canary, compare(calls, look_due(20, 0, 0), seed=1), 20, 20)
        text = self.page(publisher)
        assert "trial: rolled back" in text.replace("</span>", "").replace("trial:\n", "trial:")
        assert "10 of 10 (100%) with the draft" in text
        assert "tested after 20 calls" in text

    def test_it_needs_the_permission_to_publish(self, draft: IndexVersion, canary: Canary) -> None:
        viewer = browser("路人", "view_indexversion", "view_document")
        address = reverse("admin:knowledge_indexversion_stop_canary", args=[canary.pk])
        assert viewer.post(address).status_code == 403
        address = reverse("admin:knowledge_indexversion_start_canary", args=[draft.pk])
        assert viewer.post(address).status_code == 403
        assert "Stop the trial" not in self.page(viewer)


def test_calls_are_divided_by_their_id(canary: Canary) -> None:
    rule = rule_of(canary)
    served = sum(rule.serves(str(uuid4()), "") for _ in range(1000))
    assert 400 < served < 600
