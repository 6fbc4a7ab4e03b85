"""What a call hears of a stream that loses, repeats, reorders, delays and stops: on scripted time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from aiker.audio import g711
from aiker.calls.jitter_buffer import IDLE_MS, JitterBuffer, Piece

FRAME_MS = 20
LOUD = 0x10


@dataclass(frozen=True)
class Sent:
    """A message: when it arrives, when its audio began, and its numbers."""

    arrives_ms: float
    spoken_ms: float
    mulaw: bytes
    at_ms: int | None = None
    chunk: int | None = None


@dataclass
class Heard:
    """The stream as it was heard: kept as a recording keeps it."""

    buffer: JitterBuffer = field(default_factory=JitterBuffer)
    audio: bytearray = field(default_factory=bytearray)
    listened: list[tuple[float, Piece]] = field(default_factory=list)  # when, what

    def run(self, messages: list[Sent], until_ms: float) -> Heard:
        tick_ms = self.buffer.next_tick(0.0)
        for message in sorted(messages, key=lambda sent: sent.arrives_ms):
            while tick_ms <= message.arrives_ms:
                self._keep(tick_ms, self.buffer.tick(tick_ms))
                tick_ms = max(tick_ms + 1, self.buffer.next_tick(tick_ms))
            now = message.arrives_ms
            self._keep(now, self.buffer.arrive(message.mulaw, now, at_ms=message.at_ms, chunk=message.chunk))
            tick_ms = max(now + 1, min(tick_ms, self.buffer.next_tick(now)))
        while tick_ms <= until_ms:
            self._keep(tick_ms, self.buffer.tick(tick_ms))
            tick_ms = max(tick_ms + 1, self.buffer.next_tick(tick_ms))
        return self

    def _keep(self, now_ms: float, pieces: list[Piece]) -> None:
        for piece in pieces:
            assert 0 <= piece.at <= len(self.audio), "the stream has no holes"
            self.audio[piece.at : piece.at + len(piece.mulaw)] = piece.mulaw
            if piece.listen:
                self.listened.append((now_ms, piece))

    def places(self, code: int) -> list[float]:
        """Return when (our clock) each run of ``code`` begins."""
        samples = np.frombuffer(bytes(self.audio), np.uint8) == code
        begins = np.flatnonzero(samples & ~np.concatenate([[False], samples[:-1]]))
        return [self.buffer.anchor_ms + index / 8 for index in begins.tolist()]

    def loud_ms(self) -> float:
        return (len(self.audio) - self.audio.count(0xFF)) / 8


def speech(of_ms: Callable[[float], bool], until_ms: int, **numbers: bool) -> list[Sent]:
    """Return a stream of 20 ms messages, loud where ``of_ms`` says so, that arrive when they are whole."""
    timestamps, chunks = numbers.get("timestamps", True), numbers.get("chunks", True)
    sent = []
    for index, begin in enumerate(range(0, until_ms, FRAME_MS)):
        code = LOUD if of_ms(begin) else 0xFF
        sent.append(
            Sent(
                begin + FRAME_MS,
                begin,
                bytes([code]) * 160,
                begin if timestamps else None,
                index + 1 if chunks else None,
            )
        )
    return sent


def later(sent: Sent, ms: float) -> Sent:
    return Sent(sent.arrives_ms + ms, sent.spoken_ms, sent.mulaw, sent.at_ms, sent.chunk)


NUMBERS = [
    pytest.param({"timestamps": True, "chunks": True}, id="timestamps"),
    pytest.param({"timestamps": False, "chunks": True}, id="chunks"),
    pytest.param({"timestamps": False, "chunks": False}, id="no_numbers"),
]
FIVE_MINUTES = 300_000


def marked(begin: float) -> bool:
    """Speech of 1 s every 5 s."""
    return begin % 5000 < 1000


def errors(heard: Heard, messages: list[Sent]) -> Iterator[float]:
    """Yield how far each message's end of speech is from where it was spoken, by its own distinct code."""
    known = {message.mulaw[0]: message for message in messages if message.mulaw[0] != 0xFF}
    for code, message in known.items():
        places = heard.places(code)
        assert len(places) == 1, f"{message} was heard {len(places)} times"
        yield places[0] - message.spoken_ms


def tagged(messages: list[Sent], every: int) -> list[Sent]:
    """Give some messages a sound of their own, to be found again."""
    tags = iter(range(1, 120))
    return [
        Sent(m.arrives_ms, m.spoken_ms, bytes([next(tags)]) * 160, m.at_ms, m.chunk)
        if index % every == every - 1
        else m
        for index, m in enumerate(messages)
    ]


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("share", [0.05, 0.2], ids=["lost_frames-5", "lost_frames-20"])
@pytest.mark.parametrize("jitter_ms", [0, 8], ids=["smooth", "jitter"])
def test_single_lost_messages_do_not_shift_the_clock(
    share: float, numbers: dict[str, bool], jitter_ms: int
) -> None:
    rng = random.Random(5)
    sent = tagged(speech(lambda _: False, FIVE_MINUTES, **numbers), 150)
    sent = [later(m, rng.random() * jitter_ms) for m in sent if m.mulaw[0] != 0xFF or rng.random() > share]
    heard = Heard().run(sent, FIVE_MINUTES + 100)
    assert max(map(abs, errors(heard, sent))) <= 60


@pytest.mark.parametrize("numbers", NUMBERS[:2])
def test_repeated_frames_are_heard_once(numbers: dict[str, bool]) -> None:
    rng = random.Random(6)
    sent = tagged(speech(marked, FIVE_MINUTES, **numbers), 150)
    twice = [later(m, 0.5) for m in sent if m.mulaw[0] != 0xFF or rng.random() < 0.2]
    heard = Heard().run(sent + twice, FIVE_MINUTES + 100)
    assert max(map(abs, errors(heard, [m for m in sent if m.mulaw[0] not in (0xFF, LOUD)]))) <= 1
    assert heard.buffer.counts.repeated == len(twice) * 160
    assert len(heard.audio) <= (FIVE_MINUTES + 100) * 8


@pytest.mark.parametrize("numbers", NUMBERS[:2])
@pytest.mark.parametrize("places", [1, 2], ids=["reordered-1", "reordered-2"])
def test_messages_that_overtook_each_other_are_put_in_order(numbers: dict[str, bool], places: int) -> None:
    rng = random.Random(7)
    sent = tagged(speech(lambda _: False, 60_000, **numbers), 30)
    mixed = [later(m, places * FRAME_MS + 1) if rng.random() < 0.1 else m for m in sent]
    heard = Heard().run(mixed, 60_100)
    assert max(map(abs, errors(heard, sent))) <= FRAME_MS
    assert heard.buffer.counts.late == heard.buffer.counts.repeated == 0


@pytest.mark.parametrize("numbers", NUMBERS)
def test_media_stops_and_silence_goes_on_by_the_wall(numbers: dict[str, bool]) -> None:
    sent = [m for m in speech(lambda _: True, 2000, **numbers) if m.spoken_ms < 1000]
    heard = Heard().run(sent, 5000)
    assert heard.loud_ms() == 1000
    assert 5000 - IDLE_MS <= len(heard.audio) / 8 <= 5000
    first_silence = next(at for at, piece in heard.listened if at > 1000 and piece.mulaw[0] == 0xFF)
    assert first_silence <= 1000 + IDLE_MS + FRAME_MS


def test_a_stream_that_never_began_is_silence() -> None:
    heard = Heard().run([], 3000)
    assert 2900 <= len(heard.audio) / 8 <= 3000
    assert heard.loud_ms() == 0


@pytest.mark.parametrize("counted", ["silence", "sound"])
@pytest.mark.parametrize("numbers", NUMBERS)
def test_silence_not_sent_keeps_what_is_said_in_its_place(numbers: dict[str, bool], counted: str) -> None:
    """``counted``: whether the numbers go on while nothing is sent, or count what is sent alone."""
    sent = [m for m in speech(marked, 60_000, **numbers) if marked(m.spoken_ms)]
    if counted == "sound":
        sent = [
            Sent(m.arrives_ms, m.spoken_ms, m.mulaw, m.at_ms and index * FRAME_MS, m.chunk and index + 1)
            for index, m in enumerate(sent)
        ]
    heard = Heard().run(sent, 60_000)
    starts = heard.places(LOUD)
    assert len(starts) == 12
    assert max(abs(start - 5000 * index) for index, start in enumerate(starts)) <= 60
    assert heard.loud_ms() == 12_000


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("stall_ms", [300, 1000, 4000])
def test_what_a_network_held_back_is_heard_in_its_place(numbers: dict[str, bool], stall_ms: int) -> None:
    spoken = 5000.0, 5000.0 + 0.6 * stall_ms
    sent = speech(lambda at: spoken[0] <= at < spoken[1] or 20_000 <= at < 21_000, 30_000, **numbers)
    stalled = [
        later(m, 5000 + stall_ms + index * 0.1 - m.arrives_ms)
        if 5000 < m.arrives_ms <= 5000 + stall_ms
        else m
        for index, m in enumerate(sent)
    ]
    heard = Heard().run(stalled, 30_000)
    late, next_one = heard.places(LOUD)[0], heard.places(LOUD)[-1]
    assert abs(late - 5000) <= 60
    assert abs(next_one - 20_000) <= 60, "the clock was not shifted"
    assert heard.loud_ms() >= 0.6 * stall_ms + 1000 - 80
    listened = [piece for at, piece in heard.listened if at >= 5000 and piece.mulaw[0] == LOUD]
    assert sum(len(piece.mulaw) for piece in listened) / 8 >= 0.6 * stall_ms + 1000 - 80


@pytest.mark.parametrize("length_ms", [100, 200, 500])
@pytest.mark.parametrize("numbers", NUMBERS)
def test_long_messages_are_not_taken_for_a_stream_that_stops(
    numbers: dict[str, bool], length_ms: int
) -> None:
    frames = length_ms // FRAME_MS
    small = speech(lambda at: at >= 2000, 20_000, **numbers)
    sent = [
        Sent(part[-1].arrives_ms, part[0].spoken_ms, b"".join(m.mulaw for m in part), part[0].at_ms, index)
        for index, part in enumerate(small[n : n + frames] for n in range(0, len(small), frames))
    ]
    heard = Heard().run(sent, 20_000)
    assert heard.loud_ms() == 18_000
    assert len(heard.places(LOUD)) == 1


def test_closing_silence_in_one_message_is_cut_to_what_time_went_by() -> None:
    sent = speech(lambda at: at < 1000, 1000, timestamps=False, chunks=False)
    sent.append(Sent(1001, 1000, g711.SILENCE * 16_000))
    again = [later(m, 2500) for m in speech(lambda _: True, 500, timestamps=False, chunks=False)]
    heard = Heard().run(sent + again, 3500)
    assert [round(place, -2) for place in heard.places(LOUD)] == [0, 2500]


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(lambda _: 0, id="always the same"),
        pytest.param(lambda index: index * 160, id="in samples"),
        pytest.param(lambda index: index * 20 % 10_000, id="begins anew"),
        pytest.param(lambda index: index * 20 + (3_600_000 if index > 500 else 0), id="jumps"),
        pytest.param(lambda index: index * 20 + index % 3 * 7, id="jitters"),
    ],
)
def test_timestamps_that_say_nothing_cost_little(number: Callable[[int], int]) -> None:
    sent = [
        Sent(m.arrives_ms, m.spoken_ms, m.mulaw, number(index), None)
        for index, m in enumerate(speech(lambda _: True, 30_000))
    ]
    heard = Heard().run(sent, 30_000)
    assert heard.loud_ms() >= 29_500
    assert abs(len(heard.audio) / 8 - 30_000) <= 100


def test_a_carrier_with_a_faster_clock_is_followed() -> None:
    sent = [
        Sent(m.arrives_ms * (1 - 200e-6), m.spoken_ms, m.mulaw, m.at_ms) for m in speech(marked, FIVE_MINUTES)
    ]
    heard = Heard().run(sent, FIVE_MINUTES + 100)
    assert heard.loud_ms() == pytest.approx(60_000, abs=100)


def test_sound_that_comes_faster_than_time_is_kept_within_bounds() -> None:
    sent = [Sent(100 + index, 0, bytes([LOUD]) * 160) for index in range(2000)]
    heard = Heard().run(sent, 2200)
    assert len(heard.audio) / 8 <= 2100 + 5500
    assert heard.buffer.counts.surplus > 0
