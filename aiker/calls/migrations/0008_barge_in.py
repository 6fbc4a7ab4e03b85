from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0007_end_of_turn"),
    ]

    operations = [
        migrations.AddField(
            model_name="turn",
            name="barge_ins",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text=(
                    "Sounds of the caller during the answer: when, how fast it stopped, what they were."
                ),
                verbose_name="barge-ins",
            ),
        ),
    ]
