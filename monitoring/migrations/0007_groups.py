"""The groups of knowledge may also watch calls and make voices; Editors publish those, too."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

OPERATORS = {
    "calls": ["view_assistant", "view_call", "view_turn"],
    "engines": [
        "view_voiceprofile",
        "add_voiceprofile",
        "change_voiceprofile",
        *(f"{verb}_voicesample" for verb in ("view", "add", "change", "delete")),
    ],
    "monitoring": [
        *(f"view_{model}" for model in ("turnsample", "sample", "target", "alarm", "finding")),
        "acknowledge_alarm",
        "review_turn",
    ],
}


def add_permissions(apps, schema_editor):
    for app, codenames in OPERATORS.items():
        # On a new database the permissions are made after the last migration.
        create_permissions(installed.get_app_config(app), verbosity=0)
        permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label=app)
        for group in apps.get_model("auth", "Group").objects.filter(name__in=["Operators", "Editors"]):
            publishes = ["publish_voiceprofile"] if group.name == "Editors" else []
            group.permissions.add(*permissions.filter(codename__in=codenames + publishes))


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0006_taken_up"),
        ("calls", "0006_observed_calls"),
        ("engines", "0004_voices"),
        ("knowledge", "0003_groups"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
