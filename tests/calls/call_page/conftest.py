"""An assistant, and browsers that read English."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from aiker.calls.models import Assistant

Operator = Callable[..., Client]


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> None:
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"


@pytest.fixture
def anna(db: None) -> Assistant:  # noqa: ARG001
    return Assistant.objects.create(slug="anna", name="安娜")


@pytest.fixture
def operator(client: Client) -> Operator:
    """``operator("view_call")`` is the browser of one who has these permissions and no others."""

    def log_in(*permissions: str) -> Client:
        user = User.objects.create_user("operator", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return client

    return log_in
