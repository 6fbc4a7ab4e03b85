"""The record of calls over HTTP, for reports and integrations.

``GET /api/calls/`` and ``GET /api/calls/<id>/``, with the login of the admin (session or basic)
and the permission to view calls.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import permissions, routers, serializers, viewsets

from aiker.calls.models import Call, Turn


class TurnSerializer(serializers.ModelSerializer[Turn]):
    class Meta:
        model = Turn
        exclude: ClassVar[list[str]] = ["id", "call"]


class CallSerializer(serializers.ModelSerializer[Call]):
    assistant: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True
    )
    turns = TurnSerializer(many=True, read_only=True)

    class Meta:
        model = Call
        exclude: ClassVar[list[str]] = ["recording", "events"]


class MayView(permissions.DjangoModelPermissions):
    """Reading, too, needs the permission of the model."""

    perms_map: ClassVar[dict[str, list[str]]] = {
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
        "OPTIONS": [],
    }


class CallViewSet(viewsets.ReadOnlyModelViewSet[Call]):
    """Calls, newest first, each with its turns."""

    serializer_class = CallSerializer
    permission_classes: ClassVar[list[Any]] = [MayView]

    def get_queryset(self) -> QuerySet[Call]:
        return Call.objects.select_related("assistant").prefetch_related("turns").defer("events")


router = routers.SimpleRouter()
router.register("calls", CallViewSet, basename="api-call")
