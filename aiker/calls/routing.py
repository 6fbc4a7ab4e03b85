"""Addresses of calls. The token may be a path segment, since Twilio drops query strings."""

from django.urls import path, re_path

from aiker.calls import consumers

websocket_urlpatterns = [
    path("ws/twilio/<slug:assistant>/", consumers.TwilioConsumer.as_asgi()),
    path("ws/twilio/<slug:assistant>/<str:token>/", consumers.TwilioConsumer.as_asgi()),
    path("ws/softphone/<slug:assistant>/", consumers.SoftphoneConsumer.as_asgi()),
    re_path(r"", consumers.NoSuchCall.as_asgi()),
]
