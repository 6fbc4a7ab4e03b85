from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MonitoringConfig(AppConfig):
    name = "monitoring"
    verbose_name = _("Monitoring")

    def ready(self) -> None:
        from prometheus_client import REGISTRY

        from monitoring import receivers  # noqa: F401
        from monitoring.stored_metrics import StoredMetrics

        REGISTRY.register(StoredMetrics())
