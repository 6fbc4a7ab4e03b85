"""Send what recipients are to be told of alarms: by mail, or signed to an allowed host.

::

    send_due(timezone.now())        # on a thread of ``manage.py monitor``: a receiver may hang for seconds

What fails is tried again after ever longer waits, ``len(WAITS) + 1`` times in all. A message holds all that
is due for its recipient, so that many alarms at once are one message.
"""

from __future__ import annotations

import asyncio
import json
import logging
import smtplib
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import close_old_connections
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aiker.calls.tools.hosts import host_problem
from aiker.calls.tools.http import exchange
from aiker.calls.tools.request import Request
from aiker.calls.tools.spec import ToolError
from aiker.signing import SIGNATURE, sign
from engines.secrets import SecretsError
from monitoring.messages import payload, subject, text
from monitoring.models import Notification, Recipient

logger = logging.getLogger(__name__)

EVERY_S = 2.0
WEBHOOK_S = 10.0
WAITS = tuple(timedelta(seconds=s) for s in (10, 30, 120, 600, 1800))
HOSTS_SETTING = "AIKER_ALARM_HOSTS"
State = Notification.State

FAILURES = {
    "host": gettext_lazy("Nothing may be sent to this address."),
    "unreachable": gettext_lazy("The receiver cannot be reached."),
    "timeout": gettext_lazy("The receiver does not answer in time."),
    "status": gettext_lazy("The receiver answers with an error."),
    "redirect": gettext_lazy("The receiver answers with another address, which is not followed."),
    "too_large": gettext_lazy("The receiver's answer is too long."),
}
"""What a ``ToolError`` of a webhook means to an operator, by its code."""


class DeliveryError(Exception):
    """A message did not arrive; ``final``: nor will it, however often it is sent."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


def deliver(ended: threading.Event) -> None:
    """Send what is due every few seconds, until ``ended`` is set."""
    while not ended.wait(EVERY_S):
        try:
            send_due(timezone.now())
        except Exception:
            # The database locked, a bug in one message: the others are tried again.
            logger.exception("notifications could not be sent; they are tried again")
        finally:
            close_old_connections()


def send_due(now: datetime) -> int:
    """Send one message to each recipient that something is due for; return how many were tried."""
    waiting = Notification.objects.filter(state=State.WAITING)
    due = waiting.filter(due_at__lte=now).values_list("recipient_id", flat=True)
    rows: dict[int, list[Notification]] = defaultdict(list)
    related = ("recipient", "alarm__target", "cause__target")
    for row in waiting.filter(recipient_id__in=set(due)).select_related(*related).order_by("pk"):
        # What was tried before goes with what is new, so that things are told in their order.
        if row.due_at <= now or row.attempts:
            rows[row.recipient_id].append(row)
    for notifications in rows.values():
        _send(notifications[0].recipient, notifications, now)
    return len(rows)


def problem(recipient: Recipient) -> str:
    """Return why nothing can be sent to a recipient now; empty: it can."""
    if recipient.channel == Recipient.Channel.WEBHOOK:
        return host_problem(recipient.address, settings.AIKER.alarm_hosts, HOSTS_SETTING)
    if not settings.AIKER.email_host:
        return _(
            "No mail is sent: AIKER_EMAIL_HOST is not set. Whoever runs this machine sets it and restarts."
        )
    return ""


def _send(recipient: Recipient, notifications: Sequence[Notification], now: datetime) -> None:
    error: DeliveryError | None = None
    with translation.override(recipient.language or settings.LANGUAGE_CODE):
        try:
            if found := problem(recipient):
                raise DeliveryError(found, final=True)
            _SEND[Recipient.Channel(recipient.channel)](recipient, notifications, now)
        except DeliveryError as exc:
            error = exc
            logger.warning("alarms could not be sent to %s: %s", recipient, exc)
    for row in notifications:
        _note(row, error, now)


def _note(row: Notification, error: DeliveryError | None, now: datetime) -> None:
    """Record an attempt, and when the next one is."""
    row.attempts += row.due_at <= now  # what only went along has its own time left
    if error is None:
        row.state, row.sent_at, row.error = State.SENT, timezone.now(), ""
    else:
        row.error = str(error)
        if error.final or row.attempts > len(WAITS):
            row.state = State.FAILED
        elif row.due_at <= now:
            row.due_at = now + WAITS[row.attempts - 1]
    row.save(update_fields=["attempts", "state", "sent_at", "error", "due_at"])


def _mail(recipient: Recipient, notifications: Sequence[Notification], _now: datetime) -> None:
    message = EmailMessage(
        subject(notifications),
        text(notifications),
        to=[recipient.address],
        headers={"Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except (smtplib.SMTPException, OSError) as exc:
        host = f"{settings.AIKER.email_host}:{settings.AIKER.email_port}"
        raise DeliveryError(f"{host}: {type(exc).__name__}: {exc}") from exc


def _webhook(recipient: Recipient, notifications: Sequence[Notification], now: datetime) -> None:
    message_id = uuid.uuid4().hex
    body = json.dumps(payload(notifications, message_id, now), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "X-Aiker-Request": message_id}
    try:
        if key := recipient.signing_key:
            headers[SIGNATURE] = sign(key, body, now_s=time.time())
        request = Request("POST", recipient.address, headers, body, WEBHOOK_S)
        asyncio.run(exchange(request, settings.AIKER.alarm_hosts, HOSTS_SETTING))
    except SecretsError as exc:
        raise DeliveryError(str(exc), final=True) from exc
    except ToolError as exc:
        raise DeliveryError(_failure(exc), final=exc.code == "host") from exc


def _failure(exc: ToolError) -> str:
    """Return why a webhook's receiver was not told, with the detail that whoever runs it needs."""
    text = FAILURES.get(exc.code)
    return _("%(text)s (%(detail)s)") % {"text": text, "detail": exc.message} if text else exc.message


_SEND = {Recipient.Channel.EMAIL: _mail, Recipient.Channel.WEBHOOK: _webhook}
