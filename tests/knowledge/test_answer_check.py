"""Golden questions are answered by an assistant's language model, and its answers are checked."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation
from pytest_django.fixtures import Settings

from aiker.calls.answer_check import begin, carry_out, judged
from aiker.calls.models import Assistant
from aiker.calls.tasks import check_answers
from knowledge.errors import KnowledgeError
from knowledge.following import settle
from knowledge.golden_report import failures
from knowledge.models import Document, GoldenQuestion, GoldenRun, KnowledgeBase
from tests.knowledge.conftest import move
from tests.ports import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.models]


@pytest.fixture(autouse=True)
def english(admin_client: Client) -> Iterator[None]:
    admin_client.cookies["django_language"] = "en"
    with translation.override("en"):
        yield


@pytest.fixture
def anna(processes: Settings, llm_port: int, base: KnowledgeBase) -> Assistant:
    """An assistant whose model reads out the passage, with a right, a wrong and an unanswerable question."""
    move(processes, llm_port=llm_port)
    KnowledgeBase.objects.filter(pk=base.pk).update(phrasing="model")
    document = Document.objects.create(
        base=base, key="day", title="日卡", question="一天多少钱？", answer="日卡80元一天。"
    )
    settle(base)
    base.refresh_from_db()
    right = GoldenQuestion.objects.create(base=base, question="一天多少钱", must_say=[["80", "八十"]])
    wrong = GoldenQuestion.objects.create(base=base, question="日卡一天多少", must_not_say=[["80元"]])
    for question in (right, wrong):
        question.expected.add(document)
    GoldenQuestion.objects.create(base=base, question="火星上有没有水", answerable=False)
    return Assistant.objects.create(slug="anna", name="安娜", knowledge_base=base)


def test_answers_are_checked(anna: Assistant) -> None:
    run = carry_out(begin(anna))
    assert run.error == ""
    assert [item["said"] for item in run.results] == ["日卡80元一天。", "日卡80元一天。", anna.no_answer]
    assert [item["wording"] for item in failures(run)] == ["日卡一天多少"]
    assert (run.figures["right"], run.figures["answers_refused"]) == (0.5, 1.0)
    assert run.figures["token_median_ms"] > 0


def test_the_command_prints_what_is_wrong(anna: Assistant) -> None:
    out = StringIO()
    call_command("check_answers", "--assistant", anna.slug, "--limit", "2", stdout=out)
    assert "✗ 日卡一天多少\n  日卡80元一天。\n  must not be said: 80元" in out.getvalue()
    assert "answers right: 50.0%" in out.getvalue()
    with pytest.raises(CommandError, match="No assistant has the address bob"):
        call_command("check_answers", "--assistant", "bob")


def test_a_model_that_is_down_is_said_to_be(anna: Assistant, processes: Settings) -> None:
    GoldenQuestion.objects.filter(question="一天多少钱").update(variants=["一天要多少钱"])
    move(processes, llm_port=free_port())
    run = carry_out(begin(anna))
    assert "cannot be reached" in run.error
    assert [item["right"] for item in run.results] == [False, False, False]
    assert run.finished_at is not None


def test_an_assistant_without_an_index_is_not_asked(base: KnowledgeBase) -> None:
    bob = Assistant.objects.create(slug="bob", name="Bob", knowledge_base=base)
    with pytest.raises(KnowledgeError, match="no knowledge base with a live index"):
        begin(bob)


def test_a_button_asks_and_the_worker_answers(admin_client: Client, anna: Assistant) -> None:
    address = reverse("admin:calls_assistant_check_answers", args=[anna.pk])
    assert "The base has 3 golden questions" in admin_client.get(address).content.decode()
    shown = admin_client.post(address)
    run = GoldenRun.objects.get(assistant="anna")
    assert shown["Location"] == reverse("admin:knowledge_goldenrun_change", args=[run.pk])
    assert 'data-refresh="true"' in admin_client.get(shown["Location"]).content.decode()
    check_answers.func(run.pk)
    text = admin_client.get(shown["Location"]).content.decode()
    assert "Must not be said: 80元" in " ".join(text.split())


@pytest.mark.parametrize(
    ("answerable", "said", "right"),
    [
        (True, "80元一天，要为您转人工吗？", True),
        (True, "这个我不太清楚。", False),
        (True, "1800元。", False),
        (False, "这个问题需要为您转人工确认。", True),
        (False, "有水。", False),
    ],
)
def test_an_answer_is_judged(answerable: bool, said: str, right: bool) -> None:
    question = GoldenQuestion(answerable=answerable, must_say=[["80"]] if answerable else [])
    assert judged(question, said)["right"] is right
