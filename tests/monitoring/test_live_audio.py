"""What someone hears who listens in, sample by sample."""

from __future__ import annotations

import pytest

from aiker.calls.recorder import Place, Recorder
from monitoring.live_audio import MAX_SIDE, MAX_UNSEEN, LiveAudio

CALLER, ASSISTANT, SILENCE = b"\x10", b"\x20", b"\xff"


class RecordedCall:
    """A call of which only the recorder is there; 20 ms at a time."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.now = 0.0

    def goes_on(self, ms: int, *, assistant: bool = False, caller: bool = True) -> None:
        for _ in range(ms // 20):
            if assistant:
                self.recorder.say(ASSISTANT * 160, self.now)
            self.now += 20
            if caller:
                self.recorder.hear(CALLER * 160, self.recorder.caller_ms)

    def overheard(self, place: Place | None) -> tuple[Place, bytes, bytes]:
        return self.recorder.since(place, self.now)


@pytest.fixture
def call() -> RecordedCall:
    return RecordedCall()


def sides(piece: bytes) -> tuple[bytes, bytes]:
    end = 2 + int.from_bytes(piece[:2], "big")
    return piece[2:end], piece[end:]


def test_both_sides_are_heard_from_the_moment_on_without_a_gap(call: RecordedCall) -> None:
    call.goes_on(1000)
    audio = LiveAudio(call.overheard)
    assert audio.next(0) == b""  # from now on
    call.goes_on(200)
    first = sides(audio.next(0))
    call.goes_on(500, assistant=True)
    second = sides(audio.next(0))
    assert first == (CALLER * 1600, SILENCE * 1600)
    assert second == (CALLER * 4000, ASSISTANT * 4000)


def test_a_caller_whose_audio_comes_late_is_heard_all_the_same(call: RecordedCall) -> None:
    audio = LiveAudio(call.overheard)
    audio.next(0)
    call.goes_on(400)
    call.goes_on(600, caller=False)  # the network stalls
    assert sides(audio.next(0)) == (CALLER * 3200, SILENCE * 8000)
    for _ in range(5):  # and stays behind
        call.goes_on(100)
        assert sides(audio.next(0)) == (CALLER * 800, SILENCE * 800)


def test_what_was_cut_is_not_heard(call: RecordedCall) -> None:
    audio = LiveAudio(call.overheard)
    audio.next(0)
    call.goes_on(400)
    for n in range(6):  # ahead of its playing, as to the caller
        call.recorder.say(ASSISTANT * 160, call.now + 20 * n)
    call.recorder.cut(call.now + 40)
    call.goes_on(400)
    assert sides(audio.next(0))[1].count(ASSISTANT) == 40 * 8


def test_a_piece_is_bounded(call: RecordedCall) -> None:
    audio = LiveAudio(call.overheard)
    audio.next(0)
    call.goes_on(20_000)
    assert [len(side) for side in sides(audio.next(0))] == [MAX_SIDE, MAX_SIDE]


def test_after_the_call_there_is_nothing(call: RecordedCall) -> None:
    call.goes_on(1000)
    audio = LiveAudio(call.overheard)
    audio.next(0)
    call.recorder.forget()
    assert audio.next(0) == b""


def test_a_far_end_that_is_slow_gets_nothing_until_it_has_caught_up(call: RecordedCall) -> None:
    audio = LiveAudio(call.overheard)
    audio.next(0)
    sent = 0
    for _ in range(100):
        call.goes_on(100)
        sent += len(audio.next(0))
    assert MAX_UNSEEN <= sent < MAX_UNSEEN + 1602
    assert audio.silent_for_s > 7
    assert audio.next(sent) == b""  # what was said meanwhile is gone
    assert audio.silent_for_s == 0
    call.goes_on(100)
    assert len(audio.next(sent)) == 1602
