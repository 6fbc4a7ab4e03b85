"""The page of the latency shows what the rows say."""

from __future__ import annotations

import math
import random
import re
from datetime import datetime, timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from aiker.calls.models import Assistant, Turn
from aiker.calls.tools.models import Tool
from knowledge.models import IndexVersion, KnowledgeBase, Upload
from monitoring import live_state
from monitoring.changes import changes
from monitoring.latency_report import HISTOGRAM_MS, LatencyReport, StageFigures, latency_report
from monitoring.models import Rollup, Target, TurnSample
from monitoring.turns import take_up_turns
from monitoring.windows import CHOICES, chosen
from tests.monitoring.test_turns import make_turns

pytestmark = pytest.mark.django_db
PAGE = reverse("admin:monitoring_turnsample_changelist")


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> None:
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"


@pytest.fixture
def turns() -> list[int]:
    """Turns of the last hours; returns voice to voice of each."""
    rng = random.Random(1)
    totals = [round(rng.lognormvariate(7.2, 0.4)) for _ in range(200)]
    now = timezone.now()
    for hour in range(10):
        make_turns(
            [*totals[hour * 20 : hour * 20 + 20]], now - timedelta(hours=hour, minutes=5), profile="fast"
        )
    while take_up_turns():
        pass
    return totals


def exact(values: list[int], share: float) -> int:
    return sorted(values)[math.floor(share * (len(values) - 1))]


def raw(step: str, since: datetime, until: datetime, **of_call: str) -> list[int]:
    """Return what a step took in each turn of the time: from the rows of the calls, not the page's."""
    return [
        share["ms"]
        for turn in Turn.objects.filter(**of_call).select_related("call")
        if since <= turn.call.started_at + timedelta(milliseconds=turn.at_ms) < until
        for share in turn.contributions
        if share["name"] == step
    ]


def figures(report: LatencyReport, step: str) -> StageFigures:
    found = report.of(step)
    assert found is not None
    return found


@pytest.mark.usefixtures("turns")
@pytest.mark.parametrize("name", [choice.name for choice in CHOICES])
def test_the_figures_are_those_of_the_rows(name: str) -> None:
    window = chosen(name, timezone.now())
    # By another way than the page's: the rows of the calls themselves, and plain sorting.
    rows = [
        turn
        for turn in Turn.objects.select_related("call")
        if turn.call.started_at + timedelta(milliseconds=turn.at_ms) >= window.since
    ]
    totals = [turn.voice_to_voice_ms or 0 for turn in rows]
    report = latency_report(window)
    assert report.total is not None
    assert report.total.count == sum(point.count for point in report.points) == len(totals)
    for percent in (50, 95, 99):
        assert report.total.percentiles[percent] == pytest.approx(exact(totals, percent / 100), rel=0.01)
    assert report.total.average_ms == pytest.approx(sum(totals) / len(totals))
    assert [turn.total_ms for turn in report.slowest] == sorted(totals, reverse=True)[:10]
    over = 100 * sum(total > 2000 for total in totals) / len(totals)
    assert report.over_percent == pytest.approx(over, abs=1.5)
    assert sum(report.histogram) == len(totals)
    for point in report.points:
        # The parts of a bar sum to the average of its turns.
        sketches = [
            t.total_ms or 0
            for t in TurnSample.objects.filter(at__gte=point.start)
            if t.at < point.start + timedelta(seconds=window.step)
        ]
        assert sum(point.shares.values()) == pytest.approx(sum(sketches) / len(sketches))


@pytest.mark.usefixtures("turns")
@pytest.mark.parametrize("name", [choice.name for choice in CHOICES])
@pytest.mark.parametrize(
    ("scope", "of_call", "step"),
    [
        ("", {}, "stt"),
        ("", {}, "playout"),
        ("profile:slow", {"call__profile": "slow"}, "stt"),
        ("engine:whisper-base", {}, "stt"),
        ("assistant:anna", {}, "stt"),
    ],
)
def test_each_step_has_its_own_percentiles_over_time(
    name: str, scope: str, of_call: dict[str, str], step: str
) -> None:
    now = timezone.now()
    for hours in (0.2, 3, 30):
        make_turns([4000, 5000, 9000], now - timedelta(hours=hours), profile="slow")
    take_up_turns()
    window = chosen(name, timezone.now())
    report = latency_report(window, scope, step)
    assert report.step == step
    assert report.points
    for point in report.points:
        values = raw(step, point.start, point.start + timedelta(seconds=window.step), **of_call)
        for percent, ms in point.percentiles.items():
            assert ms == pytest.approx(exact(values, percent / 100), rel=0.01)
    counted = raw(step, window.since, window.until, **of_call)
    assert figures(report, step).percentiles[99] == pytest.approx(exact(counted, 0.99), rel=0.01)


def test_a_stretch_without_the_step_is_a_gap(turns: list[int]) -> None:
    call = make_turns([1000], timezone.now() - timedelta(hours=13))
    turn = Turn.objects.get(call=call)
    turn.contributions = [{"name": "playout", "ms": 1000, "owner": "media"}]
    turn.save()
    take_up_turns()
    report = latency_report(chosen("24h", timezone.now()), "", "stt")
    assert [bool(point.percentiles) for point in report.points].count(False) == 1
    assert sum(point.count for point in report.points) == len(turns) + 1


@pytest.mark.usefixtures("turns")
@pytest.mark.parametrize("percentile", [10, 50, 80, 90, 95, 100])
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_target_of_any_percentile_is_judged_by_the_rows(percentile: int, factor: float) -> None:
    window = chosen("24h", timezone.now())
    reached = exact(raw("stt", window.since, window.until), percentile / 100)
    Target.objects.filter(metric="stt").update(percentile=percentile, threshold=reached * factor)
    stt = figures(latency_report(window), "stt")
    assert stt.reached_ms == pytest.approx(reached, rel=0.01)
    assert stt.over == (factor < 1)


@pytest.mark.usefixtures("turns")
def test_of_several_targets_the_95th_percentile_counts_else_the_highest() -> None:
    window = chosen("24h", timezone.now())

    def shown(scope: str = "") -> tuple[float | None, int | None]:
        total = figures(latency_report(window, scope), "total")
        if not scope:
            assert live_state._target_ms() == total.target_ms
        return total.target_ms, total.target_percentile

    for percentile, threshold in ((50, 1200), (99, 3000)):
        Target.objects.create(metric="total", percentile=percentile, threshold=threshold)
    assert shown() == (2000, 95)
    Target.objects.create(metric="total", scope="profile:fast", percentile=90, threshold=1500)
    assert shown("profile:fast") == (1500, 90)
    assert shown("assistant:anna") == shown() == (2000, 95)
    Target.objects.filter(metric="total", percentile=95).update(is_active=False)
    assert shown() == (3000, 99)
    Target.objects.update(is_active=False)
    assert shown() == (None, None)


def test_a_scope_shows_its_own_turns(turns: list[int]) -> None:
    make_turns([9000], timezone.now() - timedelta(minutes=3), profile="slow")
    take_up_turns()
    window = chosen("24h", timezone.now())
    for scope, count, slowest in (
        ("profile:slow", 1, 9000),
        ("profile:fast", len(turns), max(turns)),
        ("engine:kokoro-int8", len(turns) + 1, 9000),
        ("version:kb-1", len(turns) + 1, 9000),
    ):
        report = latency_report(window, scope)
        assert report.total is not None
        assert (report.total.count, report.slowest[0].total_ms) == (count, slowest), scope


def test_operators_read_it(admin_client: Client, turns: list[int]) -> None:
    page = admin_client.get(PAGE, {"window": "24h"}).content.decode()
    slowest = TurnSample.objects.order_by("-total_ms")[0]
    assert reverse("admin:calls_call_change", args=[slowest.call_id]) + f"#turn-{slowest.number}" in page
    assert f">{len(turns)}</p>" in page
    assert "2.00 s <small>(95%)</small>" in page
    assert page.count("<circle") == 3 * Rollup.objects.filter(step=3600, scope="", metric="total").count()
    heights = [float(h) for h in re.findall(r'class="chart-(?:bar|late)"[^>]* height="([\d.]+)"', page)]
    assert len(heights) == len(HISTOGRAM_MS)


@pytest.mark.usefixtures("turns")
def test_operators_see_one_step_over_time_against_its_target(admin_client: Client) -> None:
    page = admin_client.get(PAGE, {"window": "7d", "scope": "profile:fast", "step": "stt"}).content.decode()
    assert 'id="mon-lines">Recognition over time</h2>' in page
    lines = page[page.index('id="mon-lines"') : page.index('id="mon-stacked"')]
    hours = Rollup.objects.filter(step=3600, scope="profile:fast", metric="stt").count()
    assert lines.count("<circle") == 3 * hours
    assert re.findall(r'class="chart-target".*?<title>(.*?)</title>', lines) == ["0.50 s"]
    assert "target 0.50 s (95%)" in lines
    # Each choice keeps the other filters, and the other filters keep it.
    nav = re.search(r'<nav class="mon-steps".*?</nav>', lines)
    assert nav
    links = re.findall(r'href="([^"]*)"( aria-current="true")?>([^<]*)<', nav[0])
    assert [(label, bool(current)) for _, current, label in links] == [
        ("Voice to voice", False),
        ("Recognition", True),
        ("Playout", False),
    ]
    assert all("window=7d&amp;scope=profile%3Afast&amp;step=" in link for link, _, _ in links)
    assert "?window=24h&amp;scope=profile%3Afast&amp;step=stt" in page
    assert '<input type="hidden" name="step" value="stt">' in page
    assert ">Voice to voice over time</h2>" in admin_client.get(PAGE).content.decode()


def test_a_step_of_milliseconds_is_drawn_in_milliseconds(admin_client: Client) -> None:
    call = make_turns([1000], timezone.now() - timedelta(minutes=3))
    shares = [{"name": "retrieval", "ms": 20}, {"name": "playout", "ms": 980}]
    Turn.objects.filter(call=call).update(contributions=shares)
    take_up_turns()
    page = admin_client.get(PAGE, {"step": "retrieval"}).content.decode()
    lines = page[page.index('id="mon-lines"') : page.index('id="mon-stacked"')]
    assert re.findall(r'text-anchor="end">(.*?)</text>', lines) == [
        "0 ms",
        "7.5 ms",
        "15 ms",
        "22.5 ms",
        "30 ms",
    ]
    assert "20 ms</title>" in lines
    assert 'class="chart-target"' not in lines
    assert "key-target" not in lines


@pytest.mark.usefixtures("turns")
def test_each_step_stands_against_its_own_target(admin_client: Client) -> None:
    window = chosen("24h", timezone.now())
    reached = exact(raw("stt", window.since, window.until), 0.9)
    for threshold, verdict in ((reached / 2, "over"), (reached * 2, "")):
        Target.objects.filter(metric="stt").update(percentile=90, threshold=threshold)
        page = admin_client.get(PAGE).content.decode()
        key = re.search(r'<li( class="mon-bad")?><i class="fill-stt"></i>(.*?)</li>', page)
        assert key
        ms, target = re.findall(r"([\d.]+) s", key[2])
        assert float(ms) * 1000 == pytest.approx(reached, rel=0.02)
        assert float(target) * 1000 == pytest.approx(threshold, abs=5)
        assert (bool(key[1]), "<b>over</b>" in key[2]) == (bool(verdict), bool(verdict))
        assert "(90%) / target" in key[2]
    # What has no target has none beside it.
    assert re.search(r'<i class="fill-playout"></i>playout</li>', page)


@pytest.mark.usefixtures("turns")
def test_the_tile_says_which_turns_its_target_is_of(admin_client: Client) -> None:
    assert ">target 2.00 s</p>" in admin_client.get(PAGE).content.decode()
    Target.objects.filter(metric="total").update(percentile=90, threshold=1800)
    assert ">target 1.80 s (90%)</p>" in admin_client.get(PAGE).content.decode()


def test_an_empty_page_says_what_to_do(admin_client: Client) -> None:
    page = admin_client.get(PAGE).content.decode()
    assert "No answered turns in this time" in page
    assert "<svg class" not in page


@pytest.mark.usefixtures("turns")
def test_what_changed_is_marked(admin_client: Client, admin_user: User) -> None:
    assistant = Assistant.objects.get()
    LogEntry.objects.create(
        user=admin_user,
        content_type=ContentType.objects.get_for_model(Assistant),
        object_id=str(assistant.pk),
        object_repr="<b>安娜</b>",
        action_flag=CHANGE,
    )
    base = KnowledgeBase.objects.create(slug="kb", name="资料")
    IndexVersion.objects.create(
        base=base,
        collection_name="kb-2",
        embedding_model="m",
        activated_at=timezone.now() - timedelta(hours=1),
    )
    page = admin_client.get(PAGE).content.decode()
    assert "“&lt;b&gt;安娜&lt;/b&gt;” was edited" in page
    assert "资料: kb-2 went live" in page
    assert page.count('class="chart-mark"') == 4  # two changes in two charts


def test_what_is_edited_in_the_admin_is_marked(admin_client: Client, admin_user: User) -> None:
    base = KnowledgeBase.objects.create(slug="kb", name="资料")
    upload = SimpleUploadedFile("价目.csv", "问题,答案\n押金多少？,2个月租金。\n".encode())
    admin_client.post(reverse("admin:knowledge_knowledgebase_upload", args=[base.pk]), {"file": upload})
    preview = reverse("admin:knowledge_upload_preview", args=[Upload.objects.get().pk])
    plan = admin_client.get(preview).context["plan"].fingerprint
    admin_client.post(preview, {"apply": "", "plan": plan})
    for term in ("工位", "月卡"):
        word = {"base": base.pk, "term": term, "kind": "term", "state": "accepted", "misheard": ""}
        admin_client.post(reverse("admin:knowledge_lexiconentry_add"), word)
    form = {"name": "挂断", "slug": "bye", "kind": "hang_up", "phrases": "挂了吧", "answer": "再见。"}
    form |= {"method": "POST", "timeout_s": "20", "is_active": "on", "parameters": "", "failure": "请稍等。"}
    admin_client.post(reverse("admin:calls_tool_add"), form)
    tool = Tool.objects.get()
    LogEntry.objects.create(
        user=admin_user,
        content_type=ContentType.objects.get_for_model(Tool),
        object_id=str(tool.pk),
        object_repr="挂断",
        action_flag=CHANGE,
        change_message="Its request was sent by hand.",  # which edits nothing
    )
    with override("en"):
        marks = changes(chosen("30d", timezone.now()))
    base_page = reverse("admin:knowledge_knowledgebase_change", args=[base.pk])
    tool_page = reverse("admin:calls_tool_change", args=[tool.pk])
    assert {(mark.label, mark.link) for mark in marks} == {
        ("knowledge base “资料” was edited", base_page),
        ("tool “挂断” was edited", tool_page),
        ("2 words of the lexicon were edited", ""),
    }
    assert len(marks) == 3


def test_a_deleted_call_is_not_linked(admin_client: Client) -> None:
    call = make_turns([1500], timezone.now() - timedelta(minutes=3))
    take_up_turns()
    call.delete()
    page = admin_client.get(PAGE).content.decode()
    assert str(call.pk) not in page
    assert "The call was deleted" in page


@pytest.mark.usefixtures("turns")
@pytest.mark.parametrize(
    "query",
    [
        {"window": "9y"},
        {"scope": "assistant:'; drop"},
        {"scope": "\x00"},
        {"step": "\x00"},
        {"step": "tool"},
        {"scope": "version:kb-1", "step": "stt"},
    ],
)
def test_nonsense_in_the_address_shows_the_page(admin_client: Client, query: dict[str, str]) -> None:
    assert admin_client.get(PAGE, query).status_code == 200


def test_it_needs_the_permission(client: Client) -> None:
    user = User.objects.create_user("op", password="x", is_staff=True)
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_turnsample"))
    assert client.get(PAGE).status_code == 200
