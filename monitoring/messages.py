"""What a message says of alarms, in the language that is active: a mail, or JSON for a webhook.

::

    with translation.override(recipient.language):
        subject(notifications), text(notifications), payload(notifications, message_id, now)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from monitoring.figures import SHARES_OF_TURNS, named, value_with_unit
from monitoring.models import Alarm, Notification

Event = Notification.Event


def subject(notifications: Sequence[Notification]) -> str:
    """Return the line that a mail is known by."""
    if len(notifications) == 1:
        line = headline(notifications[0])
    else:
        count = len(notifications)
        line = ngettext("%(n)d change of alarms", "%(n)d changes of alarms", count) % {"n": count}
    return f"[Aiker] {line}"


def text(notifications: Sequence[Notification]) -> str:
    """Return the body of a mail: a paragraph for each."""
    return "\n\n".join("\n".join(_lines(notification)) for notification in notifications) + "\n"


def payload(notifications: Sequence[Notification], message_id: str, now: datetime) -> dict[str, Any]:
    """Return the JSON of a webhook; ``id`` of an event stays the same when it is sent again."""
    return {
        "message_id": message_id,
        "sent_at": now.isoformat(),
        "installation": settings.AIKER.web_url,
        "text": subject(notifications),
        "events": [_event(notification) for notification in notifications],
    }


def headline(notification: Notification) -> str:
    """Return one line: what happened."""
    alarm = notification.alarm
    if alarm is None:
        return _("This is a test: alarms arrive here.")
    what = named(alarm.target.metric, alarm.target.scope)
    if notification.event == Event.RESOLVED:
        return _("All clear: %(what)s") % {"what": what}
    if notification.event == Event.UNMEASURED:
        return _("No longer measured: %(what)s") % {"what": what}
    values = {"what": what, "value": value_with_unit(alarm.value, alarm.target.metric)}
    if notification.event == Event.REMINDER:
        return _("Still: %(what)s is at %(value)s") % values
    return _("Alarm: %(what)s is at %(value)s") % values


def _lines(notification: Notification) -> list[str]:
    lines, alarm = [headline(notification)], notification.alarm
    if alarm is None:
        return [*lines, settings.AIKER.web_url]
    target = alarm.target
    demanded = _("Target: at most %(threshold)s (%(percentile)d%% over %(minutes)g min). Worst: %(worst)s.")
    if target.metric in SHARES_OF_TURNS:
        demanded = _("Target: at most %(threshold)s over %(minutes)g min. Worst: %(worst)s.")
    lines.append(
        demanded
        % {
            "threshold": value_with_unit(target.threshold, target.metric),
            "percentile": target.percentile,
            "minutes": round(target.window_s / 60, 1),
            "worst": value_with_unit(alarm.worst, target.metric),
        }
    )
    if also := ", ".join(named(metric, scope) for metric, scope in alarm.consequences):
        lines.append(_("Missed for the same cause: %(also)s") % {"also": also})
    if cause := notification.cause:
        lines.append(
            _("It goes on as a consequence of: %(cause)s")
            % {"cause": named(cause.target.metric, cause.target.scope)}
        )
    if notification.event == Event.UNMEASURED:
        lines.append(_("Whether it is well again is not known."))
    lines.append(_("Since %(at)s") % {"at": _moment(alarm.opened_at)})
    if alarm.resolved_at:
        lines.append(_("Until %(at)s") % {"at": _moment(alarm.resolved_at)})
    return [*lines, _address(alarm)]


def _event(notification: Notification) -> dict[str, Any]:
    alarm = notification.alarm
    found: dict[str, Any] = {
        "id": notification.pk,
        "event": notification.event,
        "text": "\n".join(_lines(notification)),
        "alarm": None,
    }
    if alarm:
        found["alarm"] = {
            "id": alarm.pk,
            "url": _address(alarm),
            "metric": alarm.target.metric,
            "scope": alarm.target.scope,
            "percentile": alarm.target.percentile,
            "threshold": alarm.target.threshold,
            "window_s": alarm.target.window_s,
            "value": alarm.value,
            "worst": alarm.worst,
            "opened_at": alarm.opened_at.isoformat(),
            "resolved_at": alarm.resolved_at.isoformat() if alarm.resolved_at else None,
            "acknowledged": alarm.acknowledged_at is not None,
            "consequences": [{"metric": metric, "scope": scope} for metric, scope in alarm.consequences],
            "cause": notification.cause_id,
        }
    return found


def _moment(at: datetime) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S")


def _address(alarm: Alarm) -> str:
    return settings.AIKER.web_url + reverse("admin:monitoring_alarm_change", args=[alarm.pk])
