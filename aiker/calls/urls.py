from django.urls import path

from aiker.calls import views

urlpatterns = [
    path("", views.softphone, name="softphone"),
    path("token/<slug:assistant>/", views.call_token, name="call-token"),
]
