"""Pacing and what was heard, with scripted time."""

from aiker.audio import g711
from aiker.calls.playout import LEAD_MS, PlayQueue, Segment, heard

MS = 8  # bytes of mu-law


def segment(text: str, ms: int, *, closed: bool = True) -> Segment:
    return Segment(text, bytearray(b"\x10" * ms * MS), closed=closed)


def take_all(queue: PlayQueue, now: float) -> list:
    frames = []
    while (frame := queue.take(now)) is not None:
        frames.append(frame)
    return frames


def test_frames_are_handed_out_no_further_ahead_than_the_lead() -> None:
    queue = PlayQueue()
    queue.append(segment("一二三四", 1000))
    assert [f.plays_at for f in take_all(queue, 0)] == [20.0 * i for i in range(int(LEAD_MS) // 20 + 1)]
    assert take_all(queue, 10) == []
    assert [f.plays_at for f in take_all(queue, 20)] == [LEAD_MS + 20]
    assert queue.next_due(20) == 40


def test_the_last_frame_is_padded_and_marked() -> None:
    queue = PlayQueue()
    queue.append(segment("好", 30))
    frames = take_all(queue, 0)
    assert [f.mark for f in frames] == [None, "s1"]
    assert frames[1].payload == b"\x10" * 80 + g711.SILENCE * 80


def test_the_tail_of_one_clause_and_the_head_of_the_next_share_a_frame() -> None:
    queue = PlayQueue()
    queue.append(segment("一", 30))
    queue.append(segment("二", 30))
    assert b"".join(f.payload for f in take_all(queue, 0)) == b"\x10" * 60 * MS


def test_a_part_frame_waits_for_audio_that_is_on_its_way() -> None:
    queue = PlayQueue()
    late = segment("一", 30, closed=False)
    queue.append(late)
    assert len(take_all(queue, 0)) == 1
    late.audio += b"\x20" * 10 * MS
    late.closed = True
    assert take_all(queue, 0)[0].payload == b"\x10" * 80 + b"\x20" * 80


def test_after_an_underrun_playing_starts_again_at_once() -> None:
    queue = PlayQueue()
    late = segment("一二", 20, closed=False)
    queue.append(late)
    take_all(queue, 0)
    late.audio += b"\x10" * 20 * MS
    late.closed = True
    assert take_all(queue, 500)[0].plays_at == 500
    assert late.runs == [(0.0, 0, 160), (500.0, 160, 160)]


def test_what_was_heard_is_what_was_played_when_cleared() -> None:
    queue = PlayQueue()
    first, second = segment("您好，", 400), segment("基础版每月199元。", 1000)
    queue.append(first)
    queue.append(second)
    now = 0.0
    while now < 700:
        take_all(queue, now)
        now += 20
    queue.clear(700)
    assert heard(first, 700) == "您好，"
    assert heard(second, 700) == "基础版"  # 300 of 1000 ms of 10 characters


def test_it_counts_as_played_when_the_mark_is_back_or_overdue() -> None:
    queue = PlayQueue()
    queue.append(segment("好", 20))
    take_all(queue, 0)
    assert not queue.played(30, mark_grace_ms=1000)
    queue.reached("s1", 30)
    assert queue.played(30, mark_grace_ms=1000)

    queue.append(segment("好", 20))
    take_all(queue, 100)
    assert not queue.played(900, mark_grace_ms=1000)
    assert queue.played(1200, mark_grace_ms=1000)


def play(queue: PlayQueue, start: float, until: float) -> bytes:
    """Take what is due every 20 ms and return it."""
    taken, now = b"", start
    while now < until:
        taken += b"".join(frame.payload for frame in take_all(queue, now))
        now += 20
    return taken


def syllables(text: str) -> Segment:
    """A segment of 200 ms a character: 160 ms of sound, 40 ms of silence."""
    sound = [bytes([16 + index]) * 160 * MS + g711.SILENCE * 40 * MS for index in range(len(text))]
    return Segment(text, bytearray(b"".join(sound)), closed=True)


def test_a_held_reply_gives_nothing_and_goes_on_between_two_syllables() -> None:
    queue = PlayQueue()
    clause = syllables("一二三四五")
    queue.append(clause)
    play(queue, 0, 700)
    assert queue.hold(700) == 700
    assert heard(clause, 700) == "一二三"
    assert (play(queue, 700, 2000), queue.audible(2000), queue.empty, queue.played(9000, 0)) == (
        b"", False, False, False,
    )  # fmt: skip
    queue.resume()
    rest = play(queue, 2000, 4000)
    assert rest.rstrip(g711.SILENCE) in bytes(clause.audio)
    assert rest.lstrip(g711.SILENCE)[:1] == b"\x12"  # the third syllable from its beginning
    assert heard(clause, 2100) == "一二三"  # said again, but not heard twice
    assert heard(clause, 4000) == "一二三四五"


def test_what_was_handed_out_but_not_played_is_kept_across_clauses() -> None:
    queue = PlayQueue()
    first, second, third = segment("一", 200), segment("二", 200), segment("三", 200)
    for clause in (first, second, third):
        queue.append(clause)
    play(queue, 0, 190)  # the second clause is with the carrier already
    queue.hold(190)
    assert [heard(clause, 190) for clause in (first, second, third)] == ["一", "", ""]
    queue.resume()
    play(queue, 1000, 2000)
    assert [heard(clause, 2000) for clause in (first, second, third)] == ["一", "二", "三"]


def test_a_far_end_that_is_behind_has_heard_less() -> None:
    queue = PlayQueue()
    first, second = segment("一二", 400), segment("三四五六七八九十", 1600)
    queue.append(first)
    play(queue, 0, 500)
    queue.reached("s1", 420)
    queue.append(second)
    play(queue, 500, 1000)
    assert queue.hold(1000) == 1000

    queue.resume()
    play(queue, 1000, 2500)
    queue.append(segment("完", 200))
    play(queue, 2500, 3300)
    assert queue.hold(3300) < 3300  # the mark behind the second clause is overdue


def test_a_clause_whose_speech_is_still_coming_is_not_heard_whole() -> None:
    late = segment("一二三四五六七八九十", 400, closed=False)
    queue = PlayQueue()
    queue.append(late)
    play(queue, 0, 400)
    queue.clear(400)
    assert heard(late, 400) == "一二"
