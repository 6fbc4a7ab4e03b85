"""The softphone in a real Chromium, against a stand-in for the call endpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Route, expect

from aiker.audio import g711, wav
from aiker.calls.models import Assistant
from knowledge.models import Document, KnowledgeBase
from tests.e2e.conftest import OpenBrowser, microphone_flags
from tests.e2e.stand_in_call_server import FRAME_BYTES, FRAME_S, StandInCall, StandInCallServer

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("anna")]

REPLY = "标准版每月二百九十九元，可以按年付。"
CALL_ID = "6f1c2f2e-8a52-4a6e-9d51-0d9a3b6f2c11"
CONTRIBUTIONS = [
    {"name": "endpoint_wait", "ms": 620, "owner": "turn taking"},
    {"name": "stt", "ms": 180, "owner": "engine whisper-base"},
    {"name": "retrieval", "ms": 24, "owner": "knowledge"},
    {"name": "llm_first_token", "ms": 260, "owner": "llm"},
    {"name": "first_clause", "ms": 150, "owner": "llm"},
    {"name": "tts_first_audio", "ms": 240, "owner": "engine kokoro-int8"},
    {"name": "playout", "ms": 46, "owner": "media"},
]

# What the page itself does not tell: the audio that leaves it, when it was told to be silent, and whether the
# microphone is still open. Times are of the audio's clock, and sound is measured in the audio's thread: the
# page's own may see it late, and its playbackTime is of then.
OBSERVER = """
window.observed = { played: [], cleared: null, tracks: [], context: null };
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode) {
    const tap = new AudioWorkletNode(this.context, "tap");
    tap.port.onmessage = ({ data }) => window.observed.played.push(data);
    connect.call(this, tap);
    connect.call(tap, target);
    window.observed.context = this.context;
  }
  return connect.call(this, target, ...rest);
};
window.WebSocket = class extends WebSocket {
  constructor(...address) {
    super(...address);
    this.addEventListener("message", ({ data }) => {
      if (typeof data === "string" && JSON.parse(data).event === "clear") {
        window.observed.cleared = window.observed.context.currentTime;
      }
    });
  }
};
if (navigator.mediaDevices) {
  const tap = URL.createObjectURL(new Blob([`
    registerProcessor("tap", class extends AudioWorkletProcessor {
      process([[samples]]) {
        const power = samples ? samples.reduce((sum, x) => sum + x * x, 0) / samples.length : 0;
        this.port.postMessage([currentTime, Math.sqrt(power)]);
        return true;
      }
    });
  `], { type: "text/javascript" }));
  const addModule = AudioWorklet.prototype.addModule;
  AudioWorklet.prototype.addModule = async function (...module) {
    await addModule.call(this, tap);
    return addModule.apply(this, module);
  };
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await ask(constraints);
    window.observed.tracks.push(...stream.getTracks());
    return stream;
  };
}
"""


def speech_like(seconds: float, rate_hz: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Syllables of different length and loudness, as unlike themselves when shifted as speech is."""
    random = np.random.default_rng(7)
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    voice = sum(np.sin(2 * np.pi * 140 * k * time_s) / k for k in range(1, 20))
    loudness = np.zeros_like(time_s)
    at = 0.5
    while at < seconds - 0.4:
        length = random.uniform(0.08, 0.35)
        loudness[(time_s >= at) & (time_s < at + length)] = random.uniform(0.3, 1.0)
        at += length + random.uniform(0.05, 0.3)
    return (9000 * loudness * voice).clip(-32000, 32000).astype(np.int16)


def tone(seconds: float) -> bytes:
    at = np.arange(int(seconds * g711.RATE)) / g711.RATE
    return g711.encode((12000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16))


def envelope(pcm: np.ndarray[Any, Any], rate_hz: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """RMS of each 20 ms."""
    step = int(rate_hz * FRAME_S)
    blocks = pcm[: len(pcm) // step * step].astype(np.float64).reshape(-1, step)
    return np.sqrt((blocks**2).mean(axis=1))


def best_correlation(sent: np.ndarray[Any, Any], received: np.ndarray[Any, Any]) -> float:
    """The correlation of ``sent`` with the stretch of ``received`` that fits best."""
    shifts = range(len(received) - len(sent) + 1)
    return max(float(np.corrcoef(sent, received[n : n + len(sent)])[0, 1]) for n in shifts)


@pytest.fixture
def anna(transactional_db: None) -> Assistant:  # noqa: ARG001
    base = KnowledgeBase.objects.create(slug="onesuite", name="OneSuite")
    Document.objects.create(base=base, title="营业时间", question="几点开门？", answer="9点。")
    return Assistant.objects.create(slug="anna", name="Anna", knowledge_base=base)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[StandInCallServer]:
    async with StandInCallServer() as stand_in:
        yield stand_in


async def admit_to(context: BrowserContext, call_url: str) -> None:
    """Answer the page's request for a token with ``call_url``."""

    async def admit(route: Route) -> None:
        assert route.request.method == "POST"
        assert route.request.headers["x-csrftoken"]
        await route.fulfill(json={"token": "good", "url": call_url})

    await context.route("**/call/token/**", admit)


async def open_page(context: BrowserContext, call_url: str) -> Page:
    await admit_to(context, call_url)
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
    await page.add_init_script(OBSERVER)
    await page.goto("/call/")
    return page


async def place_call(page: Page, server: StandInCallServer) -> StandInCall:
    await page.click("[data-part=call]")
    call = await server.next_call()
    await call.event("call_started", call_id=CALL_ID, assistant="anna")
    await expect(page.locator("#softphone")).to_have_attribute("data-state", "listening")
    return call


async def test_codec_is_the_servers_byte_for_byte(open_browser: OpenBrowser) -> None:
    page = await (await open_browser()).new_page()
    await page.goto("/call/")
    encoded, decoded = await page.evaluate(
        """async () => {
          const { encode, decode } = await import("/static/calls/g711.js");
          const every = Float32Array.from({ length: 65536 }, (_, n) => (n - 32768) / 32768);
          const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
          return [Array.from(encode(every)), Array.from(decode(bytes), (x) => x * 32768)];
        }"""
    )
    assert bytes(encoded) == g711.encode(np.arange(-32768, 32768).astype(np.int16))
    assert decoded == g711.decode(bytes(range(256))).tolist()


async def test_resampler_keeps_speech_and_stops_what_would_alias(open_browser: OpenBrowser) -> None:
    page = await (await open_browser()).new_page()
    await page.goto("/call/")
    gains_db = await page.evaluate(
        """async () => {
          const { Resampler } = await import("/static/calls/resampler.js");
          const gain = (rate, hz) => {
            const down = new Resampler(rate, 8000);
            const step = (2 * Math.PI * hz) / rate;
            const sine = Float32Array.from({ length: rate }, (_, n) => Math.sin(step * n));
            const out = [];
            for (let n = 0; n < rate; n += 128) out.push(...down.process(sine.subarray(n, n + 128)));
            const settled = out.slice(800, 7200);
            return 10 * Math.log10((2 * settled.reduce((sum, x) => sum + x * x, 0)) / settled.length);
          };
          return [48000, 44100].map((rate) => [300, 1000, 3300, 4500, 7000].map((hz) => gain(rate, hz)));
        }"""
    )
    for gains in gains_db:
        assert gains[:3] == pytest.approx([0, 0, 0], abs=0.2)
        assert max(gains[3:]) < -65


async def test_server_receives_what_the_microphone_hears_at_the_pace_of_speech(
    open_browser: OpenBrowser, server: StandInCallServer, tmp_path: Path
) -> None:
    spoken = speech_like(6, 48000)
    wav.write_wav(tmp_path / "question.wav", 48000, spoken)
    context = await open_browser(*microphone_flags(tmp_path / "question.wav"))
    call = await place_call(await open_page(context, server.url("anna")), server)

    frames = await call.heard(8)

    assert {len(frame) for _, frame in frames} == {FRAME_BYTES}
    elapsed = frames[-1][0] - frames[0][0]
    assert elapsed == pytest.approx((len(frames) - 1) * FRAME_S, rel=0.03)
    received = envelope(g711.decode(b"".join(frame for _, frame in frames)), g711.RATE)
    sent = envelope(spoken, 48000)
    # The first second may pass before the call is connected, and trains the browser's gain control.
    assert best_correlation(sent[75:], received) > 0.8


async def test_mark_returns_when_the_audio_before_it_was_played(
    open_browser: OpenBrowser, server: StandInCallServer
) -> None:
    page = await open_page(await open_browser(*microphone_flags(None)), server.url("anna"))
    call = await place_call(page, server)

    started = time.monotonic()
    await call.play(tone(1))
    await call.mark("end")
    at, message = await call.message("mark")

    assert message == {"event": "mark", "name": "end"}
    assert 1.0 <= at - started <= 2.5
    played = await page.evaluate("window.observed.played")
    loud = [at for at, level in played if level > 0.05]
    assert loud[-1] - loud[0] == pytest.approx(1.0, abs=0.1)


async def test_clear_silences_at_once_and_answers_open_marks(
    open_browser: OpenBrowser, server: StandInCallServer
) -> None:
    page = await open_page(await open_browser(*microphone_flags(None)), server.url("anna"))
    call = await place_call(page, server)

    audio = tone(5)
    for start in range(0, len(audio), FRAME_BYTES):
        await call.socket.send(audio[start : start + FRAME_BYTES])
    await call.mark("never reached")
    await call.heard(len(call.frames) * FRAME_S + 1)
    await call.clear()
    _, message = await call.message("mark")

    assert message["name"] == "never reached"
    await call.heard(len(call.frames) * FRAME_S + 0.5)
    played, cleared = await page.evaluate("[window.observed.played, window.observed.cleared]")
    loud = [at for at, level in played if level > 0.05]
    assert loud[0] < cleared - 0.7
    assert loud[-1] < cleared + 0.1


async def test_operator_follows_a_whole_conversation(
    open_browser: OpenBrowser, server: StandInCallServer
) -> None:
    page = await open_page(await open_browser(*microphone_flags(None)), server.url("anna"))
    await expect(page.locator(".sp-invitation li")).to_have_text(["几点开门？"])
    call = await place_call(page, server)
    state = page.locator("#softphone")
    await expect(page.locator("[data-part=timer]")).to_have_text("00:01")

    await call.event("reply_text", text="您好，这里是OneSuite。")
    await call.event("reply_started")
    await expect(state).to_have_attribute("data-state", "speaking")
    await call.event("reply_finished", heard="您好，这里是OneSuite。")
    await expect(state).to_have_attribute("data-state", "listening")

    await call.event("speech_started", 1)
    await call.event("transcript", 1, text="标准版", final=False)
    await expect(page.locator(".sp-interim .sp-bubble")).to_have_text("标准版")
    await call.event("speech_paused", 1)
    await expect(state).to_have_attribute("data-state", "thinking")
    passage = {"title": "标准版价格", "text": "标准版每月299元。", "score": 0.8312}
    await call.event("passages", 1, passages=[passage])
    await call.event("transcript", 1, text="标准版多少钱？", final=True)
    await expect(page.locator(".sp-interim")).to_have_count(0)
    await expect(page.locator(".sp-caller .sp-bubble")).to_have_text("标准版多少钱？")
    await call.event("reply_text", 1, text="标准版每月二百九十九元，")
    await call.event("reply_started", 1)
    await call.event("reply_text", 1, text="可以按年付。")
    await call.event("reply_finished", 1, heard=REPLY)
    await expect(page.locator(".sp-assistant .sp-bubble").nth(1)).to_have_text(REPLY)
    order = "all => all.map((row) => row.classList[1])"
    rows = await page.locator(".sp-row:visible").evaluate_all(order)
    assert rows == ["sp-assistant", "sp-caller", "sp-assistant"]
    chip = page.locator(".sp-chip")
    await expect(chip.locator("summary")).to_contain_text("0.83")
    await expect(chip.locator("p")).to_be_hidden()
    await chip.locator("summary").click()
    await expect(chip.locator("p")).to_have_text("标准版每月299元。")

    await call.event("turn_finished", 1, **turn_record(), interrupted=False)
    row = page.locator(".sp-latency-row")
    await expect(row.locator(".sp-total")).to_contain_text("1520 ms")
    bar = await row.locator(".sp-bar").bounding_box()
    drawn = await row.locator(".sp-segment").evaluate_all(
        "all => all.map(x => x.getBoundingClientRect().width)"
    )
    assert bar is not None
    assert sum(drawn) / bar["width"] * 2500 == pytest.approx(1520, rel=0.01)
    await expect(page.locator(".sp-sources")).to_have_count(2)

    await call.end("time_limit")
    await expect(state).to_have_attribute("data-state", "ended")
    await expect(page.locator("[data-part=record]")).to_have_attribute(
        "href", f"/admin/calls/call/{CALL_ID}/change/"
    )
    await expect(page.locator("[data-part=error]")).to_be_hidden()


def turn_record() -> dict[str, Any]:
    return {
        "voice_to_voice_ms": sum(int(str(c["ms"])) for c in CONTRIBUTIONS),
        "contributions": CONTRIBUTIONS,
        "user_text": "标准版多少钱？",
        "assistant_text": REPLY,
        "heard_text": REPLY,
    }


async def test_interrupted_reply_strikes_what_was_not_heard(
    open_browser: OpenBrowser, server: StandInCallServer
) -> None:
    page = await open_page(await open_browser(*microphone_flags(None)), server.url("anna"))
    call = await place_call(page, server)
    await call.event("reply_text", 1, text="我们有三家门店，")
    await call.event("reply_started", 1)
    await call.event("reply_text", 1, text="分别在浦东和徐汇。")

    await call.event("speech_started", 2)
    await expect(page.locator("#softphone")).to_have_attribute("data-state", "speaking")
    await call.event("reply_held", 1, stop_ms=120)
    await expect(page.locator("#softphone")).to_have_attribute("data-state", "listening")
    await call.event("reply_resumed", 1, held_ms=600, outcome="backchannel", said="嗯")
    await expect(page.locator("#softphone")).to_have_attribute("data-state", "speaking")
    await call.event("interrupted", 1, heard="我们有三家门店，分别")

    await expect(page.locator(".sp-assistant .sp-unheard")).to_have_text("在浦东和徐汇。")
    await expect(page.locator("#softphone")).to_have_attribute("data-state", "listening")


async def test_caller_who_goes_on_takes_the_answer_back(
    open_browser: OpenBrowser, server: StandInCallServer
) -> None:
    page = await open_page(await open_browser(*microphone_flags(None)), server.url("anna"))
    call = await place_call(page, server)
    await call.event("transcript", 1, text="会议室多少钱", final=True)
    await call.event("reply_text", 1, text="一百二十块。")
    await call.event("reply_started", 1)
    await expect(page.locator("#softphone")).to_have_attribute("data-state", "speaking")

    await call.event("turn_reopened", 1, heard="一百")
    await expect(page.locator("#softphone")).to_have_attribute("data-state", "listening")
    await expect(page.locator(".sp-assistant")).to_be_hidden()

    await call.event("transcript", 1, text="会议室多少钱一天", final=True)
    await call.event("reply_text", 1, text="八百块。")
    await expect(page.locator(".sp-caller .sp-bubble")).to_have_text("会议室多少钱一天")
    await expect(page.locator(".sp-assistant .sp-bubble")).to_have_text("八百块。")


async def test_keys_mute_and_hang_up_reach_the_server_and_release_the_microphone(
    open_browser: OpenBrowser, server: StandInCallServer
) -> None:
    page = await open_page(await open_browser(*microphone_flags(None)), server.url("anna"))
    await expect(page.locator("[data-part=mute]")).to_be_disabled()
    call = await place_call(page, server)

    await page.click("[data-part=keys]")
    await page.click("[data-digit='1']")
    await page.keyboard.press("#")
    assert [(await call.message("dtmf"))[1]["digit"] for _ in range(2)] == ["1", "#"]

    await page.click("[data-part=mute]")
    before = len(call.frames)
    frames = await call.heard(before * FRAME_S + 1)
    silence = b"".join(frame for _, frame in frames[before + 10 :])
    assert set(silence) <= {0xFF, 0x7F}

    await page.click("[data-part=hangup]")
    await call.message("hangup")
    await call.end()
    await asyncio.wait_for(call.closed.wait(), 5)
    await expect(page.locator("#softphone")).to_have_attribute("data-state", "ended")
    assert await page.evaluate("window.observed.tracks.map((track) => track.readyState)") == ["ended"]


async def test_refusal_is_explained_and_leaves_nothing_open(
    open_browser: OpenBrowser, server: StandInCallServer
) -> None:
    context = await open_browser(*microphone_flags(None))
    page = await open_page(context, "")
    for url, error in (
        (server.url("anna", "expired"), "token_refused"),
        (server.url("nobody"), "assistant_unknown"),
        (server.url("anna", "busy"), "busy"),
        (server.url("anna", "old-page"), "protocol"),
        (server.url("anna", "no-upgrade"), "unreachable"),
    ):
        await admit_to(context, url)
        await page.click("[data-part=call]")
        await expect_error(page, error)
        await expect(page.locator("[data-part=call]")).to_be_focused()
        tracks = await page.evaluate("window.observed.tracks.map((track) => track.readyState)")
        assert set(tracks) == {"ended"}


async def expect_error(page: Page, key: str) -> None:
    title, advice = await page.evaluate(
        """(key) => ["error", "advice"].map((part) => document.querySelector("#softphone-texts").content
          .querySelector(`[data-key=${part}_${key}]`).textContent)""",
        key,
    )
    await expect(page.locator("[data-part=error-title]")).to_have_text(title)
    await expect(page.locator("[data-part=error-advice]")).to_have_text(advice)


async def test_lost_connection_is_explained_and_still_links_the_record(
    open_browser: OpenBrowser, server: StandInCallServer
) -> None:
    page = await open_page(await open_browser(*microphone_flags(None)), server.url("anna"))
    call = await place_call(page, server)
    call.socket.transport.abort()
    await expect_error(page, "connection_lost")
    await expect(page.locator("[data-part=record]")).to_be_visible()


async def test_denied_microphone_is_explained(open_browser: OpenBrowser, server: StandInCallServer) -> None:
    # Without the flag that answers for a person, headless Chromium denies.
    page = await open_page(await open_browser("--use-fake-device-for-media-stream"), server.url("anna"))
    await page.click("[data-part=call]")
    await expect_error(page, "mic_denied")


async def test_missing_microphone_is_explained(open_browser: OpenBrowser, server: StandInCallServer) -> None:
    context = await open_browser("--use-fake-ui-for-media-stream")
    page = await open_page(context, server.url("anna"))
    await page.click("[data-part=call]")
    await expect_error(page, "mic_missing")


async def test_insecure_address_is_explained(
    open_browser: OpenBrowser, server: StandInCallServer, settings: Any
) -> None:
    # Browsers trust localhost; any other name over http:// gets no microphone.
    settings.ALLOWED_HOSTS = ["insecure.test"]
    flags = [*microphone_flags(None), "--host-resolver-rules=MAP insecure.test 127.0.0.1"]
    page = await open_page(await open_browser(*flags, host="insecure.test"), server.url("anna"))
    await page.click("[data-part=call]")
    await expect_error(page, "insecure")
