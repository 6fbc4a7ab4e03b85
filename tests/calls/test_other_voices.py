"""What comes in besides the caller: our own echo, a television, a line on hold. Real speech and detector."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soxr

from aiker.audio import g711
from aiker.audio.levels import first_loud_sample, last_loud_sample
from aiker.calls.models import Assistant
from aiker.calls.plan import CallPlan, plan_for
from aiker.calls.vad import Detector, SileroVad
from engines.catalog import model_dir
from engines.local.kokoro import KokoroTTS
from tests.calls.line import Echo, LineCall, Pcm, SpeakingEngines, at_level
from tests.calls.scripted import play

pytestmark = [pytest.mark.models, pytest.mark.django_db(transaction=True)]

GREETING = "您好，这里是云上办公，我是小安，请问有什么可以帮您？"
ANSWER = ("可以停车，", "地下车库的入口在大楼的东边，", "进去以后请跟着绿色的指示牌走。")
PROMPT = "请问您还在听吗？"
QUESTION = "请问你们那里可以停车吗？"
CUTS_IN = "等一下，停车一个月多少钱？"
NEWS = (
    "据气象部门预报，今天夜间到明天白天，全市多云转阴，局部地区有小雨，最高气温二十三度。"
    "受冷空气影响，后天起气温将明显下降，请市民注意添加衣物。",
    "记者从交通管理部门获悉，周末期间主要道路车流量预计增加两成，请驾驶员提前规划路线，错峰出行。",
)
RETURN_LOSSES_DB, LAGS_MS = (14, 20, 26, 32, 44, 50), (0, 33, 180, 400, 600)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Pcm]:
    """Returns a sentence without the silence around it, 8 kHz, at a level in dBFS."""
    tts = KokoroTTS(model_dir("kokoro-int8"), 2, tmp_path_factory.mktemp("cache"))
    made: dict[tuple[str, str], Pcm] = {}

    def speak(text: str, voice: str = "zm_yunxi", dbfs: float = -20) -> Pcm:
        if (text, voice) not in made:
            pcm = np.frombuffer(b"".join(tts.pieces(text, voice)), "<i2")
            audio: Pcm = soxr.resample(pcm, 24_000, g711.RATE)
            made[text, voice] = audio[first_loud_sample(audio) : last_loud_sample(audio)]
        return at_level(made[text, voice], dbfs)

    return speak


@pytest.fixture(scope="module")
def silero() -> SileroVad:
    return SileroVad(model_dir("silero-vad") / "silero_vad.onnx")


@pytest.fixture
def plan() -> CallPlan:
    assistant = Assistant.objects.create(slug="anna", name="安娜", greeting=GREETING, silence_prompt=PROMPT)
    return plan_for(assistant)


@pytest.fixture
def engines(speech: Callable[..., Pcm]) -> SpeakingEngines:
    voice = "zf_xiaobei"
    said = {text: speech(text, voice) for text in (GREETING, PROMPT, *ANSWER)}
    knows = {text: speech(text) for text in (QUESTION, CUTS_IN)}
    return SpeakingEngines(answers=["".join(ANSWER)] * 9, voice_of=said, knows=knows)


def onset_ms(pcm: Pcm) -> float:
    return (first_loud_sample(pcm) or 0) / 8


def placed(
    plan: CallPlan, engines: SpeakingEngines, detector: Detector, *script: float | Pcm, **line: Any
) -> LineCall:
    """Return a call, over, in which the caller was silent for some seconds and said some things, in order."""
    calls: list[LineCall] = []

    async def scenario() -> None:
        call = LineCall(plan, engines, detector, **line)
        calls.append(call)
        for part in script:
            if not call.session.finished:
                await (call.listens(part) if isinstance(part, float | int) else call.says(part))
        await call.hangs_up()

    play(scenario)
    return calls[0]


class TestEchoBack:
    @pytest.mark.parametrize("band_hz", [None, (400.0, 2600.0)])
    def test_neither_holds_the_greeting_nor_the_answer_nor_begins_a_turn(
        self,
        plan: CallPlan,
        engines: SpeakingEngines,
        silero: SileroVad,
        speech: Callable[..., Pcm],
        band_hz: tuple[float, float] | None,
    ) -> None:
        for number, (loss_db, lag_ms) in enumerate(itertools.product((14, 26, 44), LAGS_MS)):
            if band_hz and number % 2:
                continue
            engines.answers = ["".join(ANSWER)] * 9
            echo = Echo(lag_ms, loss_db, band_hz)
            call = placed(plan, engines, silero.open(), 8, speech(QUESTION), 9, echo=echo)
            seen = (len(call.all("speech_started")), call.silences, len(call.all("turn_finished")))
            assert seen == (1, 0, 1), echo

    @pytest.mark.parametrize(
        ("echo", "dbfs", "within_ms"),
        [
            (Echo(180, 14), -20, 300),
            (Echo(180, 14), -26, 1500),  # about as loud as the echo may be
            (Echo(400, 26), -26, 300),
            (Echo(33, 60), -32, 300),
        ],
    )
    def test_a_caller_over_it_cuts_in(
        self,
        plan: CallPlan,
        engines: SpeakingEngines,
        silero: SileroVad,
        speech: Callable[..., Pcm],
        echo: Echo,
        dbfs: float,
        within_ms: float,
    ) -> None:
        asked, cuts_in = speech(QUESTION), speech(CUTS_IN, dbfs=dbfs)
        call = placed(plan, engines, silero.open(), 8, asked, 3.5, cuts_in, 8, echo=echo)
        began_ms = 8000 + len(asked) / 8 + 3500 + onset_ms(cuts_in)
        (held,) = call.all("reply_held")
        assert held["at_ms"] - began_ms < within_ms
        assert [turn["user_text"] for turn in call.all("turn_finished")] == [QUESTION, CUTS_IN]

    def test_a_caller_cuts_into_the_greeting_before_anything_is_learned(
        self, plan: CallPlan, engines: SpeakingEngines, silero: SileroVad, speech: Callable[..., Pcm]
    ) -> None:
        cuts_in = speech(QUESTION, dbfs=-20)
        call = placed(plan, engines, silero.open(), 1, cuts_in, 8, echo=Echo(180, 20))
        (held,) = call.all("reply_held")
        assert held["at_ms"] - 1000 - onset_ms(cuts_in) < 300
        assert [turn["user_text"] for turn in call.all("turn_finished")] == [QUESTION]


class TestTelevision:
    @pytest.mark.parametrize("under_db", [20, 25, 30])
    def test_neither_cuts_the_greeting_nor_the_answer_nor_keeps_the_turn_open(
        self,
        plan: CallPlan,
        engines: SpeakingEngines,
        silero: SileroVad,
        speech: Callable[..., Pcm],
        under_db: float,
    ) -> None:
        news = np.concatenate([speech(text, "zm_yunjian", -20 - under_db) for text in NEWS])
        asked = speech(QUESTION)
        # Soon after the greeting: a television 20 dB softer may be a caller until one was heard.
        call = placed(plan, engines, silero.open(), 7, asked, 12, behind=news)
        (turn,) = call.all("turn_finished")
        assert turn["heard_text"] == "".join(ANSWER)
        assert call.silences == 0
        (committed,) = call.all("turn_committed")
        assert committed["at_ms"] - 7000 - len(asked) / 8 < 1200

    @pytest.mark.parametrize("dbfs", [-50, -55])
    def test_alone_it_is_a_silent_call(
        self,
        plan: CallPlan,
        engines: SpeakingEngines,
        silero: SileroVad,
        speech: Callable[..., Pcm],
        dbfs: float,
    ) -> None:
        news = np.concatenate([speech(text, "zm_yunjian", dbfs) for text in NEWS])
        call = placed(plan, engines, silero.open(), 90, behind=news)
        assert call.all("speech_started") == []
        assert call.all("call_ended")[0]["reason"] == "silence"

    @pytest.mark.parametrize("dbfs", [-30, -36, -42])
    def test_a_soft_caller_alone_is_heard(
        self,
        plan: CallPlan,
        engines: SpeakingEngines,
        silero: SileroVad,
        speech: Callable[..., Pcm],
        dbfs: float,
    ) -> None:
        call = placed(plan, engines, silero.open(), 8, speech(QUESTION, dbfs=dbfs), 9)
        assert [turn["user_text"] for turn in call.all("turn_finished")] == [QUESTION]
