from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MonitoringConfig(AppConfig):
    name = "monitoring"
    verbose_name = _("Monitoring")

    def ready(self) -> None:
        from django.conf import settings
        from prometheus_client import REGISTRY

        from monitoring import live_feed, receivers, targets  # noqa: F401
        from monitoring.stored_metrics import StoredMetrics

        REGISTRY.register(StoredMetrics())
        if settings.AIKER.otlp_endpoint:
            from monitoring import otlp

            self.traces = otlp.connect(settings.AIKER.otlp_endpoint, texts=settings.AIKER.otlp_texts)
