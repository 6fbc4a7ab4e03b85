"""What the groups that are made with the database let their people do."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

pytestmark = pytest.mark.django_db


def member(group: str) -> User:
    user = User.objects.create_user(group, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def status_of(page: str) -> int:
    """Return what an operator gets for a page of the admin."""
    client = Client()
    client.force_login(member("Operators"))
    return client.get(f"/admin/{page}/").status_code


@pytest.mark.parametrize(
    "page",
    [
        "calls/call",
        "engines/voiceprofile",
        "engines/voiceprofile/add",
        "knowledge/document",
        "knowledge/lexiconentry",
        "monitoring/alarm",
        "monitoring/finding",
        "monitoring/now",
        "monitoring/sample",
        "monitoring/target",
        "monitoring/turnsample",
    ],
)
def test_operators_edit_and_watch(page: str) -> None:
    assert status_of(page) == 200


@pytest.mark.parametrize(
    "page", ["auth/user", "engines/backendprofile", "monitoring/tally", "monitoring/recipient"]
)
def test_the_rest_is_not_theirs(page: str) -> None:
    assert status_of(page) == 403


def test_editors_publish_and_nobody_listens_in_unasked() -> None:
    operator, editor = member("Operators"), member("Editors")
    assert editor.has_perms(["knowledge.publish_version", "engines.publish_voiceprofile"])
    assert not operator.has_perm("engines.publish_voiceprofile")
    assert not any(user.has_perm("calls.listen_call") for user in (operator, editor))
