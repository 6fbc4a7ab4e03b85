"""Users and groups, in the look of the other pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import ManyToManyField
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

admin.site.unregister([User, Group])

# Other permissions open no page.
_APPS = ["calls", "engines", "knowledge", "monitoring", "auth"]
_WITHOUT_PAGE = [
    "permission", "turn", "chunk", "historicaldocument", "rollup", "takenup", "enginememory",
]  # fmt: skip
_ACTIONS = {"view": _("see"), "add": _("add"), "change": _("change"), "delete": _("delete")}


class PermissionsField(ModelMultipleChoiceField):
    """Permissions to tick, in the language of the page; their stored names are English."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def label_from_instance(self, permission: Permission) -> str:
        action = permission.codename.partition("_")[0]
        allowed = _ACTIONS.get(action) or gettext(permission.name)
        return f"{capfirst(permission.content_type.name)}: {allowed}"


def tick_boxes(db_field: ManyToManyField, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a form field that shows groups or permissions as boxes to tick."""
    if db_field.related_model is not Permission:
        return kwargs | {"widget": UnfoldAdminCheckboxSelectMultipleWidget()}
    shown = Permission.objects.filter(content_type__app_label__in=_APPS)
    shown = shown.exclude(content_type__model__in=_WITHOUT_PAGE)
    return kwargs | {"form_class": PermissionsField, "queryset": shown.select_related("content_type")}


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_horizontal = ()

    def formfield_for_manytomany(
        self,
        db_field: ManyToManyField,
        request: HttpRequest | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Any:
        return db_field.formfield(**tick_boxes(db_field, kwargs))


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    filter_horizontal = ()

    def formfield_for_manytomany(
        self,
        db_field: ManyToManyField,
        request: HttpRequest | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Any:
        return db_field.formfield(**tick_boxes(db_field, kwargs))
