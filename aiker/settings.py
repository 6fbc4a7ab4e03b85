"""Django settings. What differs between machines comes from ``aiker.config``."""

from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from aiker.config import BASE_DIR, load_config, secret_key
from aiker.database import database
from aiker.logs import logging_settings

AIKER = load_config()

try:
    SECRET_KEY = secret_key(AIKER.data_dir)
except OSError as exc:
    raise ImproperlyConfigured(f"AIKER_DATA_DIR: cannot write to {AIKER.data_dir}: {exc.strerror}") from None

DEBUG = AIKER.debug
ALLOWED_HOSTS = AIKER.allowed_hosts
CSRF_TRUSTED_ORIGINS = [AIKER.public_url] if AIKER.public_url.startswith("https://") else []

INSTALLED_APPS = [
    "daphne",
    "unfold",
    "simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "channels",
    "django_prometheus",
    "django_tasks",
    "django_tasks_db",
    "aiker",
    "aiker.calls",
    "engines",
    "knowledge",
    "monitoring",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "aiker.middleware.ChosenLocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "aiker.urls"
ASGI_APPLICATION = "aiker.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": database(AIKER.database_url, AIKER.data_dir)}
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if AIKER.public_url else None

LANGUAGE_CODE = AIKER.language
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "aiker" / "locale"]
TIME_ZONE = AIKER.time_zone
USE_I18N = True
USE_TZ = True

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 50,
}

STATIC_URL = "/static/"
STATIC_ROOT = AIKER.data_dir / "static"
MEDIA_ROOT = AIKER.data_dir / "media"

LOGGING = logging_settings(AIKER.log_format, AIKER.log_level)

EMAIL_HOST = AIKER.email_host
EMAIL_PORT = AIKER.email_port
EMAIL_USE_TLS = AIKER.email_security == "starttls"
EMAIL_USE_SSL = AIKER.email_security == "tls"
EMAIL_HOST_USER = AIKER.email_user
EMAIL_HOST_PASSWORD = AIKER.email_password.get_secret_value() if AIKER.email_password else ""
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = AIKER.email_from


def _item(title: object, icon: str, view: str, permission: str = "") -> dict[str, object]:
    """An entry of the sidebar, shown to those who have the permission."""
    link = reverse_lazy(view)
    # Left to itself, the theme marks every entry whose link is anywhere in the path: /call/ on every call.
    exact = view in ("admin:index", "softphone")
    return {
        "title": title,
        "icon": icon,
        "link": link,
        "active": lambda request: request.path == link if exact else request.path.startswith(str(link)),
        "permission": lambda request: not permission or request.user.has_perm(permission),
    }


UNFOLD = {
    "SITE_TITLE": "Aiker",
    "SITE_HEADER": "Aiker",
    "SITE_SUBHEADER": _("Phone AI on your machines"),
    "SITE_SYMBOL": "support_agent",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("calls/favicon.svg")}
    ],
    "SHOW_LANGUAGES": True,
    "DASHBOARD_CALLBACK": "aiker.calls.dashboard.dashboard",
    "SIDEBAR": {
        "navigation": [
            {
                "title": _("Phone"),
                "items": [
                    _item(_("Overview"), "dashboard", "admin:index"),
                    _item(_("Test call"), "call", "softphone"),
                    _item(_("Calls"), "history", "admin:calls_call_changelist", "calls.view_call"),
                    _item(
                        _("Assistants"),
                        "support_agent",
                        "admin:calls_assistant_changelist",
                        "calls.view_assistant",
                    ),
                    _item(_("Tools"), "build", "admin:calls_tool_changelist", "calls.view_tool"),
                ],
            },
            {
                "title": _("Knowledge"),
                "items": [
                    _item(
                        _("Knowledge bases"),
                        "library_books",
                        "admin:knowledge_knowledgebase_changelist",
                        "knowledge.view_knowledgebase",
                    ),
                    _item(
                        _("Documents"),
                        "article",
                        "admin:knowledge_document_changelist",
                        "knowledge.view_document",
                    ),
                    _item(_("Try a question"), "quiz", "try-question", "knowledge.view_document"),
                    _item(
                        _("Golden questions"),
                        "checklist",
                        "admin:knowledge_goldenquestion_changelist",
                        "knowledge.view_goldenquestion",
                    ),
                    _item(
                        _("Index versions"),
                        "published_with_changes",
                        "admin:knowledge_indexversion_changelist",
                        "knowledge.view_indexversion",
                    ),
                    _item(
                        _("Rehearsals"),
                        "theater_comedy",
                        "admin:calls_rehearsal_changelist",
                        "calls.view_rehearsal",
                    ),
                    _item(
                        _("Lexicon"),
                        "spellcheck",
                        "admin:knowledge_lexiconentry_changelist",
                        "knowledge.view_lexiconentry",
                    ),
                ],
            },
            {
                "title": _("Engines"),
                "items": [
                    _item(
                        _("Engine profiles"),
                        "alt_route",
                        "admin:engines_backendprofile_changelist",
                        "engines.view_backendprofile",
                    ),
                    _item(
                        _("Voices"),
                        "record_voice_over",
                        "admin:engines_voiceprofile_changelist",
                        "engines.view_voiceprofile",
                    ),
                    _item(
                        _("Engines"),
                        "memory",
                        "admin:engines_engineconfig_changelist",
                        "engines.view_engineconfig",
                    ),
                    _item(_("Machine"), "monitor_heart", "machine", "engines.view_engineconfig"),
                ],
            },
            {
                "title": _("Monitoring"),
                "items": [
                    {
                        **_item(_("Now"), "sensors", "now", "calls.view_call"),
                        "badge": "monitoring.pages.now.live_calls",
                        "badge_variant": "info",
                    },
                    _item(
                        _("Latency"),
                        "timer",
                        "admin:monitoring_turnsample_changelist",
                        "monitoring.view_turnsample",
                    ),
                    _item(
                        _("Resources"),
                        "speed",
                        "admin:monitoring_sample_changelist",
                        "monitoring.view_sample",
                    ),
                    _item(
                        _("Quality"),
                        "fact_check",
                        "admin:monitoring_finding_changelist",
                        "monitoring.view_finding",
                    ),
                    _item(
                        _("Cost"),
                        "payments",
                        "admin:monitoring_tally_changelist",
                        "monitoring.view_tally",
                    ),
                    {
                        **_item(
                            _("Alarms"),
                            "notifications",
                            "admin:monitoring_alarm_changelist",
                            "monitoring.view_alarm",
                        ),
                        "badge": "monitoring.target_admin.open_alarms",
                    },
                    _item(
                        _("Targets"), "target", "admin:monitoring_target_changelist", "monitoring.view_target"
                    ),
                    _item(
                        _("Recipients"),
                        "contact_mail",
                        "admin:monitoring_recipient_changelist",
                        "monitoring.view_recipient",
                    ),
                    _item(
                        _("Retention"),
                        "auto_delete",
                        "admin:monitoring_retention_changelist",
                        "monitoring.view_retention",
                    ),
                ],
            },
            {
                "title": _("Access"),
                "items": [
                    _item(_("Users"), "person", "admin:auth_user_changelist", "auth.view_user"),
                    _item(_("Groups"), "group", "admin:auth_group_changelist", "auth.view_group"),
                ],
            },
        ]
    },
}
