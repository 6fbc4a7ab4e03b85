"""The detectors on real speech, silence and noise, and calls that listen with each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from aiker.audio import g711
from aiker.calls.models import Assistant, VadChoice
from aiker.calls.plan import plan_for
from aiker.calls.vad import (
    WINDOW,
    WINDOW_MS,
    Detector,
    SileroVad,
    VadStream,
    VadThread,
    WebRtcVad,
    shared_vad,
)
from engines.catalog import model_dir
from engines.local.kokoro import KokoroTTS
from tests.calls.scripted import ScriptedCall, StandInEngines, play

pytestmark = pytest.mark.models

Pcm = NDArray[np.int16]
DETECTORS: dict[str, Callable[[], Detector]] = {
    "silero": lambda: SileroVad(model_dir("silero-vad") / "silero_vad.onnx").open(),
    "webrtc": lambda: WebRtcVad().open(),
}
SECOND = g711.RATE


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Pcm:
    """A question without the silence around it, 8 kHz."""
    tts = KokoroTTS(model_dir("kokoro-int8"), 2, tmp_path_factory.mktemp("cache"))
    pcm = np.frombuffer(b"".join(tts.pieces("请问你们周六几点开门呢？", "zf_xiaobei")), "<i2")
    audio: Pcm = soxr.resample(pcm, 24_000, SECOND)
    loud = np.flatnonzero(np.abs(audio) > 500)
    return audio[loud[0] : loud[-1]]


def scores(detector: Detector, audio: Pcm) -> NDArray[np.float64]:
    """The probability of each window, after the telephone's mu-law."""
    heard = g711.decode(g711.encode(audio))
    windows = [heard[start : start + WINDOW] for start in range(0, len(heard) - WINDOW + 1, WINDOW)]
    return np.array([detector.score(window) for window in windows])


def noise(seconds: float, dbfs: float) -> Pcm:
    samples = np.random.default_rng(1).standard_normal(round(seconds * SECOND))
    return (samples * 32768 * 10 ** (dbfs / 20)).astype(np.int16)


@pytest.mark.parametrize("name", DETECTORS)
def test_speech_is_heard_and_what_is_around_it_is_not(name: str, speech: Pcm) -> None:
    silence = np.zeros(2 * SECOND, np.int16)
    found = scores(DETECTORS[name](), np.concatenate([silence, speech, silence]))
    first, last = 2 * SECOND // WINDOW, (2 * SECOND + len(speech)) // WINDOW

    assert np.all((found >= 0) & (found <= 1))
    assert np.mean(found[first : last + 1] >= 0.5) > 0.8
    assert found[: first - 1].max() < 0.5
    assert found[last + 10 :].max() < 0.35, "320 ms after the last sound it is over"


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("dbfs", [-60.0, -50.0])
def test_the_noise_of_a_line_is_no_speech(name: str, dbfs: float) -> None:
    found = scores(DETECTORS[name](), noise(5, dbfs))
    assert np.mean(found >= 0.5) < 0.05


def test_ten_milliseconds_are_carried_into_the_next_window() -> None:
    """256 samples are 3.2 pieces of 80: five windows have 16, and none is lost or judged twice."""
    detector = WebRtcVad().open()
    steps = scores(detector, noise(0.16, -20)) * np.array([3, 3, 3, 3, 4])
    assert np.all(steps == np.round(steps))


def test_each_call_has_its_own_memory(speech: Pcm) -> None:
    for make in DETECTORS.values():
        alone = scores(make(), speech)
        other = make()
        scores(other, noise(1, -20))
        assert scores(make(), speech) == pytest.approx(alone)


def test_calls_that_are_scored_together_score_as_if_alone(speech: Pcm) -> None:
    vad = SileroVad(model_dir("silero-vad") / "silero_vad.onnx")
    audios = [speech, noise(len(speech) / SECOND, -50), np.roll(speech, 3000)]
    detectors = [vad.open() for _ in audios]
    together = [
        vad.score(detectors, [audio[start : start + WINDOW] for audio in audios])
        for start in range(0, len(speech) - WINDOW + 1, WINDOW)
    ]
    alone = [
        [
            detector.score(audio[start : start + WINDOW])
            for start in range(0, len(speech) - WINDOW + 1, WINDOW)
        ]
        for detector, audio in ((vad.open(), audio) for audio in audios)
    ]
    np.testing.assert_allclose(np.array(together).T, alone, atol=1e-4)
    assert np.max(together) > 0.9


class Broken:
    """A detector of a call whose audio cannot be scored."""

    def score(self, _window: Pcm) -> float:
        raise RuntimeError("broken")


@pytest.mark.parametrize("trouble", ["broken detector", "closed loop"])
async def test_one_calls_trouble_does_not_deafen_the_others(trouble: str, speech: Pcm) -> None:
    """The windows of both wait when the thread starts, so that they are scored together."""
    thread = VadThread(WebRtcVad())
    loop, heard, done = asyncio.get_running_loop(), list[float](), asyncio.Event()
    closed = asyncio.new_event_loop()
    closed.close()

    def on_window(_start_ms: float, probability: float) -> None:
        heard.append(probability)
        if len(heard) == 20:
            done.set()

    bad = thread.open(closed if trouble == "closed loop" else loop, lambda *_: None)
    if trouble == "broken detector":
        bad.detector = Broken()
    good = thread.open(loop, on_window)
    for stream in (bad, good):
        stream.feed(g711.encode(speech[: 20 * WINDOW]))
    thread.start()
    async with asyncio.timeout(20):
        await done.wait()
    assert bad.closed
    assert heard == pytest.approx(scores(WebRtcVad().open(), speech[: 20 * WINDOW]))


async def test_what_waits_for_a_call_that_has_ended_is_passed_over(speech: Pcm) -> None:
    thread, loop, done = VadThread(WebRtcVad()), asyncio.get_running_loop(), asyncio.Event()
    ended = thread.open(loop, lambda *_: pytest.fail("a call that has ended hears nothing"))
    ended.feed(g711.encode(speech[: 3 * WINDOW]))
    ended.close()
    thread.start()
    thread.open(loop, lambda *_: done.set()).feed(g711.encode(speech[:WINDOW]))
    async with asyncio.timeout(20):
        await done.wait()


@pytest.mark.parametrize("name", list(VadChoice))
async def test_the_thread_reports_every_window_of_a_call_in_order(name: str, speech: Pcm) -> None:
    done = asyncio.Event()
    heard: list[tuple[float, float]] = []
    count = len(speech) // WINDOW

    def on_window(start_ms: float, probability: float) -> None:
        heard.append((start_ms, probability))
        if len(heard) == count:
            done.set()

    stream = shared_vad(name).open(asyncio.get_running_loop(), on_window)
    mulaw = g711.encode(speech)
    for start in range(0, len(mulaw), 160):
        stream.feed(mulaw[start : start + 160])
    async with asyncio.timeout(20):
        await done.wait()
    stream.close()

    assert [start for start, _ in heard] == [n * WINDOW_MS for n in range(count)]
    assert max(probability for _, probability in heard) > 0.9


class Unthreaded:
    """A detector whose windows are scored at once: a scripted clock waits for no thread."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def open(self, loop: asyncio.AbstractEventLoop, on_window: Callable[[float, float], None]) -> VadStream:
        thread: Any = self
        return VadStream(thread, self._detector, loop, on_window)

    def submit(self, stream: VadStream, window: bytes) -> None:
        stream.loop.call_soon(stream.report, self._detector.score(g711.decode(window)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", DETECTORS)
def test_a_call_listens_with_it(name: str, speech: Pcm) -> None:
    assistant = Assistant.objects.create(slug="anna", name="安娜", greeting="您好。", vad=name)
    plan = plan_for(assistant)
    assert plan.vad == name
    line = g711.encode(np.concatenate([noise(2, -60), speech, noise(4, -60)]))

    async def scenario() -> None:
        engines = StandInEngines(hears=["周六几点开门"], answers=["九点开门。"])
        call = ScriptedCall(replace(plan, end_of_turn_ms=600), engines, Unthreaded(DETECTORS[name]()))
        await call.plays(line)
        await call.hangs_up()
        (turn,) = call.all("turn_finished")
        assert (turn["user_text"], turn["heard_text"]) == ("周六几点开门", "九点开门。")
        # WebRTC's detector takes the first windows of a call for speech.
        *noises, started = call.all("speech_started")
        resumed = [event["outcome"] for event in call.all("reply_resumed")]
        assert resumed == ["noise"] * len(noises)
        assert started["at_ms"] == pytest.approx(2000, abs=400)

    play(scenario)
