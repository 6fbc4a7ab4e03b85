"""Assistants in the admin: a transfer to be filled in, offers checked at save, and copies."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from aiker.calls.models import Assistant, MenuItem, Tool
from aiker.calls.plan import plan_for
from aiker.calls.tools.transfer import provide_transfer, transfer_of
from engines.models import BackendProfile, EngineConfig

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english_pages")]

ADD = reverse("admin:calls_assistant_add")
OFFER = "这个我不太清楚，需要为您转人工确认吗？"


@pytest.fixture
def english_pages(admin_client: Client) -> None:
    admin_client.cookies["django_language"] = "en"


def change_url(assistant: Assistant) -> str:
    return reverse("admin:calls_assistant_change", args=[assistant.pk])


def form_at(client: Client, url: str, **changes: Any) -> dict[str, Any]:
    """Return what the form at ``url`` sends, with ``changes``."""
    form = client.get(url).context["adminform"].form
    values = {name: "" if (value := form[name].value()) is None else value for name in form.fields}
    return values | {"menu-TOTAL_FORMS": "0", "menu-INITIAL_FORMS": "0"} | changes


def add(client: Client, **changes: Any) -> Any:
    return client.post(ADD, form_at(client, ADD, name="小林", slug="lin", **changes), follow=True)


def test_p1_a_new_assistant_is_nobodys(admin_client: Client) -> None:
    page = admin_client.get(ADD).content.decode()
    assert "OneSuite" not in page
    assert add(admin_client).redirect_chain
    lin = Assistant.objects.get()
    assert lin.greeting == "您好，请问有什么可以帮您？"


def test_p0_a_transfer_ships_ready_to_be_filled_in(admin_client: Client) -> None:
    add(admin_client)
    lin = Assistant.objects.get()
    tool = lin.tools.get()
    assert (tool.kind, tool.is_active, tool.target) == ("transfer", False, "")
    assert transfer_of(lin) is None
    assert list(MenuItem.objects.values_list("key", "action", "text")) == [("0", "transfer", "")]
    assert "fill in the number" in admin_client.get(reverse("admin:calls_tool_changelist")).content.decode()
    assert "Not in use yet" in admin_client.get(change_url(lin)).content.decode()

    url = reverse("admin:calls_tool_change", args=[tool.pk])
    form = admin_client.get(url).context["adminform"].form
    sent = {name: value for name in form.fields if (value := form[name].value()) not in (None, False)}
    sent |= {"assistants": [lin.pk]}
    answer = admin_client.post(url, sent, follow=True)
    assert "Callers are not transferred yet" in answer.content.decode()
    answer = admin_client.post(url, sent | {"is_active": "on"})
    assert "target" in answer.context["adminform"].form.errors
    assert admin_client.post(url, sent | {"is_active": "on", "target": "8001"}).status_code == 302
    assert plan_for(lin).can_transfer
    assert "are transferred to 8001" in admin_client.get(change_url(lin)).content.decode()


def test_p0_an_offer_without_a_transfer_is_refused_at_save(admin_client: Client) -> None:
    for field in ("no_answer", "greeting", "system_prompt", "fillers"):
        answer = add(admin_client, **{field: "好的，我帮您转人工。"})
        assert "no transfer is in use" in str(answer.context["adminform"].form.errors[field])
    row = {
        "menu-TOTAL_FORMS": "1",
        "menu-0-key": "1",
        "menu-0-action": "say",
        "menu-0-text": "正在为您转接人工。",
    }
    assert "no transfer is in use" in add(admin_client, **row).content.decode()
    assert not Assistant.objects.exists()


def test_an_offer_with_a_transfer_is_saved(admin_client: Client) -> None:
    lin = Assistant.objects.create(slug="lin", name="小林")
    provide_transfer(lin)
    Tool.objects.update(is_active=True, target="8001")
    url = change_url(lin)
    assert admin_client.post(url, form_at(admin_client, url, no_answer=OFFER)).status_code == 302
    lin.refresh_from_db()
    assert (lin.no_answer, plan_for(lin).no_answer) == (OFFER, OFFER)


def test_an_old_offer_is_told_of_and_stands_in_no_ones_way(admin_client: Client) -> None:
    lin = Assistant.objects.create(slug="lin", name="小林", no_answer=OFFER)
    url = change_url(lin)
    answer = admin_client.post(url, form_at(admin_client, url, speed="1.1"), follow=True)
    assert "calls leave the offer out: When the knowledge has no answer" in answer.content.decode()
    lin.refresh_from_db()
    assert lin.speed == 1.1


def test_switching_a_transfer_off_tells_who_offers_it(admin_client: Client) -> None:
    lin = Assistant.objects.create(slug="lin", name="小林", no_answer=OFFER)
    tool = provide_transfer(lin)
    url = reverse("admin:calls_tool_change", args=[tool.pk])
    form = admin_client.get(url).context["adminform"].form
    sent = {name: value for name in form.fields if (value := form[name].value()) not in (None, False)}
    answer = admin_client.post(url, sent | {"assistants": [lin.pk], "target": "8001"}, follow=True)
    assert "小林 offers a transfer that is not there" in answer.content.decode()


def test_a_transfer_is_set_up_for_an_assistant_that_has_none(admin_client: Client) -> None:
    lin = Assistant.objects.create(slug="lin", name="小林")
    MenuItem.objects.create(assistant=lin, key="0", action="repeat")
    answer = admin_client.get(reverse("admin:calls_assistant_set_up_transfer", args=[lin.pk]))
    assert answer["Location"] == reverse("admin:calls_tool_change", args=[lin.tools.get().pk])
    assert lin.menu.get().action == "repeat"


def test_p1_a_copy_has_everything_and_answers_no_calls(admin_client: Client) -> None:
    lin = Assistant.objects.create(slug="lin", name="小林", greeting="您好，小林。", speed=1.2)
    provide_transfer(lin)
    lin.menu.create(key="1", action="say", text="一楼。")
    url = reverse("admin:calls_assistant_copy", args=[lin.pk])
    form = admin_client.get(url).context["form"]
    assert (form["slug"].value(), form["name"].value()) == ("lin-copy", "小林 (copy)")
    assert "slug" in admin_client.post(url, {"name": "小王", "slug": "lin"}).context["form"].errors
    admin_client.post(url, {"name": "小王", "slug": "wang"})
    copy = Assistant.objects.get(slug="wang")
    assert (copy.name, copy.greeting, copy.speed, copy.is_active) == ("小王", "您好，小林。", 1.2, False)
    assert list(copy.menu.values_list("key", "text")) == [("0", ""), ("1", "一楼。")]
    assert list(copy.tools.all()) == list(lin.tools.all())


def test_p1_voices_are_a_list_and_another_is_refused(admin_client: Client) -> None:
    page = admin_client.get(ADD)
    choices = [value for value, _label in page.context["adminform"].form.fields["voice"].choices]
    assert "zf_xiaobei" in choices
    assert not [value for value in choices if not value.startswith("z")]  # English voices say no Mandarin
    assert "data-voice-sample" in page.content.decode()
    answer = add(admin_client, voice="no_such_voice")
    assert "There is no voice “no_such_voice”" in str(answer.context["adminform"].form.errors["voice"])


@pytest.mark.parametrize("voice", ["no_such_voice", "af_heart"])
def test_a_voice_that_the_engine_lacks_is_refused_by_the_model(voice: str) -> None:
    with pytest.raises(ValidationError, match=f"has no voice {voice}"):
        Assistant(slug="lin", name="小林", voice=voice).full_clean()


def test_a_stored_voice_that_is_gone_is_shown_and_refused(admin_client: Client) -> None:
    lin = Assistant.objects.create(slug="lin", name="小林", voice="gone")
    url = change_url(lin)
    answer = admin_client.post(url, form_at(admin_client, url))
    assert "has no voice gone" in str(answer.context["adminform"].form.errors["voice"])


def test_an_engine_with_a_voice_of_its_own_asks_for_none() -> None:
    profile = BackendProfile.objects.create(slug="p", name="P", mode="api", is_published=True)
    remote = {"base_url": "https://tts.example.com/v1", "model": "m"}
    engine = EngineConfig.objects.create(
        slug="v", name="V", backend="openai-tts", stage="tts", parameters=remote
    )
    profile.routes.create(engine=engine)
    Assistant(slug="lin", name="小林", voice="alloy", profile=profile).full_clean()  # nobody here knows
    own = {"model": "kokoro-int8", "voice": "zf_xiaoni"}
    kokoro = EngineConfig.objects.create(slug="k", name="K", backend="kokoro", stage="tts", parameters=own)
    profile.routes.create(engine=kokoro)
    Assistant(slug="lin", name="小林", voice="alloy", profile=profile).full_clean()
    EngineConfig.objects.filter(slug="k").update(parameters={"model": "kokoro-int8"})
    with pytest.raises(ValidationError, match="has no voice alloy"):
        Assistant(slug="lin", name="小林", voice="alloy", profile=profile).full_clean()


def test_a_profile_that_cannot_answer_is_refused_at_save(admin_client: Client) -> None:
    profile = BackendProfile.objects.create(slug="p", name="空", is_published=True)
    answer = add(admin_client, profile=profile.pk)
    assert "No engine for" in str(answer.context["adminform"].form.errors["profile"])


def test_a_sample_says_what_is_wrong(admin_client: Client) -> None:
    url = reverse("admin:calls_assistant_voice_sample")
    answer = admin_client.get(url, {"voice": "no_such_voice"})
    assert (answer.status_code, "has no voice" in answer.content.decode()) == (503, True)
