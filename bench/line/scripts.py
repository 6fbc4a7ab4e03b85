"""What a caller does in a scene, by the scene's kind.

::

    calls = await play(scene, stage)     # the calls of a scene, each as far as the caller saw it

``Stage`` gives the address, and what is said in each voice: ``texts_of(scene)`` names what it must hold.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiker.audio.g711 import RATE, Pcm
from bench.line import sounds
from bench.line.caller import Line, LineCaller, Said
from bench.line.judging import Call
from bench.line.network import Echo, Network

AFTER_LAST_S, HANGS_UP_WITHIN_S = 10.0, 65.0
ANNOUNCER = "zf_xiaobei"
LEVEL_OF = "你好，请问一下"
"""What a caller who says nothing would say: a background is so far under it."""

Scene = Mapping[str, Any]
Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Stage:
    """``url`` of a call; ``speech`` by (text, voice), int16 at 8 kHz, without silence around it."""

    url: str
    speech: Mapping[tuple[str, str], Pcm]


@dataclass
class Part:
    """One scene's call: the caller, what is noted of it, and who speaks."""

    caller: LineCaller
    call: Call
    stage: Stage
    voice: str

    async def say(self, text: str) -> Said:
        said = await self.caller.say(self.stage.speech[text, self.voice])
        self.call.said.append(said)
        return said

    async def ask(self, text: str) -> Said:
        """Ask, and hear the answer to its end."""
        said = await self.say(text)
        await self.caller.reply_over(said.end_ms, AFTER_LAST_S)
        return said


Script = Callable[[Part, Parameters], Awaitable[None]]


async def play(scene: Scene, stage: Stage) -> list[tuple[str, Call]]:
    """Play a scene; return (the carrier's id, what the caller saw) of each of its calls."""
    given: Parameters = scene["parameters"]
    played = []
    for encoding in given.get("encodings", ["audio/x-mulaw"]):
        line = _line(scene, stage, encoding)
        call = Call()
        async with LineCaller(stage.url, line) as caller:
            if not _speaks_in_greeting(given):
                await caller.reply_over(0)
            await SCRIPTS[scene["kind"]](Part(caller, call, stage, scene["voice"]), given)
            call.heard, call.closed_ms = caller.heard().copy(), caller.closed_ms
            call.clears_ms = [at / 8 for at in caller.playout.clears]
        played.append((caller.call_id, call))
    return played


def texts_of(scene: Scene) -> set[tuple[str, str]]:
    """Return each (text, voice) that a scene needs."""
    given = scene["parameters"]
    said = given.get("say") or LEVEL_OF
    own = list(said) if isinstance(said, list) else [said]
    own += [given["cut_in"]["say"]] if "cut_in" in given else []
    others = {(item["say"], ANNOUNCER) for item in given.get("announcements", ())}
    if "background" in given:
        others.add((given["background"], given["background_voice"]))
    return {(text, scene["voice"]) for text in own} | others


def _speaks_in_greeting(given: Parameters) -> bool:
    return given.get("mode") == "stop_in_greeting"


def _line(scene: Scene, stage: Stage, encoding: str) -> Line:
    given = scene["parameters"]
    network = given.get("network")
    if scene["kind"] == "echo":
        fir = tuple(given.get("fir", (1.0,)))
        return Line(echo=Echo(given["lag_ms"], given["return_loss_db"], fir), encoding=encoding)
    if scene["kind"] == "background":
        behind = stage.speech[given["background"], given["background_voice"]]
        level = stage.speech[given["say"] or LEVEL_OF, scene["voice"]]
        bed = np.concatenate(
            [sounds.under(behind, level, given["under_caller_db"]), np.zeros(RATE, np.int16)]
        )
        return Line(bed=bed)
    if network:
        return Line(Network(**network, seed=given["seed"]))
    return Line(encoding=encoding, sends=_sends(given))


def _sends(given: Parameters) -> Callable[[bool, float, int], bool]:
    """Return which frames a gateway sends. Frames that stop for good are stopped by the script."""
    match given.get("mode"):
        case "dtx":
            hangover_ms = given.get("hangover_ms", 0)
            return lambda voiced, since_ms, _number: voiced or since_ms <= hangover_ms
        case "dtx_comfort_noise":
            every = given["every_ms"] // 20
            return lambda voiced, _since_ms, number: voiced or number % every == 0
    return lambda _voiced, _since_ms, _number: True


async def _echo(part: Part, given: Parameters) -> None:
    said = await part.say(given["say"])
    cut_in = given.get("cut_in")
    if cut_in and await part.caller.reply_begins(said.end_ms):
        await part.caller.wait(cut_in["after_ms"])
        part.call.cut_in = await part.say(cut_in["say"])
    await part.caller.reply_over(part.call.said[-1].end_ms, AFTER_LAST_S)
    await part.caller.wait(2000)


async def _background(part: Part, given: Parameters) -> None:
    if given["alone"]:
        await part.caller.wait(given["listen_s"] * 1000)
    else:
        await part.ask(given["say"])


async def _silence(part: Part, given: Parameters) -> None:
    caller = part.caller
    match given["mode"]:
        case "stop_after_question":
            said = await part.say(given["say"])
            await caller.wait(given["stop_after_ms"])
            caller.stop_sending()
            await caller.reply_over(said.end_ms, AFTER_LAST_S)
        case "stop_mid_word" | "stop_in_greeting":
            if given["say"]:
                caller.begin(part.stage.speech[given["say"], part.voice])
            await caller.wait(given["stop_at_ms"])
            caller.stop_sending()
            part.call.stopped_ms = caller.now_ms
            await caller.until(lambda: False, HANGS_UP_WITHIN_S)
        case _:
            await part.ask(given["say"])


async def _loss(part: Part, given: Parameters) -> None:
    for text in given["say"]:
        await part.ask(text)


async def _in_parts(part: Part, given: Parameters) -> None:
    """Say something with pauses in it, and hear the answer."""
    pauses = given["pause_ms"]
    texts = given["say"]
    between = pauses if isinstance(pauses, list) else [pauses] * (len(texts) - 1)
    for text, pause_ms in zip(texts, [*between, 0], strict=True):
        await part.say(text)
        await part.caller.wait(pause_ms)
    await part.caller.reply_over(part.call.said[-1].end_ms, AFTER_LAST_S)


async def _floor(part: Part, given: Parameters) -> None:
    said = await part.say(given["say"])
    if await part.caller.reply_begins(said.end_ms):
        await part.caller.wait(given["cut_in"]["after_ms"])
        part.call.cut_in = await part.ask(given["cut_in"]["say"])


async def _hold(part: Part, given: Parameters) -> None:
    length = given["length_s"]
    made = {"chords": sounds.chords, "rhythm": sounds.rhythm}.get(given["music"])
    bed = made(length) if made else np.zeros(length * RATE, np.int16)
    announced = {
        float(item["at_s"]): part.stage.speech[item["say"], ANNOUNCER] for item in given["announcements"]
    }
    began = part.caller.now_ms
    part.caller.begin(sounds.placed(bed, announced))
    await part.caller.wait(length * 1000)
    part.call.hold = (began, part.caller.now_ms)
    await part.ask(given["say"])


async def _tolerance(part: Part, given: Parameters) -> None:
    for message in given.get("messages", ()):
        await part.caller.send(message)
    if given.get("second_socket"):
        async with LineCaller(part.stage.url, call_id=part.caller.call_id) as second:
            await second.wait(3000)
            part.call.second_frames = second.frames_received
    if part.caller.closed_ms is None:
        await part.ask(given["say"])


SCRIPTS: dict[str, Script] = {
    "echo": _echo,
    "background": _background,
    "silence": _silence,
    "loss": _loss,
    "numbers": _in_parts,
    "pauses": _in_parts,
    "floor": _floor,
    "hold": _hold,
    "tolerance": _tolerance,
}
