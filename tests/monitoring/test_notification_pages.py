"""Recipients and notifications in the admin: what is refused, what is shown, who may."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aiker.signing import SIGNATURE, is_signed
from monitoring.delivery import send_due
from monitoring.models import Alarm, Notification, Recipient, Sample, Target
from monitoring.turns import take_up_turns
from tests.calls.tools.receiver import receiving
from tests.monitoring.test_turns import make_turns

pytestmark = pytest.mark.django_db
RECIPIENTS = reverse("admin:monitoring_recipient_changelist")
ADD = reverse("admin:monitoring_recipient_add")
SENT = reverse("admin:monitoring_notification_changelist")


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> None:
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"


@pytest.fixture
def operator() -> Recipient:
    return Recipient.objects.create(name="值班", channel="email", address="on-call@example.com")


def form(**fields: Any) -> dict[str, Any]:
    return {
        "name": "平台", "channel": "webhook", "address": "https://alarms.example.com/x", "is_active": "on",
        "language": "", "remind_minutes": "240", "signing_key": "",
    } | fields  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "AIKER_ALARM_HOSTS"),
        ({"address": "file:///etc/passwd"}, "https://"),
        ({"address": "https://user:key@allowed.example.com/"}, "no login"),
        ({"channel": "email", "address": "nobody"}, "valid email"),
        (
            {"channel": "email", "address": "a@example.com", "remind_minutes": "1"},
            "greater than or equal to 5",
        ),
    ],
)
def test_an_address_that_nothing_can_be_sent_to_is_refused(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(settings.AIKER, "alarm_hosts", ["allowed.example.com"])
    page = admin_client.post(ADD, form(**fields)).content.decode()
    assert said in page
    assert not Recipient.objects.exists()


def test_a_new_webhook_gets_a_key_that_is_shown_once(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        monkeypatch.setattr(settings.AIKER, "alarm_hosts", [receiver.entry])
        page = admin_client.post(ADD, form(address=receiver.url("/json")), follow=True).content.decode()
        key = re.findall(r"shown only now: ([\w-]{40,})", page)[0]
        recipient = Recipient.objects.get()
        edit = reverse("admin:monitoring_recipient_change", args=[recipient.pk])
        assert key not in admin_client.get(edit).content.decode()
        # Saved again with an empty field, it stays.
        admin_client.post(edit, form(address=receiver.url("/json"), name="告警平台"))
        recipient.refresh_from_db()
        assert (recipient.signing_key, recipient.name) == (key, "告警平台")
        admin_client.post(reverse("admin:monitoring_recipient_send_test", args=[recipient.pk]))
        send_due(timezone.now())
        (got,) = receiver.got
        assert is_signed(key, got.body, got.headers[SIGNATURE], now_s=timezone.now().timestamp())
        assert got.json["events"][0]["event"] == "test"


def test_a_test_is_queued_and_its_page_follows_it(admin_client: Client, operator: Recipient) -> None:
    answer = admin_client.post(reverse("admin:monitoring_recipient_send_test", args=[operator.pk]))
    row = Notification.objects.get()
    assert LogEntry.objects.get().change_message == "a test was sent"
    assert answer["Location"] == reverse("admin:monitoring_notification_change", args=[row.pk])
    page = admin_client.get(answer["Location"])
    assert page["Refresh"] == "2"
    assert "manage.py monitor does not run" in page.content.decode()
    Sample.objects.create(at=timezone.now(), host="h", source="machine", values={})
    assert "does not run" not in admin_client.get(answer["Location"]).content.decode()

    send_due(timezone.now())  # as manage.py monitor does
    page = admin_client.get(answer["Location"])
    assert "Refresh" not in page
    assert "AIKER_EMAIL_HOST" in page.content.decode()
    assert "AIKER_EMAIL_HOST" in admin_client.get(SENT).content.decode()
    assert "failed" in admin_client.get(RECIPIENTS).content.decode()


def test_a_link_from_elsewhere_sends_nothing_and_acknowledges_nothing(
    admin_client: Client, operator: Recipient
) -> None:
    alarm = Alarm.objects.create(
        target=Target.objects.get(metric="stt"), opened_at=timezone.now(), value=1, worst=1
    )
    send = reverse("admin:monitoring_recipient_send_test", args=[operator.pk])
    known = reverse("admin:monitoring_alarm_acknowledge_alarm", args=[alarm.pk])
    for address, button in ((send, "Send a test"), (known, "Acknowledge")):
        page = admin_client.get(address).content.decode()
        assert f'<button type="submit">{button}</button>' in page
    alarm.refresh_from_db()
    assert (alarm.state, Notification.objects.count()) == ("open", 0)
    forged = Client(enforce_csrf_checks=True)
    forged.cookies = admin_client.cookies
    for address in (send, known):
        assert forged.post(address).status_code == 403
    assert admin_client.post(known).status_code == 302
    alarm.refresh_from_db()
    assert alarm.state == "acknowledged"


def target_form(**fields: Any) -> dict[str, Any]:
    return {
        "metric": "stt", "scope": "", "percentile": 90, "threshold": 400, "window_s": 600, "min_count": 5,
        "is_active": "on",
    } | fields  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scope": "anna"}, "can be narrowed by: assistant:…, profile:…, engine:…, version:…."),
        ({"scope": "助手:anna"}, "“助手:anna” does not fit this metric"),
        ({"scope": "host:box"}, "does not fit this metric"),
        ({"scope": "assistant:"}, "does not fit this metric"),
        ({"scope": "assistant:ana"}, "“ana” is not known here. Known: anna."),
        ({"scope": "profile:none"}, "“none” is not known here. Known: -."),
        ({"scope": "engine:none"}, "“none” is not known here. Known: kokoro-int8, whisper-base."),
        ({"scope": "version:none"}, "“none” is not known here. Known: –."),
        ({"metric": "failed_percent", "scope": "host:box"}, "does not fit this metric"),
        ({"metric": "cpu_percent", "scope": "engine:llm"}, "can be narrowed by: host:…."),
        ({"metric": "cpu_percent", "scope": "host:bax"}, "“bax” is not known here. Known: box."),
        ({"metric": "engine_queue", "scope": "assistant:anna"}, "can be narrowed by: host:…, engine:…."),
        ({"metric": "engine_queue", "scope": "engine:kokoro-int8"}, "Known: whisper-base."),
        ({"metric": "engine_queue", "scope": "engine:whisper-base"}, ""),
        ({"metric": "cpu_percent", "scope": "host:box"}, ""),
        ({"metric": "failed_percent", "scope": "assistant:anna"}, ""),
        ({"scope": "assistant:anna"}, ""),
        ({"scope": "engine:kokoro-int8"}, ""),
        ({"scope": "profile:-"}, ""),
        ({"scope": "anna", "is_active": ""}, ""),
    ],
)
def test_a_scope_that_nothing_is_measured_of_is_refused(
    admin_client: Client, fields: dict[str, Any], said: str
) -> None:
    make_turns([1500], timezone.now())  # of anna, with whisper-base and kokoro-int8
    take_up_turns()
    values = {"engine_queue|stt|whisper-base": 0.0}
    Sample.objects.create(at=timezone.now(), host="box", source="machine", values=values)
    answer = admin_client.post(reverse("admin:monitoring_target_add"), target_form(**fields))
    if said:
        assert said in answer.content.decode()
    assert Target.objects.filter(percentile=90).exists() is not bool(said)


def test_alarms_that_are_not_measured_any_more_are_not_among_the_resolved(admin_client: Client) -> None:
    now = timezone.now()
    Alarm.objects.create(
        target=Target.objects.get(metric="stt"),
        opened_at=now,
        resolved_at=now,
        unmeasured=True,
        value=1,
        worst=1230,
    )
    alarms = reverse("admin:monitoring_alarm_changelist")
    assert "1.23 s" not in admin_client.get(alarms, {"state": "resolved"}).content.decode()
    assert "1.23 s" in admin_client.get(alarms, {"state": "unmeasured"}).content.decode()


def test_what_stands_in_the_way_is_said_before_an_alarm(
    admin_client: Client, operator: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = reverse("admin:monitoring_recipient_change", args=[operator.pk])
    assert "AIKER_EMAIL_HOST is not set" in admin_client.get(address).content.decode()
    monkeypatch.setattr(settings.AIKER, "email_host", "mail.example.com")
    assert "AIKER_EMAIL_HOST is not set" not in admin_client.get(address).content.decode()


def test_an_alarm_shows_who_was_told(admin_client: Client, operator: Recipient) -> None:
    now = timezone.now()
    alarm = Alarm.objects.create(target=Target.objects.get(metric="stt"), opened_at=now, value=1, worst=1)
    Notification.objects.create(
        recipient=operator, alarm=alarm, event="opened", state="sent", created_at=now, due_at=now
    )
    page = admin_client.get(reverse("admin:monitoring_alarm_change", args=[alarm.pk])).content.decode()
    assert "alarm → 值班: sent" in page


def test_the_list_asks_the_database_a_fixed_number_of_times(
    admin_client: Client, operator: Recipient, django_assert_max_num_queries: Any
) -> None:
    now = timezone.now()
    alarm = Alarm.objects.create(target=Target.objects.get(metric="stt"), opened_at=now, value=1, worst=1)
    Notification.objects.bulk_create(
        Notification(
            recipient=operator,
            alarm=alarm,
            event="reminder",
            created_at=now - timedelta(minutes=n),
            due_at=now,
        )
        for n in range(90)
    )
    with django_assert_max_num_queries(14):
        assert admin_client.get(SENT).status_code == 200


@pytest.mark.parametrize("address", [RECIPIENTS, ADD, SENT])
def test_who_has_no_permission_sees_nothing(client: Client, operator: Recipient, address: str) -> None:
    user = User.objects.create_user("clerk", is_staff=True)
    client.force_login(user)
    assert client.get(address).status_code == 403
    test = reverse("admin:monitoring_recipient_send_test", args=[operator.pk])
    user.user_permissions.add(Permission.objects.get(codename="view_recipient"))
    assert client.get(test).status_code == 403  # to send takes the permission to change
    assert not Notification.objects.exists()


def test_a_record_of_what_was_sent_cannot_be_changed(admin_client: Client, operator: Recipient) -> None:
    now = timezone.now()
    row = Notification.objects.create(recipient=operator, event="test", created_at=now, due_at=now)
    address = reverse("admin:monitoring_notification_change", args=[row.pk])
    assert admin_client.post(address, {"state": "sent"}).status_code == 403
    assert admin_client.get(SENT + "add/").status_code == 403
