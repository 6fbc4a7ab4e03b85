from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AikerConfig(AppConfig):
    name = "aiker"
    verbose_name = _("Aiker")
