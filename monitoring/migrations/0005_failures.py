from django.db import migrations, models

# metric, percentile, threshold (engines, %), over the last seconds, values needed
TARGETS = [
    ("engine_down", 100, 0, 30, 1),
    ("failed_percent", 100, 20, 300, 3),
]


def create_targets(apps, _editor):
    apps.get_model("monitoring", "Target").objects.bulk_create(
        apps.get_model("monitoring", "Target")(
            metric=metric, percentile=percentile, threshold=threshold, window_s=window_s, min_count=count
        )
        for metric, percentile, threshold, window_s, count in TARGETS
    )


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0004_quality_and_cost'),
    ]

    operations = [
        migrations.AddField(
            model_name='alarm',
            name='unmeasured',
            field=models.BooleanField(default=False, editable=False),
        ),
        # No database changes; adds a choice.
        migrations.AlterField(
            model_name='notification',
            name='event',
            field=models.CharField(choices=[('opened', 'alarm'), ('reminder', 'reminder'), ('resolved', 'all clear'), ('unmeasured', 'no longer measured'), ('test', 'test')], max_length=10, verbose_name='what'),
        ),
        migrations.RunPython(create_targets, migrations.RunPython.noop),
    ]
