"""The lexicon in a call and in the admin."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from aiker.calls.engines import make_tts
from aiker.calls.models import Assistant, Turn
from aiker.calls.phrases import phrase_name
from aiker.calls.plan import MOST_HOT_CHARS, plan_for
from engines.backends.tts import Kokoro
from engines.local.text_normalization import spoken
from engines.registry import Place
from engines.server.stages import stages_for
from knowledge.fusion import Passage
from knowledge.models import Document, KnowledgeBase, LexiconEntry
from knowledge.rag import Found
from knowledge.retrieval import RetrievalResult
from tests.calls.scripted import ScriptedCall, StandInEngines, play
from tests.engines.serving import serving
from tests.ports import free_port

LIST = reverse("admin:knowledge_lexiconentry_changelist")
State = LexiconEntry.State


@pytest.fixture
def base(db: None) -> KnowledgeBase:  # noqa: ARG001
    return KnowledgeBase.objects.create(name="测试", slug="test")


@pytest.fixture
def anna(base: KnowledgeBase) -> Assistant:
    return Assistant.objects.create(
        slug="anna", name="安娜", greeting="您好。", knowledge_base=base, hot_words="开门、关门。"
    )


def entry(base: KnowledgeBase, term: str, **fields: Any) -> LexiconEntry:
    return LexiconEntry.objects.create(base=base, term=term, **fields)


# -- in a call ------------------------------------------------------------------


def test_a_call_is_planned_with_the_accepted_words(anna: Assistant, base: KnowledgeBase) -> None:
    for number in range(100):
        entry(base, f"词语{number:02}", count=number)
    entry(base, "月卡", count=200)
    entry(base, "提案", count=300, state=State.PROPOSED)
    plan = plan_for(anna)
    assert plan.hot_words.startswith("开门、关门、月卡、词语99、词语98")
    assert len(plan.hot_words) <= MOST_HOT_CHARS
    assert "提案" not in plan.hot_words


def test_a_new_reading_is_new_audio(anna: Assistant, base: KnowledgeBase) -> None:
    before = phrase_name(make_tts(plan_for(anna)), "刘店长在。")
    entry(base, "店长", reading="店掌")
    tts = make_tts(plan_for(anna))
    assert tts.read("刘店长在。") == "刘店掌在。"
    assert phrase_name(tts, "刘店长在。") != before
    assert phrase_name(tts, "您好。") == phrase_name(make_tts(plan_for(anna)), "您好。")


@pytest.mark.django_db(transaction=True)
def test_what_was_misheard_is_corrected_before_anything_is_made_of_it(
    anna: Assistant, base: KnowledgeBase
) -> None:
    entry(base, "工位", reading="公位")
    searched: list[str] = []

    class Knowledge:
        async def search(self, question: str, before: str, k: int) -> Found:  # noqa: ARG002
            searched.append(question)
            passage = Passage("desk", "工位", "工位1800元。", 0.8, 1, 1)
            return Found((passage,), (passage,), RetrievalResult((passage,), 0.8, "v1"), 0.8)

    async def scenario() -> None:
        engines = StandInEngines(
            hears=["固定公位多少钱", "谢谢"], answers=["工位1800元。", "不客气。"], knowledge=Knowledge()
        )
        call = ScriptedCall(plan_for_call, engines)
        await call.waits(2)
        for _ in range(2):
            await call.speaks(1)
            await call.waits(5)
        await call.hangs_up()
        assert next(event["text"] for event in call.all("transcript")) == "固定工位多少钱"
        assert "固定工位多少钱" in engines.prompts[0][-1]["content"]

    plan_for_call = plan_for(anna)
    play(scenario)
    assert searched[0] == "固定工位多少钱"
    first, second = Turn.objects.order_by("number")
    assert (first.user_text, first.heard_as) == ("固定工位多少钱", "固定公位多少钱")
    assert first.heard_text == "工位1800元。"  # as written, whatever the voice was given
    assert (second.user_text, second.heard_as) == ("谢谢", "")


@pytest.mark.models
def test_hot_words_are_bounded_to_what_whisper_reads(settings: Settings, base: KnowledgeBase) -> None:
    from engines.local.faster_whisper import MOST_PROMPT_TOKENS, SIMPLIFIED_PROMPT, FasterWhisperSTT
    from knowledge.lexicon import propose
    from tests.knowledge.conftest import sample_documents

    for proposal in propose(text for d in sample_documents() for text in (d.title, d.question, d.answer)):
        entry(base, proposal.term, hot_word=proposal.hot, count=proposal.count)
    words = plan_for(Assistant(knowledge_base=base)).hot_words
    stt = FasterWhisperSTT(settings.AIKER.models / "whisper-base", threads=2)
    encode = stt._model.hf_tokenizer.encode
    assert len(words) > MOST_HOT_CHARS - 10
    assert len(encode(f" {SIMPLIFIED_PROMPT}{words}", add_special_tokens=False)) <= MOST_PROMPT_TOKENS
    too_long = stt._prepare(np.zeros(16_000, dtype=np.float32), "zh", SIMPLIFIED_PROMPT + words * 10)
    assert len(too_long.tokens) < MOST_PROMPT_TOKENS + 10
    assert stt._model.hf_tokenizer.decode(too_long.tokens).strip().startswith(SIMPLIFIED_PROMPT)


# -- in the admin ---------------------------------------------------------------


@pytest.fixture
def operator(admin_client: Client) -> Client:
    admin_client.cookies["django_language"] = "en"
    return admin_client


def act(client: Client, action: str, *entries: LexiconEntry) -> str:
    data = {"action": action, "_selected_action": [str(one.pk) for one in entries]}
    return client.post(LIST, data, follow=True).content.decode()


def test_many_proposals_are_accepted_or_rejected_at_once(
    operator: Client,
    base: KnowledgeBase,
    anna: Assistant,  # noqa: ARG001
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    one, two, three = (entry(base, term, state=State.PROPOSED) for term in ("月卡", "日卡", "办公"))
    with django_capture_on_commit_callbacks(execute=True):
        assert "2 words accepted" in act(operator, "accept", one, two)
    assert "1 word rejected" in act(operator, "reject", three)
    states = dict(LexiconEntry.objects.values_list("term", "state"))
    assert states == {"月卡": "accepted", "日卡": "accepted", "办公": "rejected"}
    assert DBTaskResult.objects.get().task_path == "aiker.calls.tasks.prepare_phrases"
    logged = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(LexiconEntry))
    assert {edit.object_id for edit in logged} == {str(word.pk) for word in (one, two, three)}
    assert {edit.get_change_message() for edit in logged} == {"Changed state."}
    act(operator, "accept", one)
    assert logged.count() == 3, "nothing changed"


def rows(*entries: LexiconEntry, **changed: str) -> dict[str, str]:
    """The form of the list, with ``changed`` fields in its first row."""
    data = {"form-TOTAL_FORMS": str(len(entries)), "form-INITIAL_FORMS": str(len(entries)), "_save": "Save"}
    for number, one in enumerate(entries):
        fields = {"id": str(one.pk), "misheard": "\r\n".join(one.misheard), "reading": one.reading}
        fields |= {"hot_word": "on"} if one.hot_word else {}
        fields |= changed if number == 0 else {}
        data |= {f"form-{number}-{name}": value for name, value in fields.items()}
    return data


def test_the_list_is_edited_in_place_and_remembers_what_was(operator: Client, base: KnowledgeBase) -> None:
    first = entry(base, "租金", state=State.PROPOSED, count=9, example="租金包含水电。")
    second = entry(base, "月卡", state=State.PROPOSED, misheard=["月咔"], count=5)
    page = operator.get(LIST).content.decode()
    assert "租金包含水电。" in page
    operator.post(LIST, rows(first, second, misheard="足金\r\n 祖金 \r\n足金", reading="祖金"))
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.misheard, first.reading, first.edited) == (["足金", "祖金"], "祖金", True)
    assert (first.state, second.edited) == (State.PROPOSED, False)
    answer = operator.post(LIST, rows(first, second, misheard="租金"))
    assert "The word itself is not misheard." in answer.content.decode()


def test_the_button_proposes_the_words_of_every_base(operator: Client, base: KnowledgeBase) -> None:
    Document.objects.create(base=base, title="VIP", answer="VIP室在B座。")
    page = operator.get(reverse("admin:knowledge_lexiconentry_propose"), follow=True).content.decode()
    assert "2 new words proposed" in page
    assert {*base.lexicon.values_list("term", flat=True)} == {"VIP", "B座"}


def test_only_those_who_may_see_the_lexicon_hear_it(client: Client, base: KnowledgeBase) -> None:
    word = entry(base, "VIP")
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_document"))
    client.force_login(user)
    assert client.get(reverse("admin:knowledge_lexiconentry_audio", args=[word.pk])).status_code == 403


def test_a_preview_without_an_engine_says_why(
    operator: Client, base: KnowledgeBase, settings: Settings
) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"engines_port": free_port()})
    answer = operator.get(reverse("admin:knowledge_lexiconentry_audio", args=[entry(base, "VIP").pk]))
    assert answer.status_code == 503
    assert "cannot be reached" in answer.content.decode()


@pytest.fixture
def kokoro(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    place = Place(threads=2, cache_dir=tmp_path_factory.mktemp("cache"))
    with serving(stages_for({"kokoro-int8": Kokoro()}, place)) as port:
        settings.AIKER = settings.AIKER.model_copy(update={"engines_port": port})
        yield


@pytest.mark.models
@pytest.mark.usefixtures("kokoro")
def test_a_word_is_heard_as_written_and_as_read(
    operator: Client, base: KnowledgeBase, anna: Assistant
) -> None:
    word = entry(base, "㎡", example="这间有50㎡。", reading="平方米，也就是很大很大的一间")
    url = reverse("admin:knowledge_lexiconentry_audio", args=[word.pk])
    written, read, unsaved = (
        seconds(operator.get(url, {"reading": reading}).content) for reading in ("", word.reading, "平米")
    )
    assert 1 < unsaved <= written < read - 1
    shown = unquote(operator.get(url, {"reading": word.reading})["X-Reading"])
    adapter = make_tts(plan_for(anna))  # and so a call does
    assert shown == "这间有五十平方米，也就是很大很大的一间。" == spoken(adapter.read(word.example))
    assert abs(len(asyncio.run(adapter.synthesize(word.example))) / 8000 - read) < 0.1


def seconds(wav: bytes) -> float:
    with wave.open(io.BytesIO(wav)) as file:
        assert file.getframerate() == 8000
        return file.getnframes() / 8000
