from django.db import migrations, models
from django.db.models import Max


def begin_where_it_stands(apps, _editor):
    last = apps.get_model("monitoring", "TurnSample").objects.aggregate(last=Max("turn_id"))["last"]
    if last:
        apps.get_model("monitoring", "TakenUp").objects.create(kind="turns", last=last)


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0005_failures'),
    ]

    operations = [
        migrations.CreateModel(
            name='TakenUp',
            fields=[
                ('kind', models.CharField(max_length=20, primary_key=True, serialize=False)),
                ('last', models.BigIntegerField()),
            ],
        ),
        migrations.AlterField(
            model_name='alarm',
            name='resolved_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='resolved at'),
        ),
        migrations.RunPython(begin_where_it_stands, migrations.RunPython.noop),
    ]
