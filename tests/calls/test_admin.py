"""Operators find, read, hear and delete calls, and set assistants up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from aiker.audio.wav import wav_bytes
from aiker.calls import dashboard
from aiker.calls.models import Assistant, Call, Turn, default_fillers
from aiker.calls.plan import plan_for

pytestmark = pytest.mark.django_db

CALLS = reverse("admin:calls_call_changelist")
SHARES = [
    {"name": "endpoint_wait", "ms": 600, "owner": "turn taking"},
    {"name": "stt", "ms": 250, "owner": "stt"},
    {"name": "playout", "ms": 0, "owner": "media"},
]

MakeCall = Callable[..., Call]


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> None:
    """Pages in the language of the sources, whatever is translated."""
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"


@pytest.fixture
def assistant() -> Assistant:
    return Assistant.objects.create(slug="anna", name="安娜")


@pytest.fixture
def make_call(assistant: Assistant) -> MakeCall:
    def make(turns: int = 0, recorded: bool = False, **fields: Any) -> Call:
        fields = {"started_at": timezone.now(), "end_reason": "hung_up", "wire": "softphone", **fields}
        call = Call.objects.create(assistant=assistant, **fields)
        for number in range(1, turns + 1):
            Turn.objects.create(
                call=call,
                number=number,
                at_ms=1000 * number,
                user_text=f"问题{number}",
                assistant_text="一个月30元，按年付。",
                heard_text="一个月30元，按年付。",
                voice_to_voice_ms=850,
                contributions=SHARES,
                engines={"stt": "whisper-base"},
            )
        if recorded:
            silence = np.zeros(800, dtype=np.int16)
            call.recording.save("x.wav", ContentFile(wav_bytes(8000, silence, silence)))
        return call

    return make


def page(client: Client, call: Call) -> str:
    answer = client.get(reverse("admin:calls_call_change", args=[call.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def recording(client: Client, call: Call, **headers: str) -> Any:
    return client.get(reverse("admin:calls_call_recording", args=[call.pk]), headers=headers)


def audio_exists(call: Call) -> bool:
    return call.recording.storage.exists(str(call.recording.name))


def operator(client: Client, *permissions: str) -> Client:
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def test_the_list_costs_as_many_queries_for_fifty_calls_as_for_one(
    admin_client: Client, make_call: MakeCall, django_assert_max_num_queries: Any
) -> None:
    for _ in range(50):
        make_call(turns=2)
    with django_assert_max_num_queries(12):
        answer = admin_client.get(CALLS)
    assert len(answer.context["cl"].result_list) == 50


def test_the_list_shows_the_median_latency_in_seconds_and_the_wire_in_words(
    admin_client: Client, make_call: MakeCall
) -> None:
    make_call(turns=3)
    text = admin_client.get(CALLS).content.decode()
    assert "0.85 s" in text
    assert "Browser softphone" in text


def test_calls_are_found_by_what_was_said_and_once_each(admin_client: Client, make_call: MakeCall) -> None:
    wanted = make_call(turns=3)
    make_call(turns=1)
    assert list(admin_client.get(CALLS, {"q": "问题"}).context["cl"].result_list).count(wanted) == 1
    assert list(admin_client.get(CALLS, {"q": "问题3"}).context["cl"].result_list) == [wanted]


def test_calls_are_filtered_by_wire(admin_client: Client, make_call: MakeCall) -> None:
    make_call()
    twilio = make_call(wire="twilio")
    assert list(admin_client.get(CALLS, {"wire": "twilio"}).context["cl"].result_list) == [twilio]


def test_the_page_shows_words_latency_and_engines(admin_client: Client, make_call: MakeCall) -> None:
    call = make_call(turns=1, engines={"stt": "whisper-base"}, knowledge_version="onesuite-7")
    text = page(admin_client, call)
    assert "问题1" in text
    assert "0.85 s" in text
    assert "250 ms" in text
    assert "share-playout" not in text  # took no time
    assert "Speech recognition whisper-base" in text
    assert "onesuite-7" in text


def test_the_page_strikes_out_what_the_caller_did_not_hear(admin_client: Client, make_call: MakeCall) -> None:
    call = make_call(turns=1)
    call.turns.update(heard_text="一个月30元，", interrupted=True)
    text = page(admin_client, call)
    assert '<del title="not heard">按年付。</del>' in text
    assert "interrupted" in text


def test_the_page_tells_what_the_caller_did_during_the_answer(
    admin_client: Client, make_call: MakeCall
) -> None:
    call = make_call(turns=1)
    listened = {"at_ms": 9000, "stop_ms": 130, "held_ms": 640, "outcome": "backchannel", "said": "嗯"}
    cut_in = {"at_ms": 9900, "stop_ms": 150, "held_ms": 800, "outcome": "words", "said": "<等等>"}
    call.turns.update(barge_ins=[listened, cut_in], interrupted=True)
    text = page(admin_client, call)
    assert "the caller listened (“嗯”): the voice paused for 0.64 s and went on" in text
    assert "the caller cut in (“&lt;等等&gt;”): the voice stopped after 150 ms" in text


def test_the_page_tells_an_error_in_plain_words(admin_client: Client, make_call: MakeCall) -> None:
    call = make_call(turns=1)
    call.turns.update(error={"stage": "llm", "code": "timeout", "message": "nothing within 15 s"})
    text = page(admin_client, call)
    assert "The language model did not answer in time." in text
    assert "nothing within 15 s" in text


def test_the_words_of_a_caller_are_never_markup(admin_client: Client, make_call: MakeCall) -> None:
    call = make_call(turns=1)
    call.turns.update(user_text="<script>alert(1)</script>")
    assert "<script>alert(1)" not in page(admin_client, call)


@pytest.mark.parametrize("address", ["not-a-call", "00000000-0000-0000-0000-000000000000"])
def test_a_call_that_is_not_there_leads_back(admin_client: Client, address: str) -> None:
    assert admin_client.get(reverse("admin:calls_call_change", args=[address])).status_code == 302


def test_the_whole_recording_is_sent(admin_client: Client, make_call: MakeCall) -> None:
    answer = recording(admin_client, make_call(recorded=True))
    assert answer.status_code == 200
    assert answer.content[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [("bytes=0-3", slice(0, 4)), ("bytes=8-", slice(8, None)), ("bytes=-6", slice(-6, None))],
)
def test_a_range_of_the_recording_is_sent(
    admin_client: Client, make_call: MakeCall, asked: str, sent: slice
) -> None:
    call = make_call(recorded=True)
    whole = recording(admin_client, call).content
    answer = recording(admin_client, call, range=asked)
    assert answer.status_code == 206
    assert answer.content == whole[sent]
    first, last, _ = sent.indices(len(whole))
    assert answer["Content-Range"] == f"bytes {first}-{last - 1}/{len(whole)}"


def test_a_range_after_the_end_is_refused(admin_client: Client, make_call: MakeCall) -> None:
    answer = recording(admin_client, make_call(recorded=True), range="bytes=999999-")
    assert answer.status_code == 416
    assert answer["Content-Range"].startswith("bytes */")


def test_a_call_without_a_recording_has_none_to_send(admin_client: Client, make_call: MakeCall) -> None:
    assert recording(admin_client, make_call()).status_code == 404


def test_strangers_are_sent_to_the_login(client: Client, make_call: MakeCall) -> None:
    answer = recording(client, make_call(recorded=True))
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]


def test_only_those_who_may_see_calls_may_hear_them(client: Client, make_call: MakeCall) -> None:
    call = make_call(recorded=True)
    staff = operator(client, "view_document")
    assert recording(staff, call).status_code == 403
    User.objects.get(username="operator").user_permissions.add(Permission.objects.get(codename="view_call"))
    assert recording(staff, call).status_code == 200


def test_deleting_a_call_deletes_its_audio(
    admin_client: Client, make_call: MakeCall, django_capture_on_commit_callbacks: Any
) -> None:
    call = make_call(turns=1, recorded=True)
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(reverse("admin:calls_call_delete", args=[call.pk]), {"post": "yes"})
    assert not Call.objects.exists()
    assert not audio_exists(call)


def test_deleting_several_calls_deletes_their_audio_and_no_other(
    admin_client: Client, make_call: MakeCall, django_capture_on_commit_callbacks: Any
) -> None:
    gone = [make_call(recorded=True), make_call(recorded=True)]
    kept = make_call(recorded=True)
    form = {
        "action": "delete_selected",
        "_selected_action": [str(call.pk) for call in gone],
        "post": "yes",
    }
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(CALLS, form)
    assert Call.objects.get() == kept
    assert [audio_exists(call) for call in [*gone, kept]] == [False, False, True]


def test_a_new_assistant_has_the_usual_fillers_in_its_form(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:calls_assistant_add")).content.decode()
    assert all(filler in page for filler in default_fillers())


def filled_in(client: Client, assistant: Assistant) -> tuple[str, dict[str, Any]]:
    """Return the address of an assistant's form, and what it sends when nothing is changed."""
    address = reverse("admin:calls_assistant_change", args=[assistant.pk])
    form = client.get(address).context["adminform"].form
    values = {name: "" if (value := form[name].value()) is None else value for name in form.fields}
    return address, values | {"menu-TOTAL_FORMS": "0", "menu-INITIAL_FORMS": "0"}


def test_an_assistant_with_wrong_values_is_not_saved_and_says_why(
    admin_client: Client, assistant: Assistant
) -> None:
    address, good = filled_in(admin_client, assistant)
    answer = admin_client.post(
        address,
        good
        | {"slug": "not a slug", "speed": "9", "end_of_turn_ms": "10", "greeting": "", "hold_seconds": "5"}
        | {"fillers": "一" * 31, "filler_ms": "-1"},
    )
    assert answer.status_code == 200
    assert set(answer.context["adminform"].form.errors) == {
        "slug",
        "speed",
        "end_of_turn_ms",
        "greeting",
        "hold_seconds",
        "fillers",
        "filler_ms",
    }
    answer = admin_client.post(address, good | {"end_of_turn_ms": "900", "longest_pause_ms": "800"})
    assert set(answer.context["adminform"].form.errors) == {"longest_pause_ms"}
    assert admin_client.post(address, good).status_code == 302


def test_a_wait_shorter_than_the_usual_silence_is_refused(admin_client: Client, assistant: Assistant) -> None:
    address, good = filled_in(admin_client, assistant)
    answer = admin_client.post(address, good | {"silence_seconds": "90", "hold_seconds": "60"})
    assert "Not shorter than the usual silence before a prompt, 90 s." in answer.content.decode()


def menu(*rows: tuple[str, str, str]) -> dict[str, str]:
    """Return new rows of a menu (key, action, text) as the form sends them."""
    names = ("key", "action", "text")
    sent = {
        f"menu-{n}-{name}": value
        for n, row in enumerate(rows)
        for name, value in zip(names, row, strict=True)
    }
    return sent | {"menu-TOTAL_FORMS": str(len(rows))}


def test_a_menu_is_set_up_on_the_page_of_its_assistant(
    admin_client: Client, assistant: Assistant, django_capture_on_commit_callbacks: Any
) -> None:
    address, good = filled_in(admin_client, assistant)
    rows = menu(("1", "say", " 九点开门。 "), ("0", "repeat", ""), ("#", "hang_up", ""))
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(address, good | rows | {"fillers": "我看看。\r\n\r\n稍等。"})
    assert answer.status_code == 302
    plan = plan_for(Assistant.objects.get())
    assert {key: (choice.action.value, choice.text) for key, choice in plan.menu.items()} == {
        "1": ("say", "九点开门。"),
        "0": ("repeat", ""),
        "#": ("hang_up", ""),
    }
    assert plan.fillers == ("我看看。", "稍等。")
    assert {"九点开门。", "我看看。", "稍等。"} <= set(plan.phrases)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([("1", "say", "  ")], "Write what is said, or asked, when this key is pressed."),
        ([("1", "ask", "")], "Write what is said, or asked, when this key is pressed."),
        ([("1", "repeat", "九点")], "This key says nothing of its own: leave the text empty."),
        ([("1", "hang_up", ""), ("1", "repeat", "")], "Please correct the duplicate data"),
        ([("A", "hang_up", "")], "not one of the available choices"),
        ([("1", "", "")], "This field is required."),
    ],
    ids=[
        "nothing to say",
        "nothing to ask",
        "needless words",
        "one key twice",
        "no such key",
        "no action",
    ],
)
def test_a_menu_that_cannot_be_is_refused_and_says_why(
    admin_client: Client, assistant: Assistant, rows: list[tuple[str, str, str]], complaint: str
) -> None:
    address, good = filled_in(admin_client, assistant)
    answer = admin_client.post(address, good | menu(*rows))
    assert answer.status_code == 200
    assert complaint in answer.content.decode()
    assert not assistant.menu.exists()


def test_who_may_change_an_assistant_may_change_its_menu(client: Client, assistant: Assistant) -> None:
    staff = operator(client, "view_assistant", "change_assistant")
    address, good = filled_in(staff, assistant)
    staff.post(address, good | menu(("9", "hang_up", "")))
    assert assistant.menu.get().action == "hang_up"


def test_the_page_of_a_call_shows_manners(admin_client: Client, make_call: MakeCall) -> None:
    call = make_call(turns=1)
    call.turns.update(manner="repeat", contributions=[{"name": "filler", "ms": 700, "owner": "assistant"}])
    text = page(admin_client, call)
    assert "said again" in text
    assert "share-filler" in text


def test_the_overview_counts_today_and_lists_the_last_calls(
    admin_client: Client,
    make_call: MakeCall,
    django_assert_max_num_queries: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noon = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)
    monkeypatch.setattr(dashboard, "timezone", SimpleNamespace(localtime=lambda: noon))
    make_call(turns=2, started_at=noon)
    last = [make_call(started_at=noon + timedelta(seconds=n)) for n in range(1, 10)]
    failed = make_call(turns=1, started_at=noon - timedelta(seconds=1))
    failed.turns.update(voice_to_voice_ms=None)
    make_call(turns=4, started_at=noon - timedelta(days=2))
    with django_assert_max_num_queries(10):
        context = admin_client.get(reverse("admin:index")).context
    assert context["calls_today"] == 11
    assert (context["turns_today"], context["turns_unanswered"], context["median_ms"]) == (3, 1, 850)
    assert list(context["last_calls"]) == last[:0:-1]


def test_the_overview_of_an_empty_installation_invites_to_a_call(admin_client: Client) -> None:
    text = admin_client.get(reverse("admin:index")).content.decode()
    assert "Nobody has called yet." in text
    assert reverse("softphone") in text


def test_the_sidebar_and_the_overview_hide_what_an_operator_may_not_see(
    client: Client, make_call: MakeCall
) -> None:
    call = make_call()
    text = operator(client, "view_document").get(reverse("admin:index")).content.decode()
    assert reverse("admin:knowledge_document_changelist") in text
    assert CALLS not in text
    assert str(call.pk) not in text
    assert reverse("admin:auth_user_changelist") not in text


def test_users_and_groups_get_permissions_of_the_pages_there_are(
    admin_client: Client, admin_user: User
) -> None:
    for address in (reverse("admin:auth_group_add"), reverse("admin:auth_user_change", args=[admin_user.pk])):
        with translation.override("en"):
            text = admin_client.get(address).content.decode()
        assert "Call: see" in text
        assert "log entry" not in text


def test_logging_in_leads_to_the_overview(client: Client) -> None:
    User.objects.create_superuser("boss", password="correct horse")
    answer = client.post(reverse("admin:login"), {"username": "boss", "password": "correct horse"})
    assert answer["Location"] == reverse("admin:index")
