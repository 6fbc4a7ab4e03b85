"""Who may do what is ticked in words that operators read, and what is ticked stays."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def boxes(client: Client, group: Group) -> dict[int, str]:
    """Return what can be ticked on a group's page."""
    page = client.get(reverse("admin:auth_group_change", args=[group.pk]))
    choices = page.context["adminform"].form.fields["permissions"].choices
    return {value.value: label for value, label in choices}


@pytest.mark.parametrize(
    ("codename", "label"),
    [
        ("listen_call", "通话: 可以旁听通话"),
        ("publish_voiceprofile", "音色: 可以发布音色"),
        ("override_budget", "引擎方案: 可以超出显存预算发布引擎方案"),
        ("view_indexversion", "索引版本: 查看"),
        ("change_engineconfig", "引擎: 修改"),
        ("send_tool", "工具: 可以手动发送工具请求"),
    ],
)
def test_a_permission_is_offered_in_chinese_and_kept(admin_client: Client, codename: str, label: str) -> None:
    permission = Permission.objects.get(codename=codename)
    group = Group.objects.create(name="值班")
    group.permissions.add(permission)
    shown = boxes(admin_client, group)
    assert shown[permission.pk] == label
    address = reverse("admin:auth_group_change", args=[group.pk])
    admin_client.post(address, {"name": "夜班", "permissions": [permission.pk]})
    assert Group.objects.get(name="夜班").permissions.get() == permission


def test_no_permission_is_offered_in_english(admin_client: Client) -> None:
    labels = boxes(admin_client, Group.objects.create(name="值班")).values()
    assert [label for label in labels if re.search("[A-Za-z]{2}", label)] == []
