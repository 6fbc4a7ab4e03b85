from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CallsConfig(AppConfig):
    name = "aiker.calls"
    label = "calls"
    verbose_name = _("Phone")

    def ready(self) -> None:
        from aiker.calls import signals  # noqa: F401
