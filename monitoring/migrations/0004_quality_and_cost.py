import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# Orders of magnitude to calculate with, until an operator sets what a vendor really asks.
EXAMPLES = (
    ("示例：API 分项计价", "audio_minute", "0.0400", "CNY"),
    ("示例：API 分项计价", "prompt_tokens", "1.0000", "CNY"),
    ("示例：API 分项计价", "completion_tokens", "4.0000", "CNY"),
    ("示例：API 分项计价", "characters", "100.0000", "CNY"),
    ("示例：语音服务按分钟计价", "call_minute", "0.5000", "CNY"),
    ("示例：电费", "kwh", "0.8000", "CNY"),
)


def create_examples(apps, _editor):
    apps.get_model("monitoring", "Price").objects.bulk_create(
        apps.get_model("monitoring", "Price")(
            offer=offer, unit=unit, amount=amount, currency=currency, is_example=True
        )
        for offer, unit, amount, currency in EXAMPLES
    )


class Migration(migrations.Migration):

    dependencies = [
        ('calls', '0006_observed_calls'),
        ('monitoring', '0003_notifications'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CallSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_index=True, verbose_name='at')),
                ('assistant', models.CharField(blank=True, max_length=50, verbose_name='assistant')),
                ('duration_ms', models.PositiveIntegerField(verbose_name='duration (ms)')),
                ('call', models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='calls.call')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Price',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('offer', models.CharField(help_text='A vendor or plan. Lines of the same offer are added up; electricity stands alone.', max_length=60, verbose_name='offer')),
                ('unit', models.CharField(choices=[('audio_minute', 'minute of audio recognised'), ('prompt_tokens', 'million tokens read'), ('completion_tokens', 'million tokens written'), ('characters', 'million characters spoken'), ('call_minute', 'minute of a call'), ('kwh', 'kWh of electricity')], max_length=20, verbose_name='for a')),
                ('amount', models.DecimalField(decimal_places=4, max_digits=12, validators=[django.core.validators.MinValueValidator(0)], verbose_name='price')),
                ('currency', models.CharField(default='CNY', max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}\\Z', 'Three capital letters, such as CNY or USD.')], verbose_name='currency')),
                ('is_example', models.BooleanField(default=False, help_text="Not a price that anybody asks: replace it by your vendor's.", verbose_name='example')),
                ('is_active', models.BooleanField(default=True, verbose_name='shown')),
            ],
            options={
                'verbose_name': 'price',
                'verbose_name_plural': 'prices',
                'ordering': ['offer', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('offer', 'unit'), name='one_price_a_unit', violation_error_message='This offer has a price for that already.'), models.UniqueConstraint(condition=models.Q(('unit', 'kwh')), fields=('unit',), name='one_price_of_electricity', violation_error_message='There is a price of electricity already: change that one.')],
            },
        ),
        migrations.CreateModel(
            name='QuestionTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.PositiveIntegerField(choices=[(300, 'five minutes'), (3600, 'an hour'), (86400, 'a day')])),
                ('scope', models.CharField(blank=True, max_length=140, verbose_name='scope')),
                ('start', models.DateTimeField(verbose_name='start')),
                ('question', models.CharField(max_length=16, verbose_name='question')),
                ('counts', models.JSONField(default=dict, verbose_name='counts')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('step', 'scope', 'start', 'question'), name='one_question_a_step')],
            },
        ),
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(choices=[('correct', 'correct'), ('wrong', 'wrong'), ('knowledge', 'needs knowledge'), ('misheard', 'misheard'), ('slow', 'too slow'), ('other', 'something else')], max_length=10, verbose_name='verdict')),
                ('note', models.TextField(blank=True, max_length=1000, verbose_name='note')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='reviewed by')),
                ('turn', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='review', to='calls.turn')),
            ],
            options={
                'verbose_name': 'review of a turn',
                'verbose_name_plural': 'reviews of turns',
                'permissions': [('review_turn', 'Can review a turn')],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.PositiveIntegerField(choices=[(300, 'five minutes'), (3600, 'an hour'), (86400, 'a day')])),
                ('scope', models.CharField(blank=True, max_length=140, verbose_name='scope')),
                ('start', models.DateTimeField(verbose_name='start')),
                ('counts', models.JSONField(default=dict, verbose_name='counts')),
            ],
            options={
                'verbose_name': 'usage of a stretch of time',
                'verbose_name_plural': 'cost',
                'default_permissions': ('view',),
                'constraints': [models.UniqueConstraint(fields=('step', 'scope', 'start'), name='one_tally_a_step')],
            },
        ),
        migrations.CreateModel(
            name='Finding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('notice', models.CharField(choices=[('any', 'anything'), ('no_passages', 'without passages'), ('refused', 'no answer known'), ('repeated', 'asked to repeat'), ('interrupted', 'interrupted'), ('unsure', 'recognised unsurely'), ('apology', 'apologised for a failure'), ('transferred', 'transferred to a person'), ('hung_up', 'hung up during the answer')], max_length=12, verbose_name='noticed')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('assistant', models.CharField(blank=True, max_length=50, verbose_name='assistant')),
                ('question', models.CharField(blank=True, max_length=16, verbose_name='question')),
                ('about', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='calls.turn')),
                ('turn', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='calls.turn')),
            ],
            options={
                'verbose_name': 'finding about a turn',
                'verbose_name_plural': 'quality',
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['notice', 'at'], name='finding_time'), models.Index(fields=['notice', 'assistant', 'at'], name='finding_assistant'), models.Index(fields=['question', 'notice', 'at'], name='finding_question')],
                'constraints': [models.UniqueConstraint(fields=('turn', 'notice'), name='one_finding_a_notice')],
            },
        ),
        migrations.RunPython(create_examples, migrations.RunPython.noop),
    ]
