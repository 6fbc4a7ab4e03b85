"""What is sent of alarms: mails and signed requests, to real servers, and what becomes of failures."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.exceptions import ValidationError

from monitoring import delivery
from monitoring.delivery import WAITS, send_due
from monitoring.models import Alarm, Notification, Recipient, Target
from monitoring.notifications import send_test
from tests.calls.tools.receiver import Receiver, receiving
from tests.monitoring.mail_server import MailServer, mail_server
from tests.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
State = Notification.State
KEY = "a-key-of-the-receiver"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        monkeypatch.setattr(settings.AIKER, "alarm_hosts", [receiver.entry])
        yield receiver


@pytest.fixture
def alarm() -> Alarm:
    target = Target.objects.get(metric="stt")
    return Alarm.objects.create(
        target=target,
        opened_at=NOW,
        value=720,
        worst=900,
        consequences=[["total", ""], ["stt", "profile:fast"]],
    )


def webhook(url: str, **fields: Any) -> Recipient:
    recipient = Recipient(name="告警平台", channel="webhook", address=url, **fields)
    recipient.signing_key = KEY
    recipient.full_clean()
    recipient.save()
    return recipient


def mailbox(**fields: Any) -> Recipient:
    return Recipient.objects.create(name="值班", channel="email", address="on-call@example.com", **fields)


def queue(recipient: Recipient, event: str = "opened", alarm: Alarm | None = None) -> Notification:
    return Notification.objects.create(
        recipient=recipient, event=event, alarm=alarm, created_at=NOW, due_at=NOW
    )


def is_from_here(key: str, signature: str, body: bytes) -> bool:
    """Check a signature as docs/monitoring.md describes it, without this project's code."""
    t, v1 = (part.split("=", 1)[1] for part in signature.split(","))
    assert abs(time.time() - int(t)) < 60
    expected = hmac.new(key.encode(), f"{t}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, v1)


# -- webhooks


def test_a_webhook_gets_signed_json(receiver: Receiver, alarm: Alarm) -> None:
    row = queue(webhook(receiver.url("/json"), language="en"), alarm=alarm)
    assert send_due(NOW) == 1
    (got,) = receiver.got
    assert got.method == "POST"
    assert is_from_here(KEY, got.headers["X-Aiker-Signature"], got.body)
    assert not is_from_here("another", got.headers["X-Aiker-Signature"], got.body)
    assert not is_from_here(KEY, got.headers["X-Aiker-Signature"], got.body + b" ")
    assert got.json["message_id"] == got.headers["X-Aiker-Request"]
    assert got.json["text"] == "[Aiker] Alarm: Recognition is at 0.72 s"
    (event,) = got.json["events"]
    assert (event["id"], event["event"]) == (row.pk, "opened")
    assert event["alarm"] | {"url": ""} == {
        "id": alarm.pk,
        "url": "",
        "metric": "stt",
        "scope": "",
        "percentile": 95,
        "threshold": 500,
        "window_s": 300,
        "value": 720,
        "worst": 900,
        "opened_at": "2026-11-20T04:00:00+00:00",
        "resolved_at": None,
        "acknowledged": False,
        "consequences": [{"metric": "total", "scope": ""}, {"metric": "stt", "scope": "profile:fast"}],
        "cause": None,
    }
    assert event["alarm"]["url"].endswith(f"/admin/monitoring/alarm/{alarm.pk}/change/")
    row.refresh_from_db()
    assert (row.state, row.attempts, row.error) == (State.SENT, 1, "")
    assert send_due(NOW) == 0  # once


@pytest.mark.parametrize("path", ["/text", "/empty", "/html", "/broken"])
def test_whatever_2xx_says_is_an_arrival(receiver: Receiver, path: str) -> None:
    row = send_test(webhook(receiver.url(path)), NOW)
    send_due(NOW)
    row.refresh_from_db()
    assert row.state == State.SENT


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/500", "The receiver answers with an error. (localhost answered 500)"),
        ("/redirect", "The receiver answers with another address, which is not followed."),
    ],
)
def test_a_receiver_that_fails_is_tried_again_a_bounded_number_of_times(
    receiver: Receiver, path: str, said: str
) -> None:
    row = send_test(webhook(receiver.url(path), language="en"), NOW)
    at, waited = NOW, []
    while Notification.objects.filter(state=State.WAITING).exists():
        row.refresh_from_db()
        waited.append(row.due_at - at)
        at = row.due_at
        assert send_due(at - timedelta(seconds=1)) == 0 or row.attempts == 0
        send_due(at)
    row.refresh_from_db()
    assert waited == [timedelta(0), *WAITS]
    assert (row.state, row.attempts, len(receiver.got)) == (State.FAILED, len(WAITS) + 1, len(WAITS) + 1)
    assert said in row.error


def test_a_receiver_that_comes_back_gets_what_it_missed_in_one_message(
    receiver: Receiver, alarm: Alarm
) -> None:
    recipient = webhook(receiver.url("/500"))
    first = queue(recipient, alarm=alarm)
    send_due(NOW)
    recipient.address = receiver.url("/json")
    recipient.save()
    second = queue(recipient, "resolved", alarm)
    # The first waits for its second attempt; there is news meanwhile, and the order is kept.
    assert send_due(NOW + timedelta(seconds=5)) == 1
    assert [event["event"] for event in receiver.got[-1].json["events"]] == ["opened", "resolved"]
    assert [event["id"] for event in receiver.got[-1].json["events"]] == [first.pk, second.pk]
    assert set(Notification.objects.values_list("state", flat=True)) == {State.SENT}


def test_a_receiver_that_hangs_is_given_up(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "WEBHOOK_S", 0.3)
    row = send_test(webhook(receiver.url("/hangs")), NOW)
    began = time.perf_counter()
    send_due(NOW)
    assert time.perf_counter() - began < 5
    row.refresh_from_db()
    assert row.state == State.WAITING
    assert "no answer within 0.3 s" in row.error


def test_nothing_is_sent_to_a_host_that_is_not_allowed(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipient = webhook(receiver.url("/json"))
    monkeypatch.setattr(settings.AIKER, "alarm_hosts", [])
    monkeypatch.setattr(
        settings.AIKER, "tool_hosts", [receiver.entry]
    )  # where tools may reach is another list
    with pytest.raises(ValidationError, match="AIKER_ALARM_HOSTS"):
        recipient.full_clean()
    row = send_test(recipient, NOW)
    send_due(NOW)
    row.refresh_from_db()
    assert (row.state, row.attempts, receiver.got) == (State.FAILED, 1, [])
    assert "AIKER_ALARM_HOSTS" in row.error


def test_one_that_cannot_be_reached_keeps_nobody_else_from_being_told(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = f"127.0.0.1:{free_port()}"
    monkeypatch.setattr(settings.AIKER, "alarm_hosts", [receiver.entry, closed])
    lost, fine = (send_test(webhook(url), NOW) for url in (f"http://{closed}/", receiver.url("/json")))
    assert send_due(NOW) == 2
    lost.refresh_from_db()
    fine.refresh_from_db()
    assert (lost.state, fine.state) == (State.WAITING, State.SENT)
    assert "cannot be reached" in lost.error


def test_the_key_is_encrypted_and_one_of_another_installation_is_an_error(
    receiver: Receiver, settings: Any
) -> None:
    recipient = webhook(receiver.url("/json"))
    assert KEY not in recipient.sealed
    settings.SECRET_KEY = "another-installation"
    row = send_test(recipient, NOW)
    send_due(NOW)
    row.refresh_from_db()
    assert (row.state, receiver.got) == (State.FAILED, [])
    assert row.error


def test_many_alarms_at_once_are_one_message(receiver: Receiver) -> None:
    recipient = webhook(receiver.url("/json"), language="en")
    for target in Target.objects.all():
        alarm = Alarm.objects.create(target=target, opened_at=NOW, value=1, worst=1)
        queue(recipient, alarm=alarm)
    send_due(NOW)
    (got,) = receiver.got
    assert len(got.json["events"]) == Target.objects.count() == 9
    assert got.json["text"] == "[Aiker] 9 changes of alarms"


# -- mail


@pytest.fixture
def mail_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.AIKER, "email_host", "mail.example.com")


@pytest.mark.usefixtures("mail_host")
@pytest.mark.parametrize(
    ("language", "title", "line"),
    [
        ("zh-hans", "[Aiker] 告警：语音识别 已达 0.72 秒", "同一原因未达标"),
        ("", "[Aiker] 告警：语音识别 已达 0.72 秒", "同一原因未达标"),
        ("en", "[Aiker] Alarm: Recognition is at 0.72 s", "Missed for the same cause: Voice to voice"),
    ],
)
def test_a_mail_speaks_the_language_of_its_reader(alarm: Alarm, language: str, title: str, line: str) -> None:
    queue(mailbox(language=language), alarm=alarm)
    send_due(NOW)
    (message,) = mail.outbox
    assert (message.subject, message.to) == (title, ["on-call@example.com"])
    assert line in message.body
    assert f"/admin/monitoring/alarm/{alarm.pk}/change/" in message.body


@pytest.mark.usefixtures("mail_host")
def test_an_all_clear_says_from_when_to_when(alarm: Alarm) -> None:
    alarm.resolved_at = NOW + timedelta(minutes=6)
    alarm.save()
    queue(mailbox(language="en"), "resolved", alarm)
    send_due(NOW)
    (message,) = mail.outbox
    assert message.subject == "[Aiker] All clear: Recognition"
    assert "Since 2026-11-20 12:00:00\nUntil 2026-11-20 12:06:00" in message.body  # in Shanghai


@pytest.mark.usefixtures("mail_host")
def test_the_end_of_an_alarm_that_is_not_measured_any_more_is_no_all_clear(alarm: Alarm) -> None:
    alarm.resolved_at, alarm.unmeasured = NOW + timedelta(minutes=6), True
    alarm.save()
    queue(mailbox(language="en"), "unmeasured", alarm)
    send_due(NOW)
    (message,) = mail.outbox
    assert message.subject == "[Aiker] No longer measured: Recognition"
    assert "Whether it is well again is not known." in message.body


@pytest.mark.usefixtures("mail_host")
def test_a_share_of_turns_is_told_without_a_percentile(alarm: Alarm) -> None:
    alarm.target = Target.objects.get(metric="failed_percent")
    alarm.save()
    queue(mailbox(language="en"), alarm=alarm)
    send_due(NOW)
    assert "Target: at most 20% over 5 min. Worst: 900%." in mail.outbox[0].body


def test_without_a_mail_server_a_mail_fails_with_what_to_do(alarm: Alarm) -> None:
    row = queue(mailbox(language="en"), alarm=alarm)
    send_due(NOW)
    row.refresh_from_db()
    assert (row.state, mail.outbox) == (State.FAILED, [])
    assert "AIKER_EMAIL_HOST" in row.error


@pytest.fixture
def smtp(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server, and Django's own way to talk to it."""
    with mail_server() as server:
        monkeypatch.setattr(settings.AIKER, "email_host", "127.0.0.1")
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = False
        yield server


def test_a_mail_arrives_over_smtp(smtp: MailServer, alarm: Alarm) -> None:
    row = queue(mailbox(), alarm=alarm)
    send_due(NOW)
    ((sender, to, message),) = smtp.got
    assert (sender, to) == ("aiker@localhost", ["on-call@example.com"])
    assert "语音识别" in message["Subject"] or "Recognition" in message["Subject"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert str(alarm.pk) in message.get_content()
    row.refresh_from_db()
    assert row.state == State.SENT


def test_a_mail_server_that_refuses_is_tried_again(smtp: MailServer) -> None:
    smtp.refuses = "451 greylisted, come back later"
    row = send_test(mailbox(), NOW)
    send_due(NOW)
    row.refresh_from_db()
    assert row.state == State.WAITING
    assert "greylisted" in row.error
    smtp.refuses = ""
    send_due(NOW + WAITS[0])
    row.refresh_from_db()
    assert (row.state, len(smtp.got)) == (State.SENT, 1)


def test_what_fails_unexpectedly_does_not_end_the_thread(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(delivery, "EVERY_S", 0.01)
    row = send_test(webhook(receiver.url("/json")), NOW)
    broken = [True]

    def fails_once(*args: Any) -> int:
        if broken.pop() if broken else False:
            raise RuntimeError("a bug")
        return send_due(*args)

    monkeypatch.setattr(delivery, "send_due", fails_once)
    ended = threading.Event()
    thread = threading.Thread(target=delivery.deliver, args=(ended,))
    thread.start()
    try:
        assert receiver.arrived.wait(10)
    finally:
        ended.set()
        thread.join(10)
    assert "could not be sent" in caplog.text
    row.refresh_from_db()
    assert row.state == State.SENT
