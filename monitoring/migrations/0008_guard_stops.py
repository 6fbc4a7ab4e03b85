from django.db import migrations, models


def create_target(apps, _editor):
    """At most a fifth of the answers of ten minutes, once there are ten."""
    apps.get_model("monitoring", "Target").objects.get_or_create(
        metric="stopped_percent", defaults={"percentile": 100, "threshold": 20, "window_s": 600, "min_count": 10}
    )


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0007_groups'),
    ]

    operations = [
        # No database changes; adds a choice.
        migrations.AlterField(
            model_name='finding',
            name='notice',
            field=models.CharField(choices=[('any', 'anything'), ('no_passages', 'without passages'), ('refused', 'no answer known'), ('stopped', 'stopped by the guard'), ('repeated', 'asked to repeat'), ('interrupted', 'interrupted'), ('unsure', 'recognised unsurely'), ('apology', 'apologised for a failure'), ('transferred', 'transferred to a person'), ('hung_up', 'hung up during the answer')], max_length=12, verbose_name='noticed'),
        ),
        migrations.RunPython(create_target, migrations.RunPython.noop),
    ]
