from django.urls import path

from aiker.calls import views
from aiker.calls.tools.twiml import after_call

urlpatterns = [
    path("", views.softphone, name="softphone"),
    path("token/<slug:assistant>/", views.call_token, name="call-token"),
    path("after/<slug:assistant>/<str:token>/", after_call, name="after-call"),
]
