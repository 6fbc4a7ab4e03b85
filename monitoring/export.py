"""``/metrics`` for Prometheus, for those who may read it."""

from __future__ import annotations

import os
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path

import psutil
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from monitoring.stored_metrics import StoredMetrics


def metrics(request: HttpRequest) -> HttpResponse:
    """Show every metric of this installation; of all web processes with PROMETHEUS_MULTIPROC_DIR."""
    if not may_read(request):
        return HttpResponse(
            "Send AIKER_METRICS_TOKEN as a bearer token, or ask from a network of AIKER_METRICS_NETWORKS.\n",
            content_type="text/plain",
            status=403,
        )
    return HttpResponse(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)


def registry() -> CollectorRegistry:
    """Return what is shown: this process's metrics, or those that several processes keep in files."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    forget_the_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    several = CollectorRegistry()
    MultiProcessCollector(several)
    several.register(StoredMetrics())
    return several


def forget_the_dead(directory: Path) -> None:
    """Drop what processes that were killed had in progress, such as their calls; what they counted stays."""
    for file in directory.glob("gauge_live*.db"):
        pid = file.stem.rpartition("_")[2]
        if not psutil.pid_exists(int(pid)):
            with suppress(FileNotFoundError):  # another process shows its metrics, too
                mark_process_dead(pid)


def may_read(request: HttpRequest) -> bool:
    """With a token set, only who sends it; without, only the networks that the settings name.

    What comes through a proxy has the proxy's address: it is let in by the token alone.
    """
    config = settings.AIKER
    if config.metrics_token:
        sent = request.headers.get("Authorization", "")
        return constant_time_compare(sent, f"Bearer {config.metrics_token.get_secret_value()}")
    if _forwarded(request):
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in ip_network(network) for network in config.metrics_networks)


def _forwarded(request: HttpRequest) -> bool:
    """Whether a proxy says that it speaks for somebody else, in whichever header it does."""
    names = {name.lower() for name in request.headers}
    return not names.isdisjoint(("forwarded", "via", "x-real-ip")) or any(
        name.startswith("x-forwarded-") for name in names
    )
