"""Two groups to put users in: those who edit knowledge, and those who also decide what goes live."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

EDITED = ("document", "chunk", "goldenquestion", "lexiconentry", "upload")
OPERATORS = [
    "change_knowledgebase",
    *(f"{verb}_{model}" for model in EDITED for verb in ("add", "change", "delete")),
]
SEEN = ("knowledgebase", "indexversion", "goldenrun", *EDITED)


def make_groups(apps, schema_editor):
    # On a new database the permissions are made after the last migration.
    create_permissions(installed.get_app_config("knowledge"), verbosity=0)
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="knowledge")
    names = [*OPERATORS, *(f"view_{model}" for model in SEEN)]
    for group, codenames in (("Operators", names), ("Editors", [*names, "publish_version"])):
        row, _made = apps.get_model("auth", "Group").objects.get_or_create(name=group)
        row.permissions.add(*permissions.filter(codename__in=codenames))


class Migration(migrations.Migration):
    dependencies = [
        ("knowledge", "0002_versions_editing_and_lexicon"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
