from typing import Any

import django.core.validators
from django.db import migrations, models

OLD_DEFAULT = 600


def shorten(apps: Any, _schema: Any) -> None:
    """The old field held one silence for every turn: its default gives way, an operator's own value stays.

    What was longer than the new limit was meant as patience, so it becomes the limit too.
    """
    Assistant = apps.get_model("calls", "Assistant")
    Assistant.objects.filter(end_of_turn_ms=OLD_DEFAULT).update(end_of_turn_ms=250)
    Assistant.objects.filter(end_of_turn_ms__gt=1500).update(longest_pause_ms=models.F("end_of_turn_ms"))


class Migration(migrations.Migration):

    dependencies = [
        ('calls', '0006_turn_heard_as'),
    ]

    operations = [
        migrations.AddField(
            model_name='assistant',
            name='longest_pause_ms',
            field=models.PositiveSmallIntegerField(default=1500, help_text='So long an unfinished sentence is waited for: a filler, a number in groups, a list. What is neither clearly finished nor unfinished waits something in between.', validators=[django.core.validators.MinValueValidator(500), django.core.validators.MaxValueValidator(5000)], verbose_name='longest pause within a turn (ms)'),
        ),
        migrations.AlterField(
            model_name='assistant',
            name='end_of_turn_ms',
            field=models.PositiveSmallIntegerField(default=250, help_text="When the caller's words and voice both say that the question is complete, the answer begins after this silence. Longer: callers are cut short less often, and wait longer.", validators=[django.core.validators.MinValueValidator(100), django.core.validators.MaxValueValidator(3000)], verbose_name='silence after a finished sentence (ms)'),
        ),
        migrations.RunPython(shorten, migrations.RunPython.noop),
    ]
