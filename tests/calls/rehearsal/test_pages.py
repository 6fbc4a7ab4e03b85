"""A rehearsal in the admin: asked for, read, confirmed, adopted; and the gate of an assistant."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from django_tasks_db.models import DBTaskResult

from aiker.calls.models import Assistant, Rehearsal, RehearsalAnswer
from aiker.calls.rehearsal.carry_out import begin, take_verdict
from aiker.calls.rehearsal.drafts import contents, with_changes
from aiker.calls.rehearsal.judging import Finding, Level
from aiker.calls.rehearsal.models import rank_of
from knowledge.errors import KnowledgeError
from knowledge.models import IndexVersion, KnowledgeBase

pytestmark = pytest.mark.django_db

NEW_PROMPT = "只照资料回答。"
Kind = RehearsalAnswer.Kind


@pytest.fixture(autouse=True)
def english(admin_client: Client, client: Client) -> Any:
    for browser in (admin_client, client):
        browser.cookies["django_language"] = "en"
    with translation.override("en"):
        yield


@pytest.fixture
def anna() -> Assistant:
    base = KnowledgeBase.objects.create(name="测试", slug="test")
    base.active_version = IndexVersion.objects.create(base=base, collection_name="live", state="ready")
    base.save()
    return Assistant.objects.create(slug="anna", name="安娜", knowledge_base=base)


def rehearsal_of(assistant: Assistant, *answers: RehearsalAnswer, **fields: Any) -> Rehearsal:
    changes = fields.pop("changes", {"system_prompt": NEW_PROMPT})
    base = assistant.knowledge_base
    assert base is not None
    done = contents(with_changes(assistant, changes), base.active_version)
    row = Rehearsal.objects.create(
        assistant=assistant, changes=changes, contents=done, finished_at=timezone.now(), **fields
    )
    for number, answer in enumerate(answers, start=1):
        answer.rehearsal, answer.number = row, number
        answer.save()
    take_verdict(row)
    return row


def answer(question: str, *findings: Finding, **fields: Any) -> RehearsalAnswer:
    told = {"heard": question, "text": "日卡80元。", "passages": [], "error": "", "steps": {}, "ms": 900}
    return RehearsalAnswer(
        **{"kind": Kind.QUESTION, "question_id": question} | fields,
        question=question,
        live=told,
        draft=told | {"text": "日卡90元。"},
        differs=True,
        findings=[finding.as_dict() for finding in findings],
        rank=rank_of(findings, differs=True),
    )


FALSE = Finding(Level.FALSE, "unsupported_figure", ("90元",))
LOST = Finding(Level.LOST, "refused", ("不清楚",))
CHANGED = Finding(Level.CHANGED, "new_figure", ("90元",))


def page(browser: Client, row: Rehearsal) -> str:
    return browser.get(reverse("admin:calls_rehearsal_change", args=[row.pk])).content.decode()


def operator(client: Client, *permissions: str) -> Client:
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def test_false_and_lost_answers_stand_first(admin_client: Client, anna: Assistant) -> None:
    row = rehearsal_of(anna, answer("三", CHANGED), answer("二", LOST), answer("一", FALSE), answer("四"))
    text = page(admin_client, row)
    shown = admin_client.get(reverse("admin:calls_rehearsal_change", args=[row.pk])).context["changed"]
    assert [item.answer.question for item in shown] == ["一", "二", "三", "四"]
    assert "a figure that the entry does not have：90元" in text
    assert "日卡80元。" in text
    assert "日卡90元。" in text
    assert "1 question answered falsely" in text
    assert "1 question lost" in text


def test_changed_facts_are_confirmed_for_all_callers_of_a_question(
    admin_client: Client, anna: Assistant
) -> None:
    other = Finding(Level.CHANGED, "new_figure", ("70元",))
    row = rehearsal_of(
        anna, answer("a", CHANGED), answer("a", CHANGED), answer("a", other), answer("b", CHANGED)
    )
    assert row.passed is False
    admin_client.post(reverse("admin:calls_rehearsal_confirm", args=[row.pk, 1]))
    assert [one.confirmed for one in row.answers.order_by("number")] == [True, True, False, False]
    for number in (3, 4):
        admin_client.post(reverse("admin:calls_rehearsal_confirm", args=[row.pk, number]))
    row.refresh_from_db()
    assert row.passed is True


def test_a_false_answer_cannot_be_confirmed(admin_client: Client, anna: Assistant) -> None:
    row = rehearsal_of(anna, answer("a", FALSE, CHANGED))
    admin_client.post(reverse("admin:calls_rehearsal_confirm", args=[row.pk, 1]))
    row.refresh_from_db()
    assert (row.passed, row.reasons) == (False, [["false", 1]])


def test_what_passed_is_adopted_as_it_was_rehearsed(admin_client: Client, anna: Assistant) -> None:
    row = rehearsal_of(anna, answer("a"))
    assert "Adopt the changes" in page(admin_client, row)
    admin_client.post(reverse("admin:calls_rehearsal_adopt", args=[row.pk]))
    anna.refresh_from_db()
    assert anna.system_prompt == NEW_PROMPT


def test_what_changed_since_is_not_adopted(admin_client: Client, anna: Assistant) -> None:
    row = rehearsal_of(anna, answer("a"))
    anna.speed = 1.3
    anna.save()
    assert "Adopt the changes" not in page(admin_client, row)
    assert admin_client.post(reverse("admin:calls_rehearsal_adopt", args=[row.pk])).status_code == 403


def test_past_calls_are_for_those_who_may_see_calls(client: Client, anna: Assistant) -> None:
    past = answer("真实来电", FALSE, kind=Kind.PAST_TURN)
    row = rehearsal_of(anna, past)
    past.question_audio.save("q.wav", ContentFile(b"RIFF"))
    audio = reverse("admin:calls_rehearsal_audio", args=[row.pk, 1, "question"])
    operator(client, "view_rehearsal")
    assert "真实来电" not in page(client, row)
    assert "1 turn of a past call is not shown" in page(client, row)
    assert client.get(audio).status_code == 403
    client.user = User.objects.get(username="operator")  # type: ignore[attr-defined]
    User.objects.get(username="operator").user_permissions.add(Permission.objects.get(codename="view_call"))
    assert "真实来电" in page(client, row)
    assert client.get(audio).content == b"RIFF"


def test_who_may_only_look_may_not_decide(client: Client, anna: Assistant) -> None:
    row = rehearsal_of(anna, answer("a", CHANGED))
    operator(client, "view_rehearsal")
    assert "The change is meant so" not in page(client, row)
    for name, more in (("confirm", [1]), ("adopt", [])):
        url = reverse(f"admin:calls_rehearsal_{name}", args=[row.pk, *more])
        assert client.post(url).status_code == 403


def test_audio_goes_with_its_rehearsal(anna: Assistant, django_capture_on_commit_callbacks: Any) -> None:
    heard = answer("a")
    row = rehearsal_of(anna, heard)
    heard.draft_audio.save("d.wav", ContentFile(b"RIFF"))
    storage, name = heard.draft_audio.storage, str(heard.draft_audio.name)
    with django_capture_on_commit_callbacks(execute=True):
        row.delete()
    assert not storage.exists(name)


def test_a_rehearsal_is_asked_for_in_the_admin(
    admin_client: Client, anna: Assistant, django_capture_on_commit_callbacks: Any
) -> None:
    url = f"{reverse('admin:calls_rehearsal_add')}?assistant={anna.pk}"
    text = admin_client.get(url).content.decode()
    assert anna.system_prompt in text
    data = {
        "assistant": anna.pk,
        "chosen_version": "",
        "system_prompt": NEW_PROMPT,
        "voice": anna.voice,
        "speed": "1.0",
        "passages": "1",
        "max_questions": "5",
        "callers": "3",
        "max_past_turns": "0",
    }
    with django_capture_on_commit_callbacks(execute=True):
        sent = admin_client.post(url, data)
    row = Rehearsal.objects.get()
    assert sent["Location"] == reverse("admin:calls_rehearsal_change", args=[row.pk])
    assert (row.changes, row.max_questions, row.conversations) == ({"system_prompt": NEW_PROMPT}, 5, False)
    assert DBTaskResult.objects.filter(task_path="aiker.calls.tasks.rehearse").count() == 1
    same = admin_client.post(url, data | {"system_prompt": anna.system_prompt})
    assert "The draft is the same as what is live." in same.content.decode()


def test_a_draft_that_changes_nothing_is_not_begun(anna: Assistant) -> None:
    with pytest.raises(KnowledgeError, match="the same as what is live"):
        begin(anna)
    other = KnowledgeBase.objects.create(name="别的", slug="other")
    strange = IndexVersion.objects.create(base=other, collection_name="x", state="ready")
    with pytest.raises(KnowledgeError, match="another knowledge base"):
        begin(anna, strange)


def assistant_form(admin_client: Client, anna: Assistant, **fields: Any) -> Any:
    url = reverse("admin:calls_assistant_change", args=[anna.pk])
    form = admin_client.get(url).context["adminform"].form
    data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    rows = {"menu-TOTAL_FORMS": 0, "menu-INITIAL_FORMS": 0}
    sent = {name: value for name, value in data.items() if value is not None and value is not False}
    sent["fillers"] = "\n".join(anna.fillers)
    return admin_client.post(url, sent | rows | fields)


def test_an_assistant_that_needs_rehearsals_is_saved_with_one(admin_client: Client, anna: Assistant) -> None:
    Assistant.objects.update(needs_rehearsal=True)
    anna.refresh_from_db()
    assert assistant_form(admin_client, anna, greeting="您好。").status_code == 302  # no rehearsed field
    refused = assistant_form(admin_client, anna, greeting="您好。", system_prompt=NEW_PROMPT)
    assert "Rehearse this change first" in refused.content.decode()
    anna.refresh_from_db()
    rehearsal_of(anna, answer("a"))
    assert assistant_form(admin_client, anna, greeting="您好。", system_prompt=NEW_PROMPT).status_code == 302
    anna.refresh_from_db()
    assert anna.system_prompt == NEW_PROMPT
