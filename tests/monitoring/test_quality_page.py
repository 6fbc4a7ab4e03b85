"""What operators see of the quality, say of turns, and take away."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import monitoring
from aiker.calls.models import Assistant, Call, Turn
from knowledge.models import KnowledgeBase
from monitoring.models import Finding, Notice, Review, TurnSample
from monitoring.pages.quality import LINES
from monitoring.quality.export import harmless
from monitoring.quality.turn_list import PER_PAGE
from tests.monitoring.noticed_calls import make_calls, take_up

pytestmark = pytest.mark.django_db
PAGE = reverse("admin:monitoring_finding_changelist")
EXPORT = reverse("admin:monitoring_finding_export")


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> None:
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"


@pytest.fixture
def calls() -> None:
    base = KnowledgeBase.objects.create(slug="kb", name="资料")
    Assistant.objects.create(slug="anna", name="安娜", knowledge_base=base)
    make_calls(30, timezone.now())
    take_up()


def operator(client: Client, *codenames: str) -> User:
    user = User.objects.create_user("op", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return user


def a_turn(notice: Notice = Notice.REFUSED) -> Turn:
    return Finding.objects.filter(notice=notice, assistant="anna").order_by("-at")[0].turn


def export(client: Client, **filters: str) -> list[dict[str, str]]:
    content = client.get(EXPORT, {"window": "24h", **filters}).content
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


@pytest.mark.usefixtures("calls")
def test_tiles_questions_and_turns_are_shown(admin_client: Client) -> None:
    page = admin_client.get(PAGE, {"window": "24h"}).content.decode()
    refused = Finding.objects.filter(notice=Notice.REFUSED)
    assert f'<p class="mon-number">{refused.count()}</p>' in page
    assert page.count("chart-line") == len(LINES)
    assert page.count('class="mon-turn"') == PER_PAGE
    only = admin_client.get(PAGE, {"window": "24h", "notice": "refused"}).content.decode()
    assert only.count('class="mon-turn"') == min(PER_PAGE, refused.count())
    assert only.count("chart-line") == 1
    newest = refused.order_by("-at")[0].turn
    assert reverse("admin:calls_call_change", args=[newest.call_id]) + f"#turn-{newest.number}" in only


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("model", [Finding, TurnSample])
def test_a_row_has_no_page_that_would_tell_what_was_said(
    client: Client, model: type[Finding] | type[TurnSample]
) -> None:
    operator(client, "view_finding", "view_turnsample")
    row, name = model.objects.latest("at"), model._meta.model_name
    pages = ("change", "history", "delete")
    addresses = [reverse(f"admin:monitoring_{name}_{page}", args=[row.pk]) for page in pages]
    assert [client.get(address).status_code for address in addresses] == [404, 404, 403]


@pytest.mark.usefixtures("calls")
def test_the_pages_of_the_list_hold_every_turn_once(admin_client: Client) -> None:
    found: list[str] = []
    for number in range(1, 20):
        page = admin_client.get(PAGE, {"window": "24h", "notice": "turns", "page": str(number)})
        found += [str(row.turn.pk) for row in page.context["page"].rows]
        if not page.context["older"]:
            break
    newest_first = sorted(
        Turn.objects.select_related("call"),
        key=lambda turn: (turn.call.started_at.timestamp() + turn.at_ms / 1000, turn.pk),
        reverse=True,
    )
    assert found == [str(turn.pk) for turn in newest_first]


@pytest.mark.usefixtures("calls")
def test_an_entry_is_made_from_a_question(admin_client: Client) -> None:
    page = admin_client.get(PAGE, {"window": "24h", "assistant": "anna", "notice": "no_passages"})
    row = next(row for row in page.context["groups"] if row["group"].wordings)
    links = [unescape(part.split('"')[0]) for part in page.content.decode().split('href="')[1:]]
    link = next(
        link
        for link in links
        if link.startswith(reverse("admin:knowledge_document_add")) and "alternative_questions" in link
    )
    asked = parse_qs(urlsplit(link).query)
    assert asked["question"] == [row["group"].text]
    form = admin_client.get(link).context["adminform"].form
    assert form["question"].value() == row["group"].text
    assert form["base"].value() == str(KnowledgeBase.objects.get().pk)
    assert form.fields["alternative_questions"].to_python(form["alternative_questions"].value()) == (
        row["group"].wordings
    )


@pytest.mark.usefixtures("calls")
def test_a_question_leads_to_its_turns(admin_client: Client) -> None:
    page = admin_client.get(PAGE, {"window": "24h", "notice": "refused"})
    group = page.context["groups"][0]
    listed = admin_client.get(PAGE + group["link"]).context["page"].rows
    assert len(listed) == min(PER_PAGE, group["group"].count)
    assert {row.turn.user_text for row in listed} <= {group["group"].text, *group["group"].wordings}


@pytest.mark.usefixtures("calls")
def test_a_review_is_kept_with_who_and_when_and_filtered_by(client: Client) -> None:
    user = operator(client, "view_finding", "view_call", "review_turn")
    turn = a_turn()
    address = reverse("admin:monitoring_finding_review", args=[turn.pk])
    here = PAGE + "?window=24h&notice=refused"
    answer = client.post(address, {"verdict": "knowledge", "note": "加入价格", "next": f"{here}#turn-1"})
    assert answer["Location"] == f"{here}#turn-1"
    review = Review.objects.get()
    assert (review.turn, review.verdict, review.note, review.by) == (turn, "knowledge", "加入价格", user)
    assert (timezone.now() - review.at).total_seconds() < 60
    total = Finding.objects.filter(notice=Notice.REFUSED).count()
    shown = {
        reviewed: [
            row.turn
            for row in client.get(PAGE, {"window": "24h", "notice": "refused", "reviewed": reviewed})
            .context["page"]
            .rows
        ]
        for reviewed in ("yes", "no", "knowledge", "wrong")
    }
    assert shown["yes"] == shown["knowledge"] == [turn]
    assert shown["wrong"] == []
    assert turn not in shown["no"]
    assert len(shown["no"]) == min(PER_PAGE, total - 1)
    client.post(address, {"verdict": "wrong", "note": ""})
    assert (Review.objects.get().verdict, Review.objects.get().note) == ("wrong", "")
    client.post(address, {"verdict": ""})
    assert not Review.objects.exists()


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize(
    "data", [{"verdict": "nonsense"}, {"verdict": ""}, {"verdict": "wrong", "note": "长" * 1001}]
)
def test_a_bad_review_is_refused_with_a_reason(client: Client, data: dict[str, str]) -> None:
    operator(client, "view_finding", "view_call", "review_turn")
    address = reverse("admin:monitoring_finding_review", args=[a_turn().pk])
    page = client.post(address, {**data, "next": PAGE}, follow=True)
    assert not Review.objects.exists()
    assert [message.level_tag for message in page.context["messages"]] == ["error"]


@pytest.mark.usefixtures("calls")
def test_a_review_does_not_lead_to_another_site(client: Client) -> None:
    operator(client, "view_finding", "view_call", "review_turn")
    turn = a_turn()
    address = reverse("admin:monitoring_finding_review", args=[turn.pk])
    for target in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        answer = client.post(address, {"verdict": "wrong", "next": target})
        assert answer["Location"] == reverse("admin:calls_call_change", args=[turn.call_id])


@pytest.mark.usefixtures("calls")
def test_the_export_has_the_turns_of_the_filters(admin_client: Client) -> None:
    turn = a_turn()
    Review.objects.create(turn=turn, verdict="knowledge", note="=1+1", at=timezone.now())
    rows = export(admin_client, notice="refused", assistant="anna")
    assert len(rows) == Finding.objects.filter(notice=Notice.REFUSED, assistant="anna").count()
    (reviewed,) = [row for row in rows if row["Verdict"]]
    assert reviewed["Verdict"] == "needs knowledge"
    assert reviewed["Note"] == "'=1+1"
    assert reviewed["Call"].endswith(f"{turn.call_id}/change/#turn-{turn.number}")
    assert len(export(admin_client, notice="turns")) == Turn.objects.count()
    assert {row["Caller said"] for row in rows} <= {
        harmless(text) for text in Turn.objects.values_list("user_text", flat=True)
    }


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", " =1", "　=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


def test_other_cells_stay_as_they_are() -> None:
    assert [harmless(cell) for cell in ("周六开门吗", "3-5天", "", -0.5)] == ["周六开门吗", "3-5天", "", -0.5]


def test_an_empty_page_says_what_to_do(admin_client: Client) -> None:
    page = admin_client.get(PAGE).content.decode()
    assert "No turns in this time" in page
    assert "<svg class" not in page


@pytest.mark.usefixtures("calls")
def test_words_of_deleted_calls_are_gone(admin_client: Client) -> None:
    Call.objects.all().delete()
    page = admin_client.get(PAGE, {"window": "24h"})
    assert page.context["groups"] == page.context["page"].rows == []
    assert "停车" not in page.content.decode()


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize(
    "query",
    [
        {"window": "9y"},
        {"assistant": "'; drop"},
        {"assistant": "\x00"},
        {"notice": "\x00"},
        {"question": "' or 1=1"},
        {"question": "停车"},
        {"page": "-1"},
        {"page": "9" * 30},
        {"page": "99999"},
        {"reviewed": "maybe"},
        {"notice": "turns", "question": "abcdef"},
    ],
)
def test_nonsense_in_the_address_shows_the_page(admin_client: Client, query: dict[str, str]) -> None:
    assert admin_client.get(PAGE, query).status_code == 200
    assert admin_client.get(EXPORT, query).status_code == 200


@pytest.mark.usefixtures("calls")
def test_each_thing_needs_its_permission(client: Client) -> None:
    user = operator(client)
    review = reverse("admin:monitoring_finding_review", args=[a_turn().pk])

    def asked() -> list[int]:
        return [
            client.get(PAGE).status_code,
            client.get(EXPORT).status_code,
            client.post(review, {"verdict": "wrong"}).status_code,
        ]

    def allow(codename: str) -> None:
        user.user_permissions.add(Permission.objects.get(codename=codename))

    assert asked() == [403, 403, 403]
    allow("view_finding")
    assert asked() == [200, 403, 403]
    page = client.get(PAGE, {"window": "24h"}).content.decode()
    assert "停车" not in page
    assert "you need the permission to view calls" in page
    allow("view_call")
    assert asked() == [200, 200, 403]
    assert review not in client.get(PAGE, {"window": "24h"}).content.decode()
    allow("review_turn")
    assert asked() == [200, 200, 302]
    assert client.get(review).status_code == 405
    assert "Make an FAQ entry" not in client.get(PAGE, {"window": "24h"}).content.decode()


def test_every_line_of_the_chart_has_a_colour_of_its_own() -> None:
    folder = Path(monitoring.__file__).parent / "static" / "monitoring"
    rules = "".join((folder / name).read_text("utf-8") for name in ("monitoring.css", "quality.css"))
    colours = dict(re.findall(r"(?m)(?:^|} )\.line-(s\d+) { color: ([^;]+);", rules))
    assert set(LINES.values()) <= set(colours)
    assert len({colours[line] for line in LINES.values()}) == len(LINES)
