"""Calls in which nothing is understood, lines on hold, and words that are nobody's turn."""

from __future__ import annotations

import numpy as np
import pytest

from aiker.audio import g711
from aiker.calls.announcements import Repeats, is_announcement, is_hesitation
from aiker.calls.idle import LONGEST_HOLD_MS, MOST_GOODBYES, Idle, Next
from aiker.calls.models import Assistant
from aiker.calls.music import is_music
from aiker.calls.passed_over import Screen, Why
from aiker.calls.plan import CallPlan, plan_for
from tests.calls.scripted import ScriptedCall, StandInEngines, play

ON_HOLD = "请稍后，正在为您转接。"


class TestIdle:
    def test_prompts_and_then_goodbye(self) -> None:
        idle = Idle(prompts=2)
        assert [idle.lapsed(at, music=False) for at in (1, 2, 3)] == [Next.PROMPT, Next.PROMPT, Next.GOODBYE]

    def test_what_is_understood_begins_anew(self) -> None:
        idle = Idle(prompts=1)
        idle.lapsed(1, music=False)
        idle.understood()
        assert idle.lapsed(2, music=False) is Next.PROMPT

    def test_a_sound_does_not_keep_the_call_from_ending_for_ever(self) -> None:
        idle = Idle(prompts=0)
        for _ in range(MOST_GOODBYES):
            assert idle.lapsed(1, music=False) is Next.GOODBYE
            assert not idle.given_up
        idle.lapsed(1, music=False)
        assert idle.given_up

    def test_a_held_line_is_waited_for_but_not_for_ever(self) -> None:
        idle = Idle(prompts=2)
        idle.announced(1000)
        assert idle.on_hold
        assert idle.lapsed(900 + LONGEST_HOLD_MS, music=False) is Next.WAIT
        assert idle.lapsed(1000 + LONGEST_HOLD_MS, music=True) is Next.GOODBYE

    def test_behind_music_alone_the_prompts_go_on(self) -> None:
        idle = Idle(prompts=2)
        assert idle.lapsed(10_000, music=True) is Next.WAIT
        assert idle.lapsed(20_000, music=False) is Next.PROMPT


@pytest.mark.parametrize(
    "text",
    [
        ON_HOLD,
        "请稍等片刻，马上为您接通。",
        "您好，您拨打的电话正在通话中，请稍后再拨。",
        "对不起，您呼叫的用户已关机。",
        "欢迎致电云上办公，查询请按一，人工服务请按零。",
        "请不要挂机，您的前面还有三位客户在排队。",
        "客服正忙，请耐心等待。",
        "我们将尽快接听您的电话，请不要挂断。",
        "请在提示音后留言。",
        "Thank you for calling, please hold.",
    ],
)
def test_announcements(text: str) -> None:
    assert is_announcement(text)


@pytest.mark.parametrize(
    "text",
    [
        "请稍等。",
        "等一下，我找一下订单号",
        "我刚才打电话，说正在为您转接，然后就断了",
        "你们能帮我转接财务吗",
        "请帮我转人工。",
        "请按时发货",
        "会议室怎么预订？",
        "电话打不通怎么办",
        "可以按月付吗",
        "喂？",
    ],
)
def test_what_callers_say_is_none(text: str) -> None:
    assert not is_announcement(text)


def test_the_same_words_a_third_time_are_a_recording_but_a_short_plea_is_not() -> None:
    repeats = Repeats()
    for text in ("您好，这里是前台总机。", "您好这里是前台总机"):
        assert not repeats.again(text)
        repeats.take(text)
    assert repeats.again("您好，这里是前台总台。")
    repeats.take("会议室多少钱")
    assert not repeats.again("您好，这里是前台总机。")
    for _ in range(4):
        assert not repeats.again("转人工")
        repeats.take("转人工")


@pytest.mark.parametrize(
    ("text", "hesitation"),
    [
        ("嗯。", True),
        ("呃…啊", True),
        ("Mm.", True),
        ("", False),
        ("啊？", False),
        ("好的", False),
        ("嗯好", False),
    ],
)
def test_hesitations(text: str, hesitation: bool) -> None:
    assert is_hesitation(text) is hesitation


def test_a_hesitation_answers_a_question_once() -> None:
    screen = Screen(Idle(2))
    assert screen.why("嗯", asked=False) is Why.HESITATION
    assert screen.why("嗯", asked=True) is Why.NONE
    screen.take("嗯", Why.NONE, 0)
    assert screen.why("嗯", asked=True) is Why.HESITATION


def test_while_the_line_is_held_one_moment_is_the_recording() -> None:
    screen = Screen(Idle(2))
    assert screen.why("请稍等。", asked=False) is Why.NONE
    screen.take(ON_HOLD, screen.why(ON_HOLD, asked=False), 0)
    assert screen.why("请稍等。", asked=False) is Why.ANNOUNCEMENT
    assert screen.why("喂，你好，哪位？", asked=False) is Why.NONE


def tones(seconds: float, *hz: float, note_s: float = 0.4, dbfs: float = -25) -> np.ndarray:
    """Return one note after the other, each with two overtones."""
    at = np.arange(round(seconds * g711.RATE)) / g711.RATE
    notes = np.array(hz)[(at / note_s).astype(int) % len(hz)]
    wave = sum(np.sin(2 * np.pi * notes * at * n) / n for n in (1, 2, 3))
    return np.round(wave / np.std(wave) * 32768 * 10 ** (dbfs / 20)).astype(np.int16)


def noise(seconds: float, dbfs: float, *, rumble: bool = False) -> np.ndarray:
    white = np.random.default_rng(2).standard_normal(round(seconds * g711.RATE))
    sound = np.convolve(white, np.exp(-np.arange(60) / 12), "same") if rumble else white
    return np.round(sound / sound.std() * 32768 * 10 ** (dbfs / 20)).astype(np.int16)


def test_music_is_told_from_noise_hum_and_silence() -> None:
    melody = tones(6, 440, 523, 659, 587)
    assert is_music(g711.decode(g711.encode(melody)))
    assert is_music(melody // 8 + noise(6, -60))
    for sound in (noise(6, -25), noise(6, -25, rumble=True), tones(6, 450), noise(6, -70), melody[:4000]):
        assert not is_music(sound)


@pytest.fixture
def plan() -> CallPlan:
    return plan_for(Assistant.objects.create(slug="anna", name="安娜", greeting="您好。"))


@pytest.mark.django_db(transaction=True)
class TestInCalls:
    """The scenes ``idle_noises`` and ``on_hold`` with scripted time."""

    @pytest.mark.parametrize("heard", ["嗯。", ""])
    def test_idle_noises_end_as_a_silent_call_does(self, plan: CallPlan, heard: str) -> None:
        async def scenario() -> None:
            call = ScriptedCall(plan, StandInEngines(hears=[heard] * 40))
            for _ in range(12):
                await call.waits(8)
                if not call.session.finished:
                    await call.speaks(0.3)
            assert call.all("call_ended")[0]["reason"] == "silence"
            assert len(call.all("silence_prompt")) == plan.silence_prompts
            assert call.all("turn_finished") == []

        play(scenario)

    def test_a_noise_into_the_greeting_or_a_prompt_does_not_stop_the_wait(self, plan: CallPlan) -> None:
        async def scenario() -> None:
            call = ScriptedCall(plan, StandInEngines(hears=[""] * 400))
            await call.waits(0.2)
            while not call.session.finished and call.session._clock.now() < 150_000:
                await call.speaks(0.3)
                await call.waits(1.2)
            assert call.all("call_ended")[0]["reason"] == "silence"

        play(scenario)

    def test_on_hold_nothing_is_said_and_the_person_is_answered(self, plan: CallPlan) -> None:
        async def scenario() -> None:
            engines = StandInEngines(hears=[ON_HOLD, ON_HOLD, "喂？"])
            call = ScriptedCall(plan, engines)
            await call.waits(4)
            for _ in range(2):
                await call.speaks(2.4)
                await call.waits(100)
            said = len(call.all("reply_text"))
            assert said == 1, "the greeting"
            assert [event["why"] for event in call.all("passed_over")] == ["announcement"] * 2
            await call.speaks(0.5)
            await call.waits(4)
            (turn,) = call.all("turn_finished")
            assert (turn["user_text"], turn["heard_text"]) == ("喂？", plan.there_answer)
            await call.waits(25)
            assert call.all("silence_prompt"), "and the wait is the usual one again"
            await call.hangs_up()

        play(scenario)

    def test_music_alone_is_waited_for(self, plan: CallPlan) -> None:
        melody = g711.encode(tones(60, 440, 523, 659, 587))

        async def scenario() -> None:
            call = ScriptedCall(plan, StandInEngines())
            for start in range(0, len(melody) - 255, 256):
                await call.hears(melody[start : start + 256], 0.02)
            assert call.all("silence_prompt") == []
            await call.waits(25)
            assert call.all("silence_prompt")
            await call.hangs_up()

        play(scenario)
