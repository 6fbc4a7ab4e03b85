"""The pages of the monitoring in the admin."""

from monitoring.pages.latency import LatencyAdmin

__all__ = ["LatencyAdmin"]
