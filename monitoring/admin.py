"""The pages of the monitoring in the admin."""

from monitoring.notification_admin import NotificationAdmin, RecipientAdmin
from monitoring.pages.cost import CostAdmin, PriceAdmin
from monitoring.pages.latency import LatencyAdmin
from monitoring.pages.quality import QualityAdmin
from monitoring.pages.resources import ResourcesAdmin
from monitoring.target_admin import AlarmAdmin, RetentionAdmin, TargetAdmin

__all__ = [
    "AlarmAdmin",
    "CostAdmin",
    "LatencyAdmin",
    "NotificationAdmin",
    "PriceAdmin",
    "QualityAdmin",
    "RecipientAdmin",
    "ResourcesAdmin",
    "RetentionAdmin",
    "TargetAdmin",
]
