"""Who is told of alarms, and what they were told, in the admin."""

from __future__ import annotations

import secrets as random
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget

from engines.secrets import SecretsError
from monitoring.asking import ask
from monitoring.delivery import problem
from monitoring.models import Notification, Recipient, Sample
from monitoring.notifications import send_test
from monitoring.stored_metrics import STALE_S

State = Notification.State
LABELS = {State.SENT: "success", State.FAILED: "danger", State.WAITING: "info", State.WITHDRAWN: "default"}


class RecipientForm(forms.ModelForm):
    """The key is only written: an empty field keeps what is stored, and a new webhook gets one."""

    signing_key = forms.CharField(
        label=gettext_lazy("Signing key"),
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "The receiver checks X-Aiker-Signature with it. Stored encrypted and never shown. Empty: what is "
            "stored stays; a new webhook gets one, which is shown once."
        ),
    )

    class Meta:
        model = Recipient
        fields = ["name", "channel", "address", "language", "remind_minutes", "is_active"]


@admin.register(Recipient)
class RecipientAdmin(ModelAdmin):
    form = RecipientForm
    list_display = ["name", "channel", "shown_address", "is_active", "last_state", "last_at"]
    list_filter = ["channel", "is_active"]
    search_fields = ["name", "address"]
    readonly_fields = ["obstacle", "told"]
    conditional_fields = {"signing_key": "channel == 'webhook'"}
    actions_detail = ["send_test"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # noqa: ARG002
        fields = ["name", "channel", "address", "signing_key", "language", "remind_minutes", "is_active"]
        return [*fields, "obstacle", "told"] if obj else fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recipient]:
        last = Notification.objects.filter(recipient=OuterRef("pk")).exclude(state=State.WITHDRAWN)
        last = last.order_by("-pk")
        return (
            super()
            .get_queryset(request)
            .annotate(
                newest_state=Subquery(last.values("state")[:1]),
                newest_at=Subquery(last.values("created_at")[:1]),
            )
        )

    def save_model(self, request: HttpRequest, obj: Recipient, form: Any, change: bool) -> None:
        key = form.cleaned_data.get("signing_key", "")
        if obj.channel == Recipient.Channel.EMAIL:
            obj.signing_key = ""
        elif key:
            obj.signing_key = key
        elif not obj.sealed:
            key = random.token_urlsafe(32)
            obj.signing_key = key
            text = _("The receiver needs this key, which is shown only now: %(key)s") % {"key": key}
            messages.warning(request, text)
        super().save_model(request, obj, form, change)

    @display(description=gettext_lazy("last notification"), label=LABELS)
    def last_state(self, recipient: Any) -> Any:
        state = recipient.newest_state
        return (state, State(state).label) if state else None

    @admin.display(description=gettext_lazy("at"), ordering="newest_at")
    def last_at(self, recipient: Any) -> Any:
        at = recipient.newest_at
        return localtime(at).strftime("%m-%d %H:%M") if at else None

    @admin.display(description=gettext_lazy("send to"), ordering="address")
    def shown_address(self, recipient: Recipient) -> str:
        return Truncator(recipient.address).chars(50)

    @admin.display(description=gettext_lazy("what stands in the way"))
    def obstacle(self, recipient: Recipient) -> str:
        try:
            recipient.signing_key  # noqa: B018
        except SecretsError as exc:
            return str(exc)
        return problem(recipient) or _("nothing")

    @admin.display(description=gettext_lazy("notifications"))
    def told(self, recipient: Recipient) -> SafeString:
        address = reverse("admin:monitoring_notification_changelist")
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}?recipient__id__exact={}">{}</a>',
            address, recipient.pk, _("What they were told"),
        )  # fmt: skip

    @action(description=gettext_lazy("Send a test"), icon="send", permissions=["change"])
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask; when that is confirmed (POST), queue a test and show what becomes of it."""
        recipient = get_object_or_404(Recipient, pk=object_id)
        if request.method != "POST":
            text = _("%(recipient)s gets a message that says only that it arrived.")
            return ask(self, request, recipient, _("Send a test"), text % {"recipient": recipient})
        sent = send_test(recipient, timezone.now())
        self.log_change(request, recipient, _("a test was sent"))
        return redirect("admin:monitoring_notification_change", sent.pk)


@admin.register(Notification)
class NotificationAdmin(ModelAdmin):
    """A record: nothing here can be changed. The page of one that is on its way reloads itself."""

    list_display = [
        "created_at",
        "recipient",
        "event",
        "alarm",
        "state_label",
        "attempts",
        "sent_at",
        "error",
    ]
    list_filter = ["state", "event", "recipient"]
    list_select_related = ["recipient", "alarm__target"]
    fields = [
        "recipient", "event", "alarm", "state_text", "created_at", "attempts", "next_attempt", "sent_at",
        "error",
    ]  # fmt: skip
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = super().change_view(request, object_id, *args, **kwargs)
        if Notification.objects.filter(pk=object_id, state=State.WAITING).exists():
            answer["Refresh"] = "2"
        return answer

    @display(description=gettext_lazy("state"), label=LABELS)
    def state_label(self, notification: Notification) -> tuple[str, str]:
        return notification.state, notification.get_state_display()

    @admin.display(description=gettext_lazy("next attempt"))
    def next_attempt(self, notification: Notification) -> Any:
        return notification.due_at if notification.state == State.WAITING else None

    @admin.display(description=gettext_lazy("state"))
    def state_text(self, notification: Notification) -> str:
        if notification.state == State.WAITING and not sampler_runs():
            return _("Nothing sends it: manage.py monitor does not run.")
        return notification.get_state_display()


def sampler_runs() -> bool:
    """Whether ``manage.py monitor``, which sends, has lately been heard of."""
    since = timezone.now() - timedelta(seconds=STALE_S)
    return Sample.objects.filter(source="machine", at__gte=since).exists()
