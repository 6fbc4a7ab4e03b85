"""Taking the floor, with scripted time; and what a few words mean."""

from __future__ import annotations

import pytest

from aiker.calls.backchannel import Meaning, agrees, asks, meaning
from aiker.calls.barge_in import Act, BargeIn, BargeInSettings
from aiker.calls.floor import asking
from aiker.calls.marks import Marks
from aiker.calls.playout import Run, Segment

WINDOW = 32
HELD_MS = 64.0


class Script:
    """Feeds stretches of speech and silence to a barge-in that was just held, and keeps (act, ms since)."""

    def __init__(self, *, question: bool = False) -> None:
        self.barge_in = BargeIn(BargeInSettings(), HELD_MS, question=question)
        self.now = 0
        self.log: list[tuple[Act, int]] = []

    def play(self, ms: int, probability: float) -> Script:
        for _ in range(ms // WINDOW):
            self.now += WINDOW
            if act := self.barge_in.step(WINDOW, probability):
                self.log.append((act, self.now))
        return self

    def speech(self, ms: int) -> Script:
        return self.play(ms, 0.95)

    def silence(self, ms: int) -> Script:
        return self.play(ms, 0.02)


def test_less_than_a_word_is_a_noise_and_the_reply_goes_on_at_once() -> None:
    script = Script().speech(64).silence(64)
    assert script.log == [(Act.RESUME, 128)]
    assert script.barge_in.meaning is Meaning.NOISE


def test_more_than_a_backchannel_interrupts_whatever_it_says() -> None:
    script = Script().speech(960)
    assert script.log[0] == (Act.INTERRUPT, 896)  # 64 ms of it were before


def test_between_the_two_the_words_are_asked_for_at_a_short_pause() -> None:
    assert Script().speech(256).silence(320).log == [(Act.RECOGNISE, 256 + 96)]


def test_a_caller_who_goes_on_is_recognised_again_with_all_that_was_said() -> None:
    script = Script().speech(256).silence(160).speech(256).silence(160)
    assert [act for act, _ in script.log] == [Act.RECOGNISE, Act.WITHDRAW, Act.RECOGNISE]


def test_a_breath_between_two_syllables_is_no_pause() -> None:
    assert Script().speech(256).silence(64).speech(128).log == []


@pytest.mark.parametrize(("spoken_ms", "verdict"), [(256, Act.RESUME), (512, Act.INTERRUPT)])
def test_words_that_do_not_come_leave_it_to_the_length(spoken_ms: int, verdict: Act) -> None:
    late = Script().speech(spoken_ms).silence(1400)
    assert late.log[-1] == (verdict, spoken_ms + 96 + 1216)
    failed = Script().speech(spoken_ms).silence(128)
    assert failed.barge_in.words(None) is verdict


@pytest.mark.parametrize(
    ("text", "question", "verdict"),
    [
        ("嗯。", False, Act.RESUME),
        ("好的", False, Act.RESUME),
        ("", False, Act.RESUME),
        ("等一下", False, Act.INTERRUPT),
        ("好的", True, Act.INTERRUPT),  # 需要为您转人工确认吗？
        ("哦", True, Act.RESUME),
        ("", True, Act.RESUME),
    ],
)
def test_the_words_decide_and_a_yes_answers_a_question(text: str, question: bool, verdict: Act) -> None:
    script = Script(question=question).speech(256).silence(128)
    assert script.barge_in.words(text) is verdict


@pytest.mark.parametrize(
    ("text", "voiced_ms"),
    [
        ("嗯嗯", 400),
        ("对对对对对对", 400),
        ("好的，好的", 800),
        ("哦，知道了。", 700),
        ("是的。", 400),
        ("OK", 400),
    ],
)
def test_backchannels(text: str, voiced_ms: float) -> None:
    assert meaning(text, voiced_ms) is Meaning.BACKCHANNEL


@pytest.mark.parametrize(
    ("heard", "said"), [("吃的", "是的"), ("直到了", "知道了"), ("您呢?", "嗯嗯"), ("我这样", "哦这样")]
)
def test_backchannels_as_a_small_recogniser_writes_them(heard: str, said: str) -> None:
    assert meaning(said, 450) is Meaning.BACKCHANNEL
    assert meaning(heard, 450) is meaning(said, 450)


def test_a_slow_backchannel_may_be_misheard_too_but_a_sentence_is_none() -> None:
    assert meaning("迟到了", 850) is Meaning.BACKCHANNEL
    assert meaning("迟到了", 950) is Meaning.WORDS
    assert meaning("吃的", 700) is Meaning.WORDS


@pytest.mark.parametrize("text", ["", "。", "咪", "May", "以下是普通话的电话录音", "轮轮"])
def test_what_recognition_invents_for_a_noise_is_a_noise(text: str) -> None:
    assert meaning(text, 250) is Meaning.NOISE


def test_a_noise_that_is_written_as_many_interjections_is_a_backchannel() -> None:
    assert meaning("诶诶诶诶诶诶诶诶诶", 250) is Meaning.BACKCHANNEL


@pytest.mark.parametrize(
    "text", ["停", "喂", "等等", "等一下", "不是", "不对", "多少钱", "好的那押金呢", "是吗那多少钱"]
)
def test_words(text: str) -> None:
    assert meaning(text, 550) is Meaning.WORDS


@pytest.mark.parametrize(
    ("text", "yes"), [("好的。", True), ("嗯嗯", True), ("对，可以", True), ("哦", False), ("", False)]
)
def test_a_yes_is_told_from_mere_listening(text: str, yes: bool) -> None:
    assert agrees(text) is yes


@pytest.mark.parametrize(
    ("clause", "question"),
    [("需要为您转人工确认吗？", True), ("您要几个工位呢。", True), ("一天80元。", False), ("", False)],
)
def test_a_question_is_told_by_its_end(clause: str, question: bool) -> None:
    assert asks(clause) is question


def clause(text: str, start_ms: float, ms: int) -> Segment:
    return Segment(text, bytearray(ms * 8), closed=True, runs=[Run(start_ms, 0, ms * 8)])


def test_a_yes_answers_the_question_that_is_heard_or_was_a_moment_ago() -> None:
    reply = [
        clause("这个我不太清楚，", 0, 1000),
        clause("需要转人工吗？", 1000, 1000),
        clause("或者", 2000, 300),
    ]
    assert [asking(reply[:2], at) for at in (500, 1500, 2500, 4000)] == [False, True, True, False]
    assert not asking(reply, 2200)


class TestMarks:
    def test_a_far_end_that_keeps_up_is_not_behind(self) -> None:
        marks = Marks()
        for number in range(3):
            marks.sent(f"s{number}", number * 1000)
            marks.returned(f"s{number}", number * 1000 + 80)
        assert marks.behind_ms(2500) == 0

    def test_a_mark_that_took_longer_than_the_journey_tells_how_much_waits_there(self) -> None:
        marks = Marks()
        marks.sent("s1", 1000)
        marks.returned("s1", 1080)
        marks.sent("s2", 2000)
        marks.returned("s2", 2480)
        assert marks.behind_ms(2500) == 400

    def test_an_overdue_mark_tells_before_it_is_back(self) -> None:
        marks = Marks()
        marks.sent("s1", 1000)
        marks.returned("s1", 1080)
        marks.sent("s2", 2000)
        assert marks.behind_ms(2480) == 400

    def test_a_wire_that_returns_none_is_trusted_to_keep_up(self) -> None:
        marks = Marks()
        marks.sent("s1", 1000)
        assert marks.behind_ms(9000) == 0

    def test_marks_that_come_back_because_of_a_clear_say_nothing(self) -> None:
        marks = Marks()
        marks.sent("s1", 1000)
        marks.returned("s1", 1080)
        marks.sent("s2", 2000)
        marks.void()
        marks.returned("s2", 1500)
        assert (marks.behind_ms(9000), bool(marks)) == (0, False)
