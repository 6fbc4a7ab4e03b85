"""Operators declare tools, are told what is wrong, and try them; keys stay hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pydantic import SecretStr

from aiker.calls.models import Assistant, Call, Tool, Turn
from aiker.calls.plan import plan_for
from tests.calls.tools.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db(transaction=True)

ADD = reverse("admin:calls_tool_add")
SCHEMA = '{"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}'


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> None:
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        monkeypatch.setattr(settings.AIKER, "tool_hosts", [receiver.entry])
        yield receiver


@pytest.fixture
def anna() -> Assistant:
    return Assistant.objects.create(slug="anna", name="安娜", no_answer="需要为您转人工吗？")


def form(**fields: Any) -> dict[str, Any]:
    given = {
        "name": "查订单", "slug": "query_order", "kind": "lookup", "is_active": "on", "phrases": "",
        "ask_model": "on", "description": "查询订单", "parameters": SCHEMA, "failure": "查不了。",
        "answer": "您的订单{status}。", "method": "POST", "timeout_s": "20", "url": "http://localhost/",
    }  # fmt: skip
    return {name: value for name, value in {**given, **fields}.items() if value is not None}


def errors(client: Client, **fields: Any) -> dict[str, list[str]]:
    answer = client.post(ADD, form(**fields))
    assert answer.status_code == 200, "it was saved"
    found: dict[str, list[str]] = answer.context["adminform"].form.errors
    return found


@pytest.mark.parametrize(
    ("field", "said", "fields"),
    [
        ("parameters", "not JSON", {"parameters": "{type: object}"}),
        (
            "parameters",
            "is not valid",
            {"parameters": '{"type": "object", "properties": {"a": {"type": "t"}}}'},
        ),
        ("url", "AIKER_TOOL_HOSTS", {"url": "https://evil.example/"}),
        ("url", "needs it", {"url": ""}),
        ("url", "none of the parameters", {"url": "http://localhost/{ordr}"}),
        ("target", "needs it", {"kind": "transfer"}),
        ("answer", "needs it", {"kind": "webhook", "answer": ""}),
        ("phrases", "needs something from the caller", {"phrases": "查订单"}),
        ("phrases", "Nothing calls this tool", {"ask_model": None}),
        ("description", "must be told", {"description": ""}),
        ("confirm", "none of the parameters", {"confirm": "是{nr}吗？"}),
        ("headers", "plain ASCII", {"headers": "Authorization Bearer geheim"}),
        ("headers", "set by Aiker", {"headers": "Host: x"}),
        ("timeout_s", "20", {"timeout_s": "600"}),
        ("slug", "valid", {"slug": "查订单"}),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    admin_client: Client, receiver: Receiver, field: str, said: str, fields: dict[str, Any]
) -> None:
    fields = {"url": receiver.url("/json"), **fields}
    found = errors(admin_client, **fields)
    assert said in " ".join(found[field])
    assert "geheim" not in str(found)


def test_a_tool_reaches_the_calls_of_its_assistants_only(
    admin_client: Client, receiver: Receiver, anna: Assistant
) -> None:
    other = Assistant.objects.create(slug="other", name="别人")
    fields = form(url=receiver.url("/json"), assistants=[anna.pk], headers="X-Key: geheim", signing_key="k")
    assert admin_client.post(ADD, fields).status_code == 302
    (spec,) = plan_for(anna).tools
    assert (spec.slug, spec.headers, spec.signing_key) == ("query_order", (("X-Key", "geheim"),), "k")
    assert plan_for(other).tools == ()
    Tool.objects.update(is_active=False)
    assert plan_for(anna).tools == ()


def test_a_transfer_needs_neither_a_schema_nor_an_address(admin_client: Client, anna: Assistant) -> None:
    fields = form(
        kind="transfer", slug="transfer", phrases="转人工\n\n 找真人 ", ask_model=None, parameters="", url="",
        target="8001", answer="正在转接。", assistants=[anna.pk],
    )  # fmt: skip
    assert admin_client.post(ADD, fields).status_code == 302
    (spec,) = plan_for(anna).tools
    assert (spec.phrases, spec.parameters["type"]) == (("转人工", "找真人"), "object")
    page = tried(admin_client, Tool.objects.get(), show="").content.decode()
    assert "sends nothing to another system" in page


def test_keys_of_another_installation_are_entered_again(admin_client: Client, receiver: Receiver) -> None:
    admin_client.post(ADD, form(url=receiver.url("/json"), headers="X-Key: old"))
    Tool.objects.update(sealed="gAAAAAB-of-another-secret-key")
    tool = Tool.objects.get()
    assert tool.spec().broken
    assert admin_client.get(reverse("admin:calls_tool_change", args=[tool.pk])).status_code == 200
    assert "Enter them again" in tried(admin_client, tool, argument_order="1", show="").content.decode()
    change = reverse("admin:calls_tool_change", args=[tool.pk])
    admin_client.post(change, form(url=receiver.url("/json"), headers="X-Key: new"))
    assert dict(Tool.objects.get().spec().headers) == {"X-Key": "new"}


def test_keys_are_encrypted_never_shown_kept_and_removed(admin_client: Client, receiver: Receiver) -> None:
    fields = form(url=receiver.url("/json"), headers="X-Key: geheim", signing_key="k-geheim")
    admin_client.post(ADD, fields)
    tool = Tool.objects.get()
    change = reverse("admin:calls_tool_change", args=[tool.pk])
    page = admin_client.get(change).content.decode()
    assert "geheim" not in tool.sealed + page
    assert "X-Key: ••••••" in page
    admin_client.post(change, form(url=receiver.url("/json"), name="新"))
    assert dict(Tool.objects.get().spec().headers) == {"X-Key": "geheim"}
    admin_client.post(change, form(url=receiver.url("/json"), forget="on"))
    assert Tool.objects.get().sealed == ""


def test_fixed_sentences_are_made_ahead(anna: Assistant) -> None:
    tool = Tool.objects.create(
        slug="x", kind="lookup", progress="好的，我查一下。", answer="是{status}。", failure="查不了。"
    )
    tool.assistants.add(anna)
    phrases = plan_for(anna).phrases
    assert "查不了。" in phrases
    assert not [text for text in phrases if "{" in text]


def test_a_saved_tool_asks_for_its_audio(anna: Assistant) -> None:
    DBTaskResult.objects.all().delete()
    tool = Tool.objects.create(slug="x", kind="hang_up", phrases="挂了吧")
    assert DBTaskResult.objects.filter(task_path="aiker.calls.tasks.prepare_phrases").exists()
    DBTaskResult.objects.all().delete()
    tool.assistants.add(anna)
    assert DBTaskResult.objects.filter(task_path="aiker.calls.tasks.prepare_phrases").exists()


@pytest.fixture
def tool(receiver: Receiver) -> Tool:
    made = Tool(
        name="查订单", slug="query_order", kind="lookup", ask_model=True, description="查",
        failure="查不了。", answer="您的订单{status}。", parameters=json.loads(SCHEMA),
        url=receiver.url("/json"),
    )  # fmt: skip
    made.set_secrets({"header:X-Key": "geheim"})
    made.full_clean(exclude=["sealed"])
    made.save()
    return made


def tried(client: Client, tool: Tool, **fields: str) -> Any:
    # The address of an action of Unfold.
    return client.post(reverse("admin:calls_tool_try_tool", args=[tool.pk]), fields)


def test_a_dry_run_shows_the_request_and_sends_nothing(
    admin_client: Client, receiver: Receiver, tool: Tool
) -> None:
    page = tried(admin_client, tool, argument_order="1024", show="").content.decode()
    assert "POST " + receiver.url("/json") in page
    assert "X-Key: ••••••" in page
    assert "geheim" not in page
    assert "1024" in page
    assert receiver.got == []


def test_the_second_button_sends_it_and_shows_what_came(
    admin_client: Client, receiver: Receiver, tool: Tool
) -> None:
    page = tried(admin_client, tool, argument_order="1024", send="").content.decode()
    (got,) = receiver.got
    assert (got.json["test"], got.json["arguments"]) == (True, {"order": "1024"})
    assert got.headers["X-Key"] == "geheim"
    assert "您的订单已发货。" in page
    assert "ms" in page


def test_a_dry_run_that_fails_says_why_and_what_the_caller_would_hear(
    admin_client: Client, receiver: Receiver, tool: Tool
) -> None:
    Tool.objects.update(url=receiver.url("/html"))
    page = tried(admin_client, tool, argument_order="1024", send="").content.decode()
    assert "something else than JSON" in page
    assert "查不了。" in page


def test_arguments_are_checked_before_anything_is_shown(
    admin_client: Client, receiver: Receiver, tool: Tool
) -> None:
    page = tried(admin_client, tool, send="").content.decode()
    assert "This field is required." in page
    assert receiver.got == []


def test_sending_needs_its_own_permission(client: Client, receiver: Receiver, tool: Tool) -> None:
    user = User.objects.create_user("operator", is_staff=True)
    client.force_login(user)
    assert tried(client, tool, argument_order="1024", show="").status_code == 403
    user.user_permissions.set(Permission.objects.filter(codename="view_tool"))
    assert tried(client, tool, argument_order="1024", show="").status_code == 200
    assert tried(client, tool, argument_order="1024", send="").status_code == 403
    assert receiver.got == []
    user.user_permissions.add(Permission.objects.get(codename="send_tool"))
    assert tried(client, tool, argument_order="1024", send="").status_code == 200
    assert len(receiver.got) == 1


def test_the_page_of_a_call_tells_what_was_run(admin_client: Client, anna: Assistant) -> None:
    call = Call.objects.create(
        assistant=anna, started_at=timezone.now(), end_reason="transferred", transfer_to="8001"
    )
    run = {
        "name": "query_order",
        "by": "model",
        "arguments": {"order": "<b>1024"},
        "result": {"status": "已发货"},
        "error": {},
        "ms": 412,
    }
    failed = run | {"result": None, "error": {"code": "timeout", "message": "crm gave no answer within 5 s"}}
    Turn.objects.create(call=call, number=1, at_ms=0, user_text="订单呢", tools=[run, failed])
    page = admin_client.get(reverse("admin:calls_call_change", args=[call.pk])).content.decode()
    assert "412 ms" in page
    assert "The other system did not answer in time." in page
    assert "&lt;b&gt;1024" in page
    assert "8001" in page


@pytest.mark.parametrize(
    ("reason", "target", "said"),
    [
        ("transferred", "+861012345678", "<Dial>+861012345678</Dial>"),
        ("transferred", "sip:a&b@pbx", "<Dial><Sip>sip:a&amp;b@pbx</Sip></Dial>"),
        ("assistant_hung_up", "", "<Hangup/>"),
        ("silence", "", "<Hangup/>"),
    ],
)
def test_twilio_is_told_how_a_call_goes_on(
    client: Client, anna: Assistant, monkeypatch: pytest.MonkeyPatch, reason: str, target: str, said: str
) -> None:
    monkeypatch.setattr(settings.AIKER, "call_token", SecretStr("t"))
    Call.objects.create(
        assistant=anna, wire="twilio", carrier_call_id="CA1", started_at=timezone.now(),
        end_reason=reason, transfer_to=target,
    )  # fmt: skip
    url = reverse("after-call", args=["anna", "t"])
    assert said in client.post(url, {"CallSid": "CA1"}).content.decode()
    assert client.post(reverse("after-call", args=["anna", "wrong"]), {"CallSid": "CA1"}).status_code == 403
