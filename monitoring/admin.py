"""The pages of the monitoring in the admin."""

from monitoring.pages.latency import LatencyAdmin
from monitoring.pages.resources import ResourcesAdmin
from monitoring.target_admin import AlarmAdmin, RetentionAdmin, TargetAdmin

__all__ = ["AlarmAdmin", "LatencyAdmin", "ResourcesAdmin", "RetentionAdmin", "TargetAdmin"]
