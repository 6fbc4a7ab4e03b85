"""The plan's targets, and how long data are kept, as rows that operators change."""

from django.db import migrations

# metric, percentile, threshold (ms, MB, %), over the last seconds, values needed
TARGETS = [
    ("stt", 95, 500, 300, 3),
    ("tts_first_audio", 95, 300, 300, 3),
    ("llm_first_token", 95, 1000, 300, 3),
    ("total", 95, 2000, 300, 3),
    ("gpu_memory_mb", 100, 16384, 30, 1),
    ("gpu_percent", 50, 80, 300, 3),
]
# What was said is kept until somebody decides otherwise.
DAYS = {"audio": None, "text": None, "samples": 7, "turns": 180, "rollups": 730}


def create(apps, _editor):
    apps.get_model("monitoring", "Target").objects.bulk_create(
        apps.get_model("monitoring", "Target")(
            metric=metric, percentile=percentile, threshold=threshold, window_s=window_s, min_count=count
        )
        for metric, percentile, threshold, window_s, count in TARGETS
    )
    apps.get_model("monitoring", "Retention").objects.bulk_create(
        apps.get_model("monitoring", "Retention")(kind=kind, days=days) for kind, days in DAYS.items()
    )


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
