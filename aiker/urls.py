"""Pages of the project."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from aiker.calls import try_it
from aiker.calls.api import router
from aiker.calls.call_page import views as call_page
from engines.views import doctor
from monitoring.pages.now import now

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/engines/machine/", doctor, name="machine"),
    path("admin/monitoring/now/", now, name="now"),
    path("admin/knowledge/try/", try_it.page, name="try-question"),
    path("admin/knowledge/try/answer/", try_it.answer, name="try-answer"),
    path("admin/knowledge/try/save/", try_it.save, name="try-save"),
    path("admin/calls/call/<uuid:pk>/turn/<int:number>/given/", call_page.given, name="call-given"),
    path("admin/calls/call/<uuid:pk>/replay/", call_page.replay_page, name="call-replay"),
    path("admin/calls/call/<uuid:pk>/replay/<int:number>/", call_page.replay_turn, name="call-replay-turn"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("call/", include("aiker.calls.urls")),
    path("api/", include(router.urls)),
    path("", include("monitoring.urls")),
]
