"""What machines ask: metrics and health."""

from django.urls import path

from monitoring.export import metrics
from monitoring.health import live, ready

urlpatterns = [
    path("health/live", live, name="live"),
    path("health/ready", ready, name="ready"),
    path("metrics", metrics, name="metrics"),
]
