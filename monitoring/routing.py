"""Addresses of the sockets of the page of now. Only pages of this site may open them."""

from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import CookieMiddleware
from django.urls import path

from monitoring.live_consumers import ListenConsumer, NowConsumer, OperatorConsumer


def _own_pages_only(consumer: type[OperatorConsumer]) -> AllowedHostsOriginValidator:
    return AllowedHostsOriginValidator(CookieMiddleware(consumer.as_asgi()))


websocket_urlpatterns = [
    path("ws/now/", _own_pages_only(NowConsumer)),
    path("ws/now/listen/<uuid:call>/", _own_pages_only(ListenConsumer)),
]
