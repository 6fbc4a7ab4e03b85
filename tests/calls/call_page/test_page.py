"""The page of a call shows what its rows say, and its export is the rows."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiker.calls.call_page.waveform import PEAKS_PER_S
from aiker.calls.models import Assistant, Call, Turn
from engines.models import BackendProfile
from knowledge.models import IndexVersion, KnowledgeBase
from monitoring.models import Target
from tests.calls.call_page import rows
from tests.calls.call_page.conftest import Operator
from tests.ports import free_port

pytestmark = pytest.mark.django_db


def page(client: Client, call: Call) -> str:
    answer = client.get(reverse("admin:calls_call_change", args=[call.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def get(client: Client, name: str, call: Call, *args: Any) -> Any:
    return client.get(reverse(name, args=[call.pk, *args]))


def cards(text: str) -> list[str]:
    return re.findall(
        r'<li class="call-card" id="turn-.*?</li>(?=\s*<li class="call-card"|\s*</ol>)', text, re.DOTALL
    )


class TestPage:
    def test_each_turn_has_its_words_bars_and_marks(self, admin_client: Client, anna: Assistant) -> None:
        call = rows.store_call(anna)
        first, second, _third = cards(page(admin_client, call))
        assert "recognised as “独立办公室多少前”" in first
        assert f'<del title="not heard">{rows.ANSWER[16:]}</del>' in second
        assert "the caller cut in (“等等”)" in second
        assert "whisper-base stood in for cloud-stt (over its time limit)" in first
        assert re.search(r"独立办公室</b>\s*<span[^>]*>0.83", first)
        assert "test-7 is deleted" in first
        assert first.count("wf-cut") == 0
        assert second.count("wf-cut") == 1

    def test_the_bars_stand_where_the_moments_of_the_row_are(
        self, admin_client: Client, anna: Assistant
    ) -> None:
        call = rows.store_call(anna)
        card = cards(page(admin_client, call))[2]
        turn = Turn.objects.get(call=call, number=3)
        # By another way than the page's: the knots as the browser reads them, the moments from the row.
        (wait_0, left), (waited, right) = json.loads(re.search(r'data-knots="([^"]*)"', card)[1])[1:3]  # type: ignore[index]
        assert (wait_0, waited) == (0, turn.moments["audible"])
        bars = {
            name: (float(start), float(start) + float(width), int(seek))
            for name, start, width, seek in re.findall(
                r'share-(\w+)" style="left:([\d.]+)%;width:([\d.]+)%"[^>]*data-seek="(\d+)"', card
            )
        }
        for name, begins, ends in (
            ("endpoint_wait", 0, turn.moments["committed"]),
            ("stt", 120, turn.moments["transcript"]),
            ("first_clause", turn.moments["first_token"], turn.moments["first_clause"]),
            ("tts_first_audio", turn.moments["first_clause"], turn.moments["first_audio"]),
        ):
            scale = (right - left) / waited
            assert bars[name][0] == pytest.approx(left + scale * begins, abs=0.02), name
            assert bars[name][1] == pytest.approx(left + scale * ends, abs=0.02), name
            assert bars[name][2] == rows.zero(3) + begins
        added = [int(ms) for ms in re.findall(r"\+(\d+) ms</span>", card)]
        assert sum(added) == turn.voice_to_voice_ms

    @pytest.mark.parametrize(
        ("way", "badge"),
        [
            ("written", "as written"),
            ("nearest", "nearest entry, with a caution"),
            ("model", "language model"),
        ],
    )
    def test_a_turn_says_which_way_it_was_answered(
        self, admin_client: Client, anna: Assistant, way: str, badge: str
    ) -> None:
        call = rows.store_call(anna)
        Turn.objects.filter(call=call, number=1).update(retrieval={"way": way, "verbatim": way != "model"})
        head = cards(page(admin_client, call))[0].split("</header>")[0]
        assert re.findall(r'call-plain"[^>]*>([^<]+)<', head) == [badge]

    def test_names_of_the_record_are_never_markup(self, admin_client: Client, anna: Assistant) -> None:
        call = rows.store_call(anna)
        markup = "<script>alert(1)"
        tool = {
            "name": markup,
            "by": "model",
            "arguments": {"a": markup},
            "result": markup,
            "error": {},
            "ms": 1,
        }
        Turn.objects.filter(call=call).update(
            engines={"stt": markup, "llm": markup, "tts": markup},
            retrieval={"way": markup, "version": markup, "query": markup, "total_ms": 1.0},
            tools=[tool],
            barge_ins=[rows.barge_in(1) | {"said": markup}],
            error={"stage": markup, "code": markup, "message": markup},
        )
        assert markup not in page(admin_client, call)

    def test_the_strip_lies_under_the_waveform_at_the_times_of_the_call(
        self, admin_client: Client, anna: Assistant
    ) -> None:
        call = rows.store_call(anna)
        parts = re.findall(
            r'<i class="cw-(caller|wait|answer)" style="left:([\d.]+)%;width:([\d.]+)%"',
            page(admin_client, call),
        )
        places = [(name, float(left) * call.duration_ms / 100) for name, left, _ in parts]
        wanted: list[Any] = []
        for number in (1, 2, 3):
            wanted += [
                ("caller", pytest.approx(rows.began(number), abs=1)),
                ("wait", pytest.approx(rows.zero(number), abs=1)),
                ("answer", pytest.approx(rows.zero(number) + rows.WAIT_MS, abs=1)),
            ]
        assert places == wanted

    @pytest.mark.parametrize(
        ("scope", "threshold", "late"),
        [
            ("", rows.WAIT_MS - 1, True),
            ("", rows.WAIT_MS, False),
            ("assistant:anna", rows.WAIT_MS - 1, True),
            ("assistant:other", rows.WAIT_MS - 1, False),
        ],
    )
    def test_a_turn_is_late_by_the_target_of_its_assistant(
        self, admin_client: Client, anna: Assistant, scope: str, threshold: int, late: bool
    ) -> None:
        Target.objects.update_or_create(
            metric="total", scope=scope, percentile=95, defaults={"threshold": threshold}
        )
        text = page(admin_client, rows.store_call(anna))
        assert text.count('cw-late" style') == (3 if late else 0)
        assert text.count("slower than the target") == (3 if late else 0)
        assert text.count("within the target") == (0 if late else 3)
        assert ("Over the target" in text) == late

    def test_without_a_target_no_turn_is_late(self, admin_client: Client, anna: Assistant) -> None:
        Target.objects.update(is_active=False)
        call = rows.store_call(anna)
        Turn.objects.filter(call=call).update(voice_to_voice_ms=60_000)
        text = page(admin_client, call)
        assert 'cw-late" style' not in text
        assert 'than the target"' not in text
        assert "within the target" not in text
        call.assistant = None
        call.save()
        assert len(cards(page(admin_client, call))) == 3

    def test_a_call_that_goes_on_says_so(self, admin_client: Client, anna: Assistant) -> None:
        call = rows.store_call(anna, recorded=False, end_reason="", events=[], duration_ms=0)
        text = page(admin_client, call)
        assert "The recording appears when the call has ended." in text
        assert "The call goes on" in text
        assert len(cards(text)) == 3
        assert "data-seek" not in text

    def test_without_a_recording_the_words_and_bars_stay(self, admin_client: Client, anna: Assistant) -> None:
        text = page(admin_client, rows.store_call(anna, recorded=False))
        assert "It was removed when it was as old as Retention allows" in text
        assert "<audio" not in text
        assert "data-seek" not in text
        assert "wf-bar share-stt" in text

    def test_a_file_that_is_gone_from_the_disk_breaks_nothing(
        self, admin_client: Client, anna: Assistant
    ) -> None:
        call = rows.store_call(anna)
        call.recording.storage.delete(str(call.recording.name))
        assert "The file of the recording is gone from the disk." in page(admin_client, call)
        assert get(admin_client, "admin:calls_call_recording", call).status_code == 404
        assert get(admin_client, "admin:calls_call_waveform", call).status_code == 404

    def test_a_call_without_turns_says_so(self, admin_client: Client, anna: Assistant) -> None:
        assert "Nothing was said in this call." in page(admin_client, rows.store_call(anna, turns=0))

    def test_two_hundred_turns_need_no_more_queries_than_a_few(
        self, admin_client: Client, anna: Assistant, django_assert_max_num_queries: Any
    ) -> None:
        call = rows.store_call(anna, turns=200, recorded=True)
        page(admin_client, call)  # what is asked for once a process
        with django_assert_max_num_queries(12):
            text = page(admin_client, call)
        assert len(cards(text)) == 200

    def test_who_may_not_run_calls_again_is_not_invited_to(self, operator: Operator, anna: Assistant) -> None:
        assert "/replay/" not in page(operator("view_call"), rows.store_call(anna))


class TestWaveform:
    def test_the_peaks_are_those_of_the_recording(self, admin_client: Client, anna: Assistant) -> None:
        call = rows.store_call(anna, turns=1)
        peaks = get(admin_client, "admin:calls_call_waveform", call).content
        caller, assistant = peaks[: len(peaks) // 2], peaks[len(peaks) // 2 :]
        assert len(caller) == call.duration_ms * PEAKS_PER_S / 1000
        loud = [[n * 10 for n, peak in enumerate(side) if peak] for side in (caller, assistant)]
        assert (loud[0][0], loud[0][-1]) == (rows.began(1), rows.zero(1) - 10)
        heard = rows.zero(1) + rows.WAIT_MS
        assert (loud[1][0], loud[1][-1]) == (heard, heard + rows.ANSWER_MS - 10)

    def test_what_is_no_recording_is_told(self, admin_client: Client, anna: Assistant) -> None:
        call = rows.store_call(anna)
        with call.recording.storage.open(str(call.recording.name), "wb") as file:
            file.write(b"nothing")
        answer = get(admin_client, "admin:calls_call_waveform", call)
        assert (answer.status_code, "not a WAV file" in answer.content.decode()) == (422, True)


class TestExport:
    def test_its_figures_are_those_of_the_rows(self, admin_client: Client, anna: Assistant) -> None:
        call = rows.store_call(anna)
        answer = get(admin_client, "admin:calls_call_export", call)
        assert answer["Content-Disposition"] == f'attachment; filename="call-{call.pk}.json"'
        shown = json.loads(answer.content)
        row = Call.objects.values("caller", "duration_ms", "end_reason", "engines", "events").get(pk=call.pk)
        assert {name: shown[name] for name in row} == row
        assert (shown["id"], shown["assistant"], shown["recorded"]) == (str(call.pk), "anna", True)
        fields = [f.name for f in Turn._meta.concrete_fields if f.name not in ("id", "call")]
        turns = list(Turn.objects.filter(call=call).values(*fields))
        assert [{name: turn[name] for name in fields} for turn in shown["turns"]] == turns
        for turn, own in zip(shown["turns"], turns, strict=True):
            assert sum(span["added_ms"] for span in turn["spans"]) == own["voice_to_voice_ms"]
            assert turn["clock"]["speech_end_ms"] == rows.zero(own["number"])

    def test_it_costs_as_many_queries_for_many_turns(
        self, admin_client: Client, anna: Assistant, django_assert_max_num_queries: Any
    ) -> None:
        call = rows.store_call(anna, turns=40, recorded=False)
        with django_assert_max_num_queries(8):
            get(admin_client, "admin:calls_call_export", call)

    def test_a_call_without_assistant_and_turns_is_exported(self, admin_client: Client, db: None) -> None:  # noqa: ARG002
        shown = json.loads(get(admin_client, "admin:calls_call_export", rows.store_call(None, 0)).content)
        assert (shown["assistant"], shown["turns"], shown["events"]) == (None, [], [])


class TestPermissions:
    @pytest.mark.parametrize("name", ["recording", "waveform", "export", "change"])
    def test_only_those_who_may_see_calls(self, operator: Operator, anna: Assistant, name: str) -> None:
        call = rows.store_call(anna)
        browser = operator("view_document")
        assert get(browser, f"admin:calls_call_{name}", call).status_code == 403
        may_see = Permission.objects.get(codename="view_call")
        User.objects.get(username="operator").user_permissions.add(may_see)
        assert get(browser, f"admin:calls_call_{name}", call).status_code == 200

    def test_only_those_who_may_see_calls_see_prompts(self, operator: Operator, anna: Assistant) -> None:
        call = rows.store_call(anna)
        assert get(operator("view_document"), "call-given", call, 1).status_code == 403

    def test_strangers_are_sent_to_the_login(self, client: Client, anna: Assistant) -> None:
        call = rows.store_call(anna)
        for answer in (get(client, "admin:calls_call_export", call), get(client, "call-given", call, 1)):
            assert answer.status_code == 302
            assert "/login/" in answer["Location"]


class TestGiven:
    @pytest.fixture(autouse=True)
    def no_engine(self, settings: Settings) -> None:
        settings.AIKER = settings.AIKER.model_copy(update={"llm_port": free_port()})

    def test_the_prompt_is_made_again_and_says_so(self, admin_client: Client, anna: Assistant) -> None:
        call = rows.store_call(anna)
        text = get(admin_client, "call-given", call, 2).content.decode()
        assert "Made again from the record" in text
        assert "The assistant was not edited in the admin since the call." in text
        assert "你是安娜" in text
        assert "客户问：独立办公室多少钱，第1次问</dd>" in text
        assert "- 独立办公室：独立办公室4人间8800元一个月。" in text
        assert re.search(r"about \d+ tokens, estimated", text)

    def test_an_assistant_that_was_edited_since_is_named(
        self, admin_client: Client, admin_user: User, anna: Assistant
    ) -> None:
        call = rows.store_call(anna)
        LogEntry.objects.create(
            user=admin_user,
            content_type=ContentType.objects.get_for_model(Assistant),
            object_id=str(anna.pk),
            object_repr="安娜",
            action_flag=CHANGE,
            action_time=timezone.now(),
        )
        assert "The assistant was edited since" in get(admin_client, "call-given", call, 1).content.decode()

    def test_what_stands_in_the_way_of_counting_is_told(self, admin_client: Client, anna: Assistant) -> None:
        anna.profile = BackendProfile.objects.create(name="Empty", slug="empty", mode="local")
        anna.save()
        call = rows.store_call(anna)
        assert "Tokens are not counted" in get(admin_client, "call-given", call, 1).content.decode()
        anna.delete()
        text = get(admin_client, "call-given", call, 1).content.decode()
        assert "its system prompt is not known" in text

    def test_there_is_none_where_the_model_was_not_asked(self, admin_client: Client, anna: Assistant) -> None:
        call = rows.store_call(anna)
        Turn.objects.filter(call=call).update(routing={"stt": {"engine": "whisper-base", "skipped": []}})
        assert "What the language model was given" not in page(admin_client, call)
        assert get(admin_client, "call-given", call, 9).status_code == 404


def test_the_version_that_was_asked_is_one_click_away(admin_client: Client, anna: Assistant) -> None:
    base = KnowledgeBase.objects.create(slug="test", name="测试")
    version = IndexVersion.objects.create(base=base, collection_name="test-7", embedding_model="bge-small-zh")
    text = page(admin_client, rows.store_call(anna))
    assert reverse("admin:knowledge_indexversion_change", args=[version.pk]) in text
