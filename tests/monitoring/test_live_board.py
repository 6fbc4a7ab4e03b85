"""The calls in progress as a page sees them, fed by hand."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from aiker.calls.events import CallEvent, Event
from aiker.calls.observing import CallIdentity
from monitoring.live import MAX_CALLS_A_PIECE, MAX_LINES, MAX_TEXT, SHOW_ENDED_S, Board, State
from monitoring.live_feed import Feed

CONTRIBUTIONS = [
    {"name": "endpoint_wait", "ms": 300, "owner": "turn taking"},
    {"name": "stt", "ms": 650, "owner": "stt"},
    {"name": "tts_first_audio", "ms": 250, "owner": "tts"},
]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class FedCall:
    """``call.tells(CallEvent.X, turn, **data)`` on a board; through a feed, pages are told."""

    def __init__(self, fed: Board | Feed, caller: str = "") -> None:
        self.board = fed.board if isinstance(fed, Feed) else fed
        self._take = fed.take
        self.identity = CallIdentity(uuid4(), "anna", "", "softphone")
        self.tells(CallEvent.CALL_STARTED, call_id=str(self.id), assistant="anna", caller=caller)

    @property
    def id(self) -> UUID:
        return self.identity.id

    def tells(self, kind: CallEvent, turn: int | None = None, at_ms: int = 0, **data: Any) -> None:
        self._take(self.identity, Event(kind, at_ms, turn, data))

    def finishes_turn(self, turn: int, said: str, answer: str, **more: Any) -> None:
        record: dict[str, Any] = {
            "user_text": said, "assistant_text": answer, "heard_text": answer, "interrupted": False,
            "voice_to_voice_ms": 1200, "contributions": CONTRIBUTIONS, "error": {},
        }  # fmt: skip
        self.tells(CallEvent.TURN_FINISHED, turn, **record | more)

    def now(self) -> dict[str, Any]:
        """How a page that is opened now sees it."""
        update = self.board.changes(0)
        found = update.calls
        while update.more:
            update = self.board.changes(update.revision)
            found += update.calls
        return next(call for call in found if call["id"] == str(self.id))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(clock)


def test_a_board_without_calls_is_empty(board: Board) -> None:
    update = board.changes(0)
    assert (update.calls, update.live, board.live) == ([], [], 0)


def test_the_state_follows_a_turn(board: Board) -> None:
    call = FedCall(board)
    seen = [call.now()["state"]]
    events: list[tuple[CallEvent, int | None, dict[str, Any]]] = [
        (CallEvent.REPLY_TEXT, None, {"text": "您好。"}),
        (CallEvent.REPLY_HELD, None, {"stop_ms": 80}),
        (CallEvent.PHRASE_FINISHED, None, {"interrupted": True}),
        (CallEvent.SPEECH_STARTED, 1, {}),
        (CallEvent.TURN_COMMITTED, 1, {}),
        (CallEvent.TOOL_STARTED, 1, {"name": "find_order", "by": "model", "arguments": {}}),
        (CallEvent.TOOL_FINISHED, 1, {"name": "find_order", "ms": 12, "error": {}}),
        (CallEvent.REPLY_TEXT, 1, {"text": "找到了。"}),
        (CallEvent.REPLY_STARTED, 1, {}),
        (CallEvent.REPLY_HELD, 1, {"stop_ms": 80}),
        (CallEvent.REPLY_RESUMED, 1, {"held_ms": 300, "outcome": "noise", "said": ""}),
        (CallEvent.REPLY_FINISHED, 1, {"heard": "找到了。"}),
    ]
    for kind, turn, data in events:
        call.tells(kind, turn, **data)
        seen.append(call.now()["state"])
    assert seen == [
        "listening", "speaking", "held", "listening", "listening", "thinking", "tool", "thinking", "thinking",
        "speaking", "held", "speaking", "listening",
    ]  # fmt: skip


def test_a_noise_is_not_thought_about(board: Board) -> None:
    call = FedCall(board)
    call.tells(CallEvent.TURN_COMMITTED, 1)
    call.tells(CallEvent.TRANSCRIPT, 1, text="", final=True)
    assert call.now()["state"] == "listening"


def test_a_tool_that_outlasts_its_turn_or_its_call_changes_no_state(board: Board) -> None:
    call = FedCall(board)
    finished: dict[str, Any] = {"name": "find_order", "ms": 12, "error": {}}
    call.tells(CallEvent.TOOL_STARTED, 1, name="find_order", by="model", arguments={})
    call.tells(CallEvent.REPLY_STARTED, 1)
    call.tells(CallEvent.TOOL_FINISHED, 1, **finished)
    assert call.now()["state"] == "speaking"
    call.tells(CallEvent.CALL_ENDED, reason="hung_up")
    call.tells(CallEvent.TOOL_FINISHED, 1, **finished)
    assert (call.now()["state"], call.now()["reason"]) == ("ended", "hung_up")


def test_the_transcript_is_what_was_said_and_heard(board: Board) -> None:
    call = FedCall(board, caller="13800000000")
    call.tells(CallEvent.REPLY_TEXT, text="您好。", at_ms=10)
    call.tells(CallEvent.TRANSCRIPT, 1, text="几点", final=False, at_ms=3000)
    call.tells(CallEvent.TRANSCRIPT, 1, text="几点开门", final=True, at_ms=3500)
    call.tells(CallEvent.FILLER, 1, text="稍等。")
    call.tells(CallEvent.REPLY_TEXT, 1, text="九点开门，")
    call.tells(CallEvent.REPLY_TEXT, 1, text="OneSuite")
    call.tells(CallEvent.REPLY_TEXT, 1, text="Cloud 也是。")
    greeting, turn = call.now()["lines"]
    assert (greeting["turn"], greeting["reply"]) == (None, "您好。")
    assert (turn["at_ms"], turn["caller"], turn["filler"]) == (3000, "几点开门", "稍等。")
    assert turn["reply"] == "九点开门，OneSuite Cloud 也是。"
    assert turn["heard"] is None
    call.tells(CallEvent.INTERRUPTED, 1, heard="九点")
    call.finishes_turn(1, "几点开门", "九点开门。", heard_text="九点", interrupted=True)
    turn = call.now()["lines"][1]
    assert (turn["heard"], turn["interrupted"]) == ("九点", True)
    assert (turn["voice_to_voice_ms"], turn["largest"]) == (1200, {"name": "stt", "ms": 650})
    assert (call.now()["turns"], call.now()["caller"]) == (1, "13800000000")


def test_an_answer_that_is_taken_back_is_not_shown(board: Board) -> None:
    call = FedCall(board)
    call.tells(CallEvent.REPLY_TEXT, 1, text="九点。")
    call.tells(CallEvent.TURN_REOPENED, 1, heard="")
    call.tells(CallEvent.REPLY_TEXT, 1, text="十点。")
    assert [line["reply"] for line in call.now()["lines"]] == ["十点。"]


def test_keys_and_failures_are_lines(board: Board) -> None:
    call = FedCall(board)
    for digit in "42#":
        call.tells(CallEvent.DTMF, digit=digit)
    call.tells(CallEvent.ERROR, 1, stage="llm", code="timeout", message="...")
    keys, failed = call.now()["lines"]
    assert (keys["keys"], failed["error"]) == ("42#", {"stage": "llm", "code": "timeout"})
    assert call.now()["errors"] == 1


def test_who_listens_in_is_shown_to_all(board: Board) -> None:
    call = FedCall(board)
    call.tells(CallEvent.OPERATOR, action="listen", by="li")
    call.tells(CallEvent.OPERATOR, action="listen", by="wang")
    assert call.now()["listeners"] == ["li", "wang"]
    call.tells(CallEvent.OPERATOR, action="stop_listening", by="li")
    assert call.now()["listeners"] == ["wang"]


def test_an_update_holds_what_changed_and_nothing_else(board: Board) -> None:
    first, second = FedCall(board), FedCall(board)
    first.tells(CallEvent.TRANSCRIPT, 1, text="甲", final=True)
    first.tells(CallEvent.TRANSCRIPT, 2, text="乙", final=True)
    known = board.changes(0)
    assert known.live == [str(first.id), str(second.id)]
    first.tells(CallEvent.REPLY_TEXT, 2, text="好。")
    update = board.changes(known.revision)
    assert update.live is None
    (changed,) = update.calls
    assert [line["caller"] for line in changed["lines"]] == ["乙"]
    assert board.changes(update.revision).calls == []


def test_a_large_update_comes_in_pieces_that_miss_nothing(board: Board) -> None:
    calls = [FedCall(board) for _ in range(25)]
    for call in reversed(calls):
        call.tells(CallEvent.TRANSCRIPT, 1, text="甲", final=True)
    got: list[str] = []
    update = board.changes(0)
    while update.more:
        assert len(update.calls) == MAX_CALLS_A_PIECE
        got += [call["id"] for call in update.calls]
        calls[-1].tells(CallEvent.TRANSCRIPT, 2, text="乙", final=True)  # the first piece had it already
        update = board.changes(update.revision)
    got += [call["id"] for call in update.calls]
    assert set(got) == {str(call.id) for call in calls}
    assert got[-1] == str(calls[-1].id)
    assert [line["caller"] for line in update.calls[-1]["lines"]] == ["乙"]
    assert board.changes(0).live == [str(call.id) for call in calls]


def test_whoever_asks_late_gets_the_same_in_one_piece(board: Board) -> None:
    call = FedCall(board)
    quick: dict[int, Any] = {}
    revision = 0
    for number in range(30):
        call.tells(CallEvent.TRANSCRIPT, number, text=f"第{number}句", final=True)
        call.finishes_turn(number, f"第{number}句", "好。")
        update = board.changes(revision)
        revision = update.revision
        quick |= {line["number"]: line for line in update.calls[0]["lines"]}
    late = {line["number"]: line for line in board.changes(0).calls[0]["lines"]}
    assert late == quick


def test_a_call_and_its_texts_are_bounded(board: Board) -> None:
    call = FedCall(board)
    for number in range(3 * MAX_LINES):
        call.finishes_turn(number, "说" * 3 * MAX_TEXT, "答" * 3 * MAX_TEXT)
    now = call.now()
    assert (len(now["lines"]), now["first_line"], now["turns"]) == (
        MAX_LINES,
        2 * MAX_LINES + 1,
        3 * MAX_LINES,
    )
    assert {len(line["caller"]) for line in now["lines"]} == {MAX_TEXT}


def test_a_call_that_ended_stays_a_moment_and_goes(board: Board, clock: Clock) -> None:
    call, other = FedCall(board), FedCall(board)
    call.tells(CallEvent.CALL_ENDED, reason="operator")
    assert (call.now()["state"], call.now()["reason"], board.live) == (State.ENDED, "operator", 1)
    known = board.changes(0).revision
    clock.now += SHOW_ENDED_S
    update = board.changes(known)
    assert update.live == [str(other.id)]
    assert update.calls == []


def test_times_are_those_of_the_clock(board: Board, clock: Clock) -> None:
    call = FedCall(board)
    clock.now += 65
    call.tells(CallEvent.TURN_COMMITTED, 1)
    clock.now += 2
    assert (call.now()["age_ms"], call.now()["state_ms"]) == (67_000, 2000)


def test_fifty_long_calls_are_a_small_piece_of_json(board: Board) -> None:
    for call in [FedCall(board) for _ in range(50)]:
        for number in range(MAX_LINES):
            call.finishes_turn(number, "几点开门", "九点开门。")
    piece = json.dumps(board.changes(0).calls)
    assert len(piece) < 250_000
