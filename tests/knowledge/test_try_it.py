"""An operator tries a question, sees what was found, hears the answer, and keeps it as a golden question."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiker.calls.models import Assistant, Call, Turn
from knowledge.following import settle
from knowledge.models import Document, GoldenQuestion, IndexVersion, KnowledgeBase
from tests.knowledge.conftest import move
from tests.ports import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.models]
PAGE, ANSWER, SAVE = (reverse(name) for name in ("try-question", "try-answer", "try-save"))


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> None:
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"


@pytest.fixture
def processes(processes: Settings, llm_port: int) -> Settings:
    move(processes, llm_port=llm_port)
    return processes


@pytest.fixture
def anna(base: KnowledgeBase) -> Assistant:
    return Assistant.objects.create(slug="anna", name="安娜", knowledge_base=base)


@pytest.fixture
def indexed(processes: Settings, base: KnowledgeBase, anna: Assistant) -> KnowledgeBase:  # noqa: ARG001
    entries = {
        "day": ("日卡", "一天多少钱？", "日卡80元一天。"),
        "month": ("月卡", "一个月多少钱？", "月卡1200元一个月。"),
        "office": ("独立办公室", "有独立办公室吗？", "独立办公室4人间8800元一个月。"),
    }
    for key, (title, question, answer) in entries.items():
        Document.objects.create(base=base, key=key, title=title, question=question, answer=answer)
    settle(base)
    base.refresh_from_db()
    return base


def operator(client: Client, *permissions: str) -> Client:
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def page(client: Client, **data: Any) -> str:
    answer = client.get(PAGE, data)
    assert answer.status_code == 200
    return answer.content.decode()


def answer(client: Client, **data: Any) -> str:
    response = client.post(ANSWER, {"who": "anna"} | data)
    assert response.status_code == 200
    return response.content.decode()


def turn(assistant: Assistant, number: int, text: str, **fields: Any) -> Turn:
    call, _made = Call.objects.get_or_create(
        assistant=assistant, wire="test", defaults={"started_at": timezone.now()}
    )
    return Turn.objects.create(call=call, number=number, at_ms=0, user_text=text, **fields)


class TestSearch:
    @pytest.mark.usefixtures("processes")
    def test_it_says_when_nothing_was_asked_and_when_there_is_no_index(
        self, admin_client: Client, anna: Assistant
    ) -> None:
        assert "The index is missing" in page(admin_client, q="一天多少钱")
        assert anna.knowledge_base is not None
        version = IndexVersion.objects.create(
            base=anna.knowledge_base, collection_name="gone", state="ready", embedding_model="bge-small-zh"
        )
        KnowledgeBase.objects.update(active_version=version)
        assert "Not asked yet" in page(admin_client)
        text = page(admin_client, q="一天多少钱")
        assert "The index is missing" in text
        assert "Re-index the knowledge base" in text

    def test_passages_come_with_their_ranks_and_what_is_given(
        self, admin_client: Client, indexed: KnowledgeBase
    ) -> None:
        shown = admin_client.get(PAGE, {"who": "anna", "q": "一天多少钱", "k": "1"})
        search = shown.context["search"]
        assert [row.given for row in search.rows] == [True, *[False] * (len(search.rows) - 1)]
        first = search.rows[0]
        assert (first.passage.key, first.fused_rank, first.passage.dense_rank) == ("day", 1, 1)
        text = shown.content.decode()
        assert "日卡80元一天。" in text
        assert "no. 1" in text
        assert search.found.index_version == indexed.active_version.collection_name  # type: ignore[union-attr]

    @pytest.mark.usefixtures("indexed")
    def test_a_question_that_leans_back_is_searched_with_the_one_before(self, admin_client: Client) -> None:
        assert "有独立办公室吗 多少钱" in page(admin_client, q="那个多少钱", before="有独立办公室吗")

    @pytest.mark.usefixtures("indexed")
    def test_under_the_threshold_it_says_that_the_assistant_does_not_know(self, admin_client: Client) -> None:
        text = page(admin_client, q="火星上有没有水")
        assert "Nothing near enough" in text
        assert "under the threshold" in text

    @pytest.mark.usefixtures("indexed")
    def test_without_letters_nothing_is_found(self, admin_client: Client) -> None:
        assert "Nothing found" in page(admin_client, q="？？")

    @pytest.mark.usefixtures("indexed")
    def test_a_base_is_searched_without_an_assistant(self, admin_client: Client) -> None:
        text = page(admin_client, who="base:test", q="一天多少钱")
        assert "日卡80元一天。" in text
        assert "data-answer" not in text

    @pytest.mark.usefixtures("indexed")
    def test_half_a_search_is_said_to_be_one(self, admin_client: Client, processes: Settings) -> None:
        move(processes, chroma_port=free_port())
        assert "Searched by words alone" in page(admin_client, q="一天多少钱")

    def test_a_turn_is_asked_as_it_was(
        self, admin_client: Client, indexed: KnowledgeBase, anna: Assistant
    ) -> None:
        assert indexed.active_version is not None
        turn(anna, 1, "有独立办公室吗", retrieval={"query": "有独立办公室吗"})
        second = turn(anna, 2, "那个多少钱", retrieval={"version": indexed.active_version.collection_name})
        shown = admin_client.get(PAGE, {"turn": second.pk})
        form = shown.context["form"]
        assert (form.question, form.before, form.version) == (
            "那个多少钱",
            "有独立办公室吗",
            indexed.active_version,
        )
        assert form.notice == ""
        call_page = admin_client.get(reverse("admin:calls_call_change", args=[second.call_id]))
        assert f"{PAGE}?turn={second.pk}" in call_page.content.decode()

        Turn.objects.filter(pk=second.pk).update(retrieval={"version": "test-long-gone"})
        assert "That version is gone; this is the live one." in page(admin_client, turn=second.pk)


@pytest.mark.usefixtures("indexed")
class TestAnswer:
    @pytest.fixture(autouse=True)
    def worded_by_the_model(self, indexed: KnowledgeBase) -> None:
        KnowledgeBase.objects.filter(pk=indexed.pk).update(phrasing="model")

    def test_the_model_answers_and_is_heard(self, admin_client: Client) -> None:
        text = answer(admin_client, q="一天多少钱")
        assert '<p class="try-answer">日卡80元一天。</p>' in text
        assert "First token" in text
        assert re.search(r"\d+ tokens, counted by http://127.0.0.1", text)
        assert "客户问：一天多少钱\n资料：\n- 日卡：日卡80元一天。" in text
        sound = re.search(r"data:audio/wav;base64,([^\"]+)", text)
        assert sound is not None
        wav = base64.b64decode(sound[1])
        assert wav.startswith(b"RIFF")
        assert len(wav) > 8000 * 2 * 0.5

    def test_what_the_base_does_not_know_is_answered_without_the_model(
        self, admin_client: Client, anna: Assistant
    ) -> None:
        text = answer(admin_client, q="火星上有没有水")
        assert anna.no_answer in text
        assert "The language model was not asked" in text

    def test_an_entry_spoken_as_written_is(self, admin_client: Client, indexed: KnowledgeBase) -> None:
        document = Document.objects.get(key="day")
        document.verbatim = True
        document.save()
        settle(indexed)
        text = answer(admin_client, q="一天多少钱")
        assert "日卡80元一天。" in text
        assert "The language model was not asked" in text

    def test_an_engine_that_is_down_is_named_with_what_to_do(
        self, admin_client: Client, processes: Settings
    ) -> None:
        move(processes, llm_port=free_port())
        text = answer(admin_client, q="一天多少钱")
        assert "The language model could not be reached." in text
        assert "manage.py start" in text
        assert "estimated: its server does not count" in text

    def test_nobody_answers_for_a_base_alone(self, admin_client: Client) -> None:
        response = admin_client.post(ANSWER, {"who": "base:test", "q": "一天多少钱"})
        assert response.status_code == 400


class TestSave:
    def test_one_click_makes_a_golden_question(self, admin_client: Client, base: KnowledgeBase) -> None:
        document = Document.objects.create(base=base, key="day", title="日卡", answer="80元。")
        data = {"base": "test", "q": "一天几块", "before": "", "expected": "day"}
        for _ in range(2):
            response = admin_client.post(SAVE, data)
            question = GoldenQuestion.objects.get()
            assert response["Location"] == reverse(
                "admin:knowledge_goldenquestion_change", args=[question.pk]
            )
        assert (list(question.expected.all()), question.answerable) == ([document], True)

    def test_what_found_nothing_is_saved_as_unanswerable(
        self, admin_client: Client, base: KnowledgeBase
    ) -> None:
        admin_client.post(SAVE, {"base": base.slug, "q": "火星上有没有水", "expected": ""})
        assert GoldenQuestion.objects.get().answerable is False

    def test_it_needs_the_permission(self, client: Client, base: KnowledgeBase) -> None:
        viewer = operator(client, "view_document")
        assert viewer.post(SAVE, {"base": base.slug, "q": "一天几块"}).status_code == 403
        assert "Save as golden question" not in page(viewer)


class TestCallersQuestions:
    def test_those_that_found_nothing_come_first_each_once(
        self, admin_client: Client, anna: Assistant
    ) -> None:
        found = {"passages": [{"key": "day"}], "retrieval": {"version": "a"}}
        turn(anna, 1, "今天股票涨了吗", retrieval={"version": "a"})
        turn(anna, 2, "一天多少钱", **found)
        turn(anna, 3, "好的谢谢", retrieval={"version": "a"})
        turn(anna, 4, "今天股票涨了吗？", retrieval={"version": "a"})
        turn(anna, 5, "一个月多少钱", **found)
        shown = admin_client.get(PAGE)
        texts = [question.text for question in shown.context["questions"]]
        assert texts == ["今天股票涨了吗？", "一个月多少钱", "一天多少钱"]
        link = re.search(r'href="([^"]*document/add/[^"]*)"', shown.content.decode())
        assert link is not None
        form = admin_client.get(link[1].replace("&amp;", "&")).context["adminform"].form
        assert form["question"].value() == form["title"].value() == "今天股票涨了吗？"
        assert str(form["base"].value()) == str(anna.knowledge_base_id)

    def test_they_are_for_those_who_may_see_calls(self, client: Client, anna: Assistant) -> None:
        turn(anna, 1, "今天股票涨了吗")
        assert "今天股票涨了吗" not in page(operator(client, "view_document"))

    def test_who_may_not_see_documents_may_not_try(self, client: Client) -> None:
        assert operator(client, "view_call").get(PAGE).status_code == 403
