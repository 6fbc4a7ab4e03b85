"""Who is to be told of which alarm, and when: rows that ``monitoring.delivery`` sends.

::

    announce(changed, now)      # alarms that opened or were resolved, in the transaction that changed them
    remind(now)                 # of those that nobody has acknowledged
    send_test(recipient, now)

One cause is told once: an alarm waits ``SETTLE``, in which its cause may turn up and tell it all; that it is
over waits ``CALM``, and an alarm of the same target meanwhile takes it back instead of being news.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from monitoring.models import Alarm, Notification, Recipient, Target
from monitoring.objectives import CALM

Event, State = Notification.Event, Notification.State
SETTLE = timedelta(seconds=10)
OVER = (Event.RESOLVED, Event.UNMEASURED)
"""What an alarm's end is told by."""


def announce(changed: Iterable[Alarm], now: datetime) -> None:
    """Queue what recipients are told of alarms that have opened or been resolved."""
    changed = list(changed)
    if not changed:
        return
    recipients = list(Recipient.objects.filter(is_active=True))
    # Those that are over first: an alarm that is their cause is news all the same.
    for alarm in sorted(changed, key=lambda alarm: alarm.resolved_at is None):
        for recipient in recipients:
            if alarm.resolved_at:
                _resolved(recipient, alarm, _cause(alarm, changed), now)
            else:
                _opened(recipient, alarm, now)


def remind(now: datetime) -> None:
    """Queue reminders of open alarms that nobody has acknowledged."""
    alarms = list(Alarm.objects.filter(resolved_at=None, acknowledged_at=None).select_related("target"))
    if not alarms:
        return
    for recipient in Recipient.objects.filter(is_active=True).exclude(remind_minutes=None):
        every = timedelta(minutes=recipient.remind_minutes or 0)
        for alarm in alarms:
            last = _told(recipient, alarm.target).first()
            if last and last.event not in OVER and last.created_at <= now - every:
                _queue(recipient, Event.REMINDER, now, alarm)


def send_test(recipient: Recipient, now: datetime) -> Notification:
    """Queue a message that says only that it arrived."""
    return _queue(recipient, Event.TEST, now)


def _opened(recipient: Recipient, alarm: Alarm, now: datetime) -> None:
    told = _told(recipient, alarm.target)
    early = told.filter(event__in=OVER, state=State.WAITING, due_at__gt=now, attempts=0)
    if not early.update(state=State.WITHDRAWN):
        _queue(recipient, Event.OPENED, now, alarm, due_at=now + SETTLE)


def _resolved(recipient: Recipient, alarm: Alarm, cause: Alarm | None, now: datetime) -> None:
    told = _told(recipient, alarm.target)
    if told.filter(event=Event.OPENED, state=State.WAITING, due_at__gt=now, attempts=0).update(
        state=State.WITHDRAWN
    ):
        return
    last = told.exclude(state=State.FAILED).first()
    if last and last.event not in OVER:
        event = Event.UNMEASURED if alarm.unmeasured else Event.RESOLVED
        _queue(recipient, event, now, alarm, cause=cause, due_at=now + CALM)


def _told(recipient: Recipient, target: Target) -> QuerySet[Notification]:
    """Return what this recipient was or will be told about a target, the newest first."""
    rows = Notification.objects.filter(recipient=recipient, alarm__target=target)
    return rows.exclude(state=State.WITHDRAWN).order_by("-pk")


def _cause(alarm: Alarm, changed: Sequence[Alarm]) -> Alarm | None:
    """Return the alarm that has just opened and has this one's target among its consequences."""
    itself = [alarm.target.metric, alarm.target.scope]
    found = (other for other in changed if other.resolved_at is None and itself in other.consequences)
    return next(found, None)


def _queue(
    recipient: Recipient,
    event: str,
    now: datetime,
    alarm: Alarm | None = None,
    *,
    cause: Alarm | None = None,
    due_at: datetime | None = None,
) -> Notification:
    return Notification.objects.create(
        recipient=recipient, event=event, alarm=alarm, cause=cause, created_at=now, due_at=due_at or now
    )
