"""Each judge of a scene passes a call that shows what it must, and blames one that does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench.line
from bench.line.caller import Said
from bench.line.judging import JUDGES, Call, failures
from bench.line.scripts import SCRIPTS, texts_of

SCENES = json.loads(Path(bench.line.__file__).with_name("scenes.json").read_text("utf-8"))
QUESTION = Said(1000, 2000)


def turn(said: str, answer: str, **more: Any) -> dict[str, Any]:
    return {
        "user_text": said,
        "heard_as": "",
        "assistant_text": answer,
        "heard_text": answer,
        "interrupted": False,
        "voice_to_voice_ms": 500,
        "recorded_voice_to_voice_ms": 500,
    } | more


def heard(*spans_ms: tuple[int, int]) -> np.ndarray:
    pcm = np.zeros(20_000 * 8, np.int16)
    for start, end in spans_ms:
        pcm[start * 8 : end * 8] = 5000
    return pcm


def call(**more: Any) -> Call:
    given: dict[str, Any] = {
        "said": [QUESTION],
        "heard": heard((2500, 5000)),
        "turns": [turn("停车要收费吗", "要收费。")],
        "rows": [{"end_detail": ""}],
    }
    return Call(**(given | more))


CUT_IN = Said(4000, 4600)
CASES: list[tuple[str, Any, Call, Call]] = [
    ("turns", 1, call(), call(turns=[])),
    ("false_interruptions", 0, call(cut_in=CUT_IN, clears_ms=[4200]), call(clears_ms=[4200])),
    ("heard_contains", "停车", call(), call(turns=[turn("挺好", "好。")])),
    ("answer_heard_whole", True, call(), call(turns=[turn("停车", "要收费。", heard_text="要")])),
    (
        "next_at_most_characters",
        4,
        call(turns=[turn("停车", "要收费。"), turn("停", "您请说。")]),
        call(turns=[turn("停车", "要收费。"), turn("停", "停车要收费。")]),
    ),
    ("answered_within_ms", 600, call(), call(heard=heard((2700, 5000)))),
    (
        "silent_within_ms",
        300,
        call(cut_in=CUT_IN, clears_ms=[4250], heard=heard((2500, 4250), (5500, 6000))),
        call(cut_in=CUT_IN, clears_ms=[4450], heard=heard((2500, 4450))),
    ),
    (
        "sound_or_hangup_within_ms",
        9000,
        call(stopped_ms=6000.0, closed_ms=14_000.0),
        call(stopped_ms=6000.0, closed_ms=16_000.0),
    ),
    ("longest_silence_ms", 600, call(), call(heard=heard())),
    ("server_minus_caller_ms", 60, call(), call(turns=[turn("停车", "要。", voice_to_voice_ms=561)])),
    (
        "recorded_minus_caller_ms",
        60,
        call(),
        call(turns=[turn("停车", "要。", recorded_voice_to_voice_ms=None)]),
    ),
    (
        "answered_in_pause",
        False,
        call(said=[QUESTION, Said(4000, 5000)], heard=heard((5500, 6000))),
        call(said=[QUESTION, Said(4000, 5000)]),
    ),
    ("answered_after_end", True, call(), call(heard=heard())),
    ("said_into_hold", 0, call(hold=(5500.0, 9000.0)), call(hold=(2400.0, 9000.0))),
    (
        "digits_or_asked_again",
        "999000",
        call(turns=[turn("九九九零", "请您把号码完整地再说一遍。")]),
        call(turns=[turn("九九九零零", "您报的是九九九，零零，对吗？")]),
    ),
    (
        "read_back",
        True,
        call(turns=[turn("999000", "您报的是九九九零，零零，对吗？")]),
        call(turns=[turn("999000", "这个我不太清楚。")]),
    ),
    (
        "no_wrong_number_unconfirmed",
        True,
        call(turns=[turn("999000", "您报的是九九九零，零零，对吗？")]),
        call(turns=[turn("999000", "好的，记下了。")]),
    ),
    ("open", True, call(), call(closed_ms=3000.0)),
    ("second_frames", 0, call(), call(second_frames=12)),
    ("rows", 1, call(), call(rows=[])),
]


@pytest.mark.parametrize(("key", "wanted", "good", "bad"), CASES, ids=[case[0] for case in CASES])
def test_a_judge_passes_what_is_right_and_blames_what_is_not(
    key: str, wanted: Any, good: Call, bad: Call
) -> None:
    assert failures({key: wanted}, good) == []
    assert len(failures({key: wanted}, bad)) == 1


def test_a_network_that_is_always_late_is_further_away() -> None:
    far = call(said=[Said(1000, 2000, distance_ms=80)], turns=[turn("停车", "要。", voice_to_voice_ms=420)])
    assert failures({"server_minus_caller_ms": 60}, far) == []


def test_a_codec_may_be_refused_with_a_reason() -> None:
    must = {"open": True, "heard_contains": "停车", "or_refused_with_reason": True}
    assert failures(must, call(closed_ms=100.0, turns=[], rows=[{"end_detail": "opus is not taken"}])) == []
    assert failures(must, call(closed_ms=100.0, turns=[], rows=[{"end_detail": ""}]))


def test_every_scene_has_a_script_and_judges() -> None:
    keys = {key for scene in SCENES for key in scene["must"]}
    assert keys - {"or_refused_with_reason"} == set(JUDGES) == {case[0] for case in CASES}
    assert {scene["kind"] for scene in SCENES} == set(SCRIPTS)
    assert all(text and voice for scene in SCENES for text, voice in texts_of(scene))
