"""Operators write golden questions, load them from a file, and read what a version made of them."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from knowledge.form_fields import FactsField
from knowledge.golden_file import read_golden
from knowledge.golden_import import store_golden
from knowledge.golden_report import compare, compared_figures, failures
from knowledge.importing import store_entries
from knowledge.loaders import read
from knowledge.management.commands.load_golden import SAMPLE as GOLDEN
from knowledge.management.commands.load_knowledge import SAMPLE
from knowledge.models import Document, GoldenQuestion, GoldenRun, IndexVersion, KnowledgeBase

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english(client: Client, admin_client: Client) -> Iterator[None]:
    for browser in (client, admin_client):
        browser.cookies["django_language"] = "en"
    with translation.override("en"):
        yield


@pytest.fixture
def document(base: KnowledgeBase) -> Document:
    return Document.objects.create(
        base=base, key="day", title="日卡", question="一天多少钱？", answer="80元。"
    )


def item(question: int, wording: str, **fields: Any) -> dict[str, Any]:
    """A result of a run: found first, unless said otherwise."""
    fields = {"answerable": True, "rank": 1, "found": ["day"], "lacks": [], "expected": ["day"]} | fields
    return {
        "question": question,
        "wording": wording,
        "before": "",
        "kind": "plain",
        "confidence": 0.8,
        "passages": [{"key": "day", "title": "日卡", "text": "80元。", "score": 0.8}],
        "ms": 20.0,
        **fields,
    }


def run_of(version: IndexVersion, *results: dict[str, Any], **figures: float) -> GoldenRun:
    return GoldenRun.objects.create(
        version=version,
        finished_at=timezone.now(),
        passed=True,
        results=list(results),
        figures={"answerable": 2, "unanswerable": 0, "hit1": 1.0, "hit3": 1.0, "refused": 1.0} | figures,
    )


class TestFile:
    def test_the_sample_questions_are_loaded_once(self, base: KnowledgeBase) -> None:
        store_entries(base, read(SAMPLE), SAMPLE.name)
        golden = read_golden(GOLDEN)
        report = store_golden(base, golden)
        asked = len(golden.questions) + len(golden.follow_ups)
        assert (report.added, report.unknown) == (asked, {})
        assert base.golden_questions.filter(answerable=True, expected=None).count() == 0
        assert base.golden_questions.exclude(before="").count() == len(golden.follow_ups)
        assert golden.gate is not None
        assert (base.gate_hit_rate, base.gate_refused) == (golden.gate.found, golden.gate.refused)

        again = store_golden(base, golden)
        assert (again.added, again.changed, again.unchanged) == (0, 0, asked)

    def test_a_reload_brings_questions_up_to_date_and_leaves_the_gate(
        self, base: KnowledgeBase, document: Document, tmp_path: Path
    ) -> None:
        path = tmp_path / "golden.json"
        text = (
            '{"base": "test", "gate": {"found": 0.5, "refused": 0.5}, "questions": [{"id": "a", '
            '"kind": "plain", "question": "一天几块", "expect": ["day", "gone"], "must_say": ["80"]},'
            '{"id": "b", "kind": "plain", "question": "别的", "expect": ["nowhere"]}]}'
        )
        path.write_text(text, encoding="utf-8")
        out = StringIO()
        call_command("load_golden", str(path), stdout=out, stderr=out)
        question = base.golden_questions.get()
        assert (list(question.expected.all()), question.must_say) == ([document], [["80"]])
        assert "“一天几块”: no document has the key gone" in out.getvalue()
        assert "“别的”: no document has the key nowhere" in out.getvalue()

        KnowledgeBase.objects.update(gate_hit_rate=0.7)
        path.write_text(text.replace('"80"', '"80元"'), encoding="utf-8")
        call_command("load_golden", str(path), stdout=out, stderr=out)
        assert "0 added, 1 changed, 0 unchanged" in out.getvalue()
        question.refresh_from_db()
        base.refresh_from_db()
        assert (question.must_say, base.gate_hit_rate) == ([["80元"]], 0.7)

    def test_a_base_that_is_not_there_is_named(self) -> None:
        with pytest.raises(CommandError, match="No knowledge base is called shop"):
            call_command("load_golden", "--base", "shop")


class TestForm:
    def test_a_fact_is_a_line_and_its_spellings_are_separated_by_slashes(self) -> None:
        field = FactsField()
        assert field.prepare_value([["80", "八十"], ["上海"]]) == "80 / 八十\n上海"
        assert field.clean(" 80/ 八十 \r\n\r\n上海\r\n/") == [["80", "八十"], ["上海"]]

    def post(self, client: Client, document: Document, **fields: Any) -> Any:
        form = {
            "base": document.base_id,
            "question": "一天几块",
            "answerable": "on",
            "expected": [document.pk],
            "must_say": "80 / 八十",
            "is_active": "on",
            **fields,
        }
        return client.post(reverse("admin:knowledge_goldenquestion_add"), form)

    def test_a_question_is_saved(self, admin_client: Client, document: Document) -> None:
        assert self.post(admin_client, document, variants="一日多少\r\n按天").status_code == 302
        question = GoldenQuestion.objects.get()
        assert question.wordings() == ["一天几块", "一日多少", "按天"]
        assert question.must_say == [["80", "八十"]]

    @pytest.mark.parametrize(
        ("fields", "problem"),
        [
            ({"expected": []}, "Name a document that answers it"),
            ({"answerable": ""}, "or there is nothing to be found"),
        ],
    )
    def test_a_contradiction_is_refused(
        self, admin_client: Client, document: Document, fields: dict[str, Any], problem: str
    ) -> None:
        answer = self.post(admin_client, document, **fields)
        assert problem in answer.content.decode()
        assert not GoldenQuestion.objects.exists()

    def test_a_document_of_another_base_is_refused(self, admin_client: Client, document: Document) -> None:
        other = KnowledgeBase.objects.create(name="别家", slug="other")
        assert "Not documents of this" in self.post(admin_client, document, base=other.pk).content.decode()


class TestRuns:
    @pytest.fixture
    def versions(self, base: KnowledgeBase) -> tuple[IndexVersion, IndexVersion]:
        live, newer = (
            IndexVersion.objects.create(base=base, collection_name=name, state="ready") for name in "ab"
        )
        KnowledgeBase.objects.update(active_version=live)
        return live, newer

    def test_two_runs_are_compared(self, versions: tuple[IndexVersion, IndexVersion]) -> None:
        missed = {"rank": 0, "found": []}
        before = run_of(versions[0], item(1, "甲"), item(2, "乙", **missed), item(3, "丙"), hit3=0.5)
        after = run_of(versions[1], item(1, "甲", **missed), item(2, "乙"), item(4, "丁", **missed))
        assert [x["wording"] for x in failures(after)] == ["甲", "丁"]
        differences = compare(after, before)
        assert [x["wording"] for x in differences.newly_failing] == ["甲"]
        assert [x["wording"] for x in differences.newly_fixed] == ["乙"]
        rows = {row.name: row for row in compared_figures(after, before)}
        assert (rows["hit3"].other, rows["hit3"].change, rows["hit3"].better) == ("50.0%", "+50.0%", True)
        assert (rows["hit1"].change, rows["hit1"].better) == ("±0", None)
        assert "refused" not in rows  # nothing was asked that the base does not know

    def test_the_page_lists_failures_with_what_was_found(
        self, admin_client: Client, versions: tuple[IndexVersion, IndexVersion], document: Document
    ) -> None:
        run_of(versions[0], item(1, "甲"))
        lacking = item(1, "甲", lacks=[["90", "九十"]])
        unknown = item(2, "火星多远", answerable=False, rank=0, expected=[])
        run = run_of(versions[1], lacking, unknown, item(3, "乙"))
        page = admin_client.get(reverse("admin:knowledge_goldenrun_change", args=[run.pk]))
        text = page.content.decode()
        assert "found, but the passages lack: 90 / 九十" in text
        assert "answered, though the base does not know it" in text
        assert "1 wording is right" in text
        assert [x["wording"] for x in page.context["differences"].newly_failing] == ["甲"]
        assert document.title in text

    def test_the_list_of_runs_is_shown(
        self, admin_client: Client, versions: tuple[IndexVersion, IndexVersion]
    ) -> None:
        run_of(versions[0], hit3=0.985)
        text = admin_client.get(reverse("admin:knowledge_goldenrun_changelist")).content.decode()
        assert "98.5%" in text
