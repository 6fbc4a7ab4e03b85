"""Who may look, listen and hang up: asked of the database anew each time, and written down.

::

    user = await in_thread(permitted, session_key, LOOK)      # None when not, or no longer
    await in_thread(record, user, call_id, HANG_UP)

A socket lives for hours; a login, an account or a permission may end meanwhile.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.db import close_old_connections
from django.http import HttpRequest
from django.utils.translation import gettext as _

from aiker.calls.models import Call

LOOK, LISTEN, HANG_UP = "calls.view_call", "calls.listen_call", "calls.hang_up_call"


class NotLoggedInError(Exception):
    """The session is over, or its user may not enter the admin."""


def user_of(session_key: str) -> User:
    """Return the user who is logged in with that session; NotLoggedInError."""
    close_old_connections()
    request = HttpRequest()
    request.session = SessionStore(session_key)
    user = get_user(request)
    if not isinstance(user, User) or not (user.is_active and user.is_staff):
        raise NotLoggedInError
    return user


def rights_of(session_key: str, names: tuple[str, ...]) -> tuple[User, set[str]]:
    """Return the user and which of these permissions they have; NotLoggedInError."""
    try:
        user = user_of(session_key)
        return user, {name for name in names if user.has_perm(name)}
    finally:
        close_old_connections()


def record(user: User, call_id: UUID, permission: str) -> None:
    """Write into the admin's log that the user used a permission on a call, before it is done."""
    try:
        LogEntry.objects.create(
            user_id=user.pk,
            content_type=ContentType.objects.get_for_model(Call),
            object_id=str(call_id),
            object_repr=str(call_id),
            action_flag=CHANGE,
            change_message=_("Hung up the call.") if permission == HANG_UP else _("Listened in on the call."),
        )
    finally:
        close_old_connections()
