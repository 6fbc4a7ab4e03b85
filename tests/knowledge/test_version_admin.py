"""Operators build, publish and roll back versions in the admin, each with its permission."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from django_tasks_db.models import DBTaskResult
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks

from knowledge import golden
from knowledge.following import follow, settle
from knowledge.models import Document, GoldenQuestion, GoldenRun, IndexVersion, KnowledgeBase
from knowledge.tasks import ask_golden, publish_version
from knowledge.versions import request_version

pytestmark = pytest.mark.django_db
PAGE = reverse("admin:knowledge_indexversion_changelist")


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> Iterator[None]:
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"
    with translation.override("en"):
        yield


def operator(client: Client, *permissions: str) -> Client:
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def version_of(base: KnowledgeBase, name: str, **fields: object) -> IndexVersion:
    return IndexVersion.objects.create(base=base, collection_name=name, **({"state": "ready"} | fields))


def post(client: Client, action: str, pk: int, **data: str) -> int:
    return client.post(reverse(f"admin:knowledge_indexversion_{action}", args=[pk]), data).status_code


def page(client: Client) -> str:
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return answer.content.decode()


class TestPage:
    def test_without_a_base_or_a_version_it_says_so(self, admin_client: Client) -> None:
        assert "There is no knowledge base yet" in page(admin_client)
        KnowledgeBase.objects.create(name="测试", slug="test")
        assert "There is no version yet" in page(admin_client)

    def test_a_build_shows_its_progress_and_the_page_follows_it(
        self, admin_client: Client, base: KnowledgeBase
    ) -> None:
        began = timezone.now() - timedelta(seconds=28.6)  # from 28.5 s to 31.5 s it is 10 seconds
        version_of(base, "a", state="building", document_count=40, done_count=30, started_at=began)
        text = page(admin_client)
        assert 'data-refresh="true"' in text
        assert "30 of 40 documents · about 10 seconds left" in text

    def test_figures_stand_beside_those_of_the_live_version(
        self, admin_client: Client, base: KnowledgeBase
    ) -> None:
        live, newer = version_of(base, "a", activated_at=timezone.now()), version_of(base, "b")
        KnowledgeBase.objects.update(active_version=live)
        for version, share in ((live, 0.9), (newer, 0.8)):
            figures = {"answerable": 10, "unanswerable": 0, "hit3": share}
            GoldenRun.objects.create(
                version=version,
                finished_at=timezone.now(),
                passed=share > 0.85,
                figures=figures,
                results=[{"wording": "一天几块"}],
            )
        text = page(admin_client)
        assert "-10.0%" in text
        assert "Publish all the same" in text
        assert 'data-refresh="false"' in text

    def test_an_error_is_shown_in_its_words(self, admin_client: Client, base: KnowledgeBase) -> None:
        version_of(base, "a", state="failed", error="Chroma does not answer. Start everything.")
        assert "Chroma does not answer. Start everything." in page(admin_client)

    def test_who_may_only_look_gets_no_buttons(self, client: Client, base: KnowledgeBase) -> None:
        version_of(base, "a")
        text = page(operator(client, "view_indexversion"))
        assert "<button" not in text.split('class="kb-page"')[1].split("</ol>")[0]

    def test_who_may_not_look_is_refused(self, client: Client, base: KnowledgeBase) -> None:  # noqa: ARG002
        assert operator(client, "view_document").get(PAGE).status_code == 403


class TestPermissions:
    @pytest.mark.parametrize(
        ("action", "data", "needed"),
        [
            ("publish", {}, ["publish_version"]),
            ("publish", {"override": "1"}, ["publish_version", "override_gate"]),
            ("roll_back", {}, ["publish_version"]),
        ],
    )
    def test_each_act_needs_its_permission(
        self, client: Client, base: KnowledgeBase, action: str, data: dict[str, str], needed: list[str]
    ) -> None:
        version = version_of(base, "a", activated_at=timezone.now())
        user = operator(client, *needed[:-1])
        assert post(user, action, version.pk, **data) == 403
        User.objects.get(username="operator").user_permissions.add(
            Permission.objects.get(codename=needed[-1])
        )
        assert post(user, action, version.pk, **data) == 302

    def test_a_build_needs_to_change_the_base(self, client: Client, base: KnowledgeBase) -> None:
        assert post(operator(client, "publish_version"), "build", base.pk) == 403
        assert not base.versions.exists()

    @pytest.mark.parametrize("action", ["build", "publish", "roll_back", "ask"])
    def test_nothing_happens_by_following_a_link(
        self, admin_client: Client, base: KnowledgeBase, action: str
    ) -> None:
        version = version_of(base, "a")
        address = reverse(f"admin:knowledge_indexversion_{action}", args=[version.pk])
        assert admin_client.get(address).status_code == 405


def test_a_build_can_be_kept_from_going_live(admin_client: Client, base: KnowledgeBase) -> None:
    assert post(admin_client, "build", base.pk, no_publish="on") == 302
    version = base.versions.get()
    assert (version.publish_when_ready, str(version.requested_by)) == (False, "admin")
    assert LogEntry.objects.get().object_id == str(version.pk)


@pytest.mark.models
@pytest.mark.usefixtures("processes")
class TestForReal:
    """With an index, and the worker's tasks carried out as the worker does."""

    @pytest.fixture
    def newer(self, base: KnowledgeBase) -> IndexVersion:
        """A version that waits beside a live one, with a question that it cannot answer."""
        Document.objects.create(base=base, title="日卡", question="一天多少钱？", answer="80元。")
        settle(base)
        *_earlier, version = follow(request_version(base, "test", publish=False))
        other = Document(base=base, key="lost", title="火星")
        Document.objects.bulk_create([other])
        question = GoldenQuestion.objects.create(base=base, question="火星上能办公吗")
        question.expected.add(Document.objects.get(key="lost"))
        return version

    def test_the_gate_holds_and_can_be_overridden(
        self,
        admin_client: Client,
        base: KnowledgeBase,
        newer: IndexVersion,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        base.refresh_from_db()
        first = base.active_version
        with django_capture_on_commit_callbacks(execute=True):
            post(admin_client, "publish", newer.pk)
        assert "golden questions are being asked" in page(admin_client)
        run = newer.golden_runs.get()
        assert DBTaskResult.objects.count() == 1
        publish_version.func(run.pk, False)
        base.refresh_from_db()
        newer.refresh_from_db()
        assert base.active_version == first
        assert "火星上能办公吗" in newer.error
        assert newer.error in page(admin_client)

        with django_capture_on_commit_callbacks(execute=True):
            post(admin_client, "publish", newer.pk, override="1")
        publish_version.func(newer.golden_runs.get(finished_at=None).pk, True)
        base.refresh_from_db()
        newer.refresh_from_db()
        assert base.active_version == newer
        assert (newer.overridden, str(newer.published_by), newer.error) == (True, "admin", "")
        assert "published against its golden questions" in page(admin_client)
        said = [entry.change_message for entry in LogEntry.objects.order_by("pk")]
        assert said == ["Publishing asked for.", "Publishing asked for, against its golden questions."]

    def test_one_click_rolls_back(
        self, admin_client: Client, base: KnowledgeBase, newer: IndexVersion
    ) -> None:
        base.refresh_from_db()
        first = base.active_version
        assert first is not None
        publish_version.func(golden.begin(newer).pk, True)
        assert post(admin_client, "roll_back", first.pk) == 302
        base.refresh_from_db()
        assert base.active_version == first
        assert "Rolled back" in page(admin_client)

    def test_a_run_alone_publishes_nothing(self, newer: IndexVersion) -> None:
        run = golden.begin(newer)
        ask_golden.func(run.pk)
        run.refresh_from_db()
        assert (run.passed, run.results[0]["wording"]) == (False, "火星上能办公吗")
        newer.refresh_from_db()
        assert newer.activated_at is None
        ask_golden.func(run.pk)  # asked for twice, carried out once
        assert newer.golden_runs.count() == 1
