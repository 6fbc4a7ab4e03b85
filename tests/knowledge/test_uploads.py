"""A file is read, looked at, and does exactly what was looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from knowledge.loaders import MAX_BYTES
from knowledge.models import Document, GoldenQuestion, IndexVersion, KnowledgeBase, Upload
from tests.knowledge.conftest import browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(editors: tuple[Client, Client]) -> Client:
    return editors[0]


def send(client: Client, base: KnowledgeBase, content: str | bytes, name: str = "kb.json") -> Any:
    data = content.encode() if isinstance(content, str) else content
    address = reverse("admin:knowledge_knowledgebase_upload", args=[base.pk])
    return client.post(address, {"file": SimpleUploadedFile(name, data)})


def strict(*permissions: str) -> Client:
    """Return a browser whose forms are checked as on a real site."""
    client = browser("小李", *permissions)
    client.handler.enforce_csrf_checks = True
    return client


def entries(**answers: str) -> str:
    found = [{"id": key, "category": "价格", "title": key, "answer": text} for key, text in answers.items()]
    return json.dumps({"entries": found})


def look(client: Client, upload: Upload) -> Any:
    return client.get(reverse("admin:knowledge_upload_preview", args=[upload.pk]))


def decide(client: Client, upload: Upload, button: str, plan: str = "") -> Any:
    address = reverse("admin:knowledge_upload_preview", args=[upload.pk])
    return client.post(address, {button: "", "plan": plan}, follow=True)


def load(client: Client, base: KnowledgeBase, content: str) -> Any:
    """Upload a file and apply what its page shows."""
    send(client, base, content)
    upload = Upload.objects.latest("pk")
    return decide(client, upload, "apply", look(client, upload).context["plan"].fingerprint)


def answers(base: KnowledgeBase) -> dict[str, str]:
    return dict(base.documents.values_list("key", "answer"))


def test_a_file_is_shown_before_it_changes_anything(editor: Client, base: KnowledgeBase) -> None:
    answer = send(editor, base, "问题,答案\n押金多少？,2个月租金。\n", "价目表.csv")
    upload = Upload.objects.get()
    assert answer.url == reverse("admin:knowledge_upload_preview", args=[upload.pk])
    assert (upload.name, str(upload.uploaded_by)) == ("价目表.csv", "小李")
    assert "2个月租金。" in look(editor, upload).content.decode()
    assert not base.documents.exists()


def test_it_adds_changes_removes_and_keeps(editor: Client, base: KnowledgeBase) -> None:
    load(editor, base, entries(a="日卡80元一天。", b="2元。", c="3元。"))
    edited = base.documents.get(key="c")
    edited.answer = "我的话。"
    edited.save()
    other = Document.objects.create(base=base, key="own", title="自己写的", answer="9元。")
    send(editor, base, entries(a="日卡90元一天。", c="30元。", d="4元。"))
    upload = Upload.objects.latest("pk")
    shown = look(editor, upload)
    text = shown.content.decode()
    assert "日卡<del>80</del><ins>90</ins>元一天。" in text
    assert "<del>2元。</del>" in text
    assert answers(base) == {"a": "日卡80元一天。", "b": "2元。", "c": "我的话。", "own": "9元。"}
    decide(editor, upload, "apply", shown.context["plan"].fingerprint)
    assert answers(base) == {"a": "日卡90元一天。", "c": "我的话。", "d": "4元。", "own": "9元。"}
    latest = base.documents.get(key="a").history.first()
    assert (latest.history_change_reason, str(latest.history_user)) == ("From the file kb.json", "小李")
    removed = Document.history.filter(history_type="-").get()
    assert (removed.answer, removed.history_change_reason) == ("2元。", "From the file kb.json")
    assert other.history.count() == 1


def test_the_kind_of_an_entry_arrives(editor: Client, base: KnowledgeBase) -> None:
    load(editor, base, json.dumps({"entries": [{"id": "a", "title": "a", "answer": "b", "kind": "article"}]}))
    assert base.documents.get().kind == "article"


def test_passages_edited_by_hand_are_kept(editor: Client, base: KnowledgeBase) -> None:
    load(editor, base, entries(a="1元。"))
    base.documents.update(passages_by_hand=True)
    send(editor, base, entries(a="2元。"))
    assert look(editor, Upload.objects.latest("pk")).context["report"].kept == ["a"]


def test_a_plan_that_is_out_of_date_is_refused(editor: Client, base: KnowledgeBase) -> None:
    load(editor, base, entries(a="1元。", b="2元。"))
    send(editor, base, entries(a="9元。", b="2元。"))
    upload = Upload.objects.latest("pk")
    plan = look(editor, upload).context["plan"].fingerprint
    edited = base.documents.get(key="a")
    edited.answer = "我的话。"
    edited.save()
    answer = decide(editor, upload, "apply", plan)
    assert "changed since you looked" in answer.content.decode()
    assert answer.context["report"].kept == ["a"]
    assert answers(base) == {"a": "我的话。", "b": "2元。"}


def test_a_change_elsewhere_does_not_stand_in_the_way(editor: Client, base: KnowledgeBase) -> None:
    send(editor, base, entries(a="1元。"))
    upload = Upload.objects.get()
    plan = look(editor, upload).context["plan"].fingerprint
    Document.objects.create(base=base, key="own", title="自己写的", answer="9元。")
    decide(editor, upload, "apply", plan)
    assert set(answers(base)) == {"a", "own"}


def test_few_changes_are_edits_and_many_make_a_version(editor: Client, base: KnowledgeBase) -> None:
    load(editor, base, entries(**{f"e{n}": "好。" for n in range(20)}))
    assert (base.changes.count(), base.versions.count()) == (20, 0)
    base.changes.all().delete()
    load(editor, base, entries(**{f"e{n}": "更好。" for n in range(21)}))
    version = base.versions.get()
    assert (base.changes.count(), version.state) == (0, IndexVersion.State.BUILDING)
    assert (str(version.requested_by), version.document_count) == ("小李", 21)


def test_it_is_applied_once(editor: Client, base: KnowledgeBase) -> None:
    load(editor, base, entries(a="1元。"))
    upload = Upload.objects.get()
    assert upload.applied_at is not None
    assert "applied or dropped already" in decide(editor, upload, "apply").content.decode()
    decide(editor, upload, "drop")
    assert Upload.objects.exists()


def test_dropping_it_changes_nothing(editor: Client, base: KnowledgeBase) -> None:
    send(editor, base, entries(a="1元。"))
    decide(editor, Upload.objects.get(), "drop")
    assert not Upload.objects.exists()
    assert not base.documents.exists()


def test_facts_that_golden_questions_ask_for_are_named(editor: Client, base: KnowledgeBase) -> None:
    load(editor, base, entries(a="日卡80元。"))
    question = GoldenQuestion.objects.create(base=base, question="一天多少？", must_say=["80"])
    question.expected.add(base.documents.get())
    send(editor, base, entries(a="日卡90元。"))
    text = look(editor, Upload.objects.latest("pk")).content.decode()
    assert "“一天多少？” must be answered with 80." in text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("kb.json", "{", "not valid JSON"),
        ("kb.exe", "MZ", "files of this type are not read"),
        ("kb.txt", "", "is empty"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    editor: Client, base: KnowledgeBase, name: str, content: str, message: str
) -> None:
    answer = send(editor, base, content, name)
    assert answer.status_code == 400
    assert message in answer.content.decode()
    assert not Upload.objects.exists()


def test_a_file_that_is_too_large_is_refused_before_it_is_read(base: KnowledgeBase) -> None:
    client = strict("add_document", "change_document", "delete_document", "view_knowledgebase")

    class Unread:
        """A request whose body must not be touched."""

        def read(self, *_args: Any) -> bytes:
            raise AssertionError("the file was read")

        readline = read

        def __len__(self) -> int:
            return 10 * MAX_BYTES

    answer = client.post(
        reverse("admin:knowledge_knowledgebase_upload", args=[base.pk]),
        b"",
        content_type="multipart/form-data; boundary=x",
        **{"CONTENT_LENGTH": str(10 * MAX_BYTES), "wsgi.input": Unread()},  # type: ignore[arg-type]
    )
    assert answer.status_code == 413
    assert "larger than 20 MB" in answer.content.decode()


def test_a_form_without_the_token_is_refused(base: KnowledgeBase) -> None:
    client = strict("add_document", "change_document", "delete_document")
    assert send(client, base, entries(a="1元。")).status_code == 403


def test_who_may_only_change_single_documents_uploads_nothing(base: KnowledgeBase) -> None:
    viewer = browser("访客", "view_knowledgebase", "view_document", "change_document")
    assert send(viewer, base, entries(a="1元。")).status_code == 403
    upload = Upload.objects.create(base=base, name="kb.json", data=json.loads(entries(a="1元。")))
    assert look(viewer, upload).status_code == 403
    assert decide(viewer, upload, "apply").status_code == 403
