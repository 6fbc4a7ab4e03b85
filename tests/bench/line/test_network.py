"""The line of ``bench line``: which frames arrive and when, what comes back, what counts as heard."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np

import bench.line
from bench.line.network import Echo, Network, stretches

KINDS = {
    "echo": 10,
    "background": 8,
    "silence": 6,
    "loss": 8,
    "numbers": 8,
    "floor": 6,
    "pauses": 6,
    "hold": 4,
    "tolerance": 4,
}


def test_half_of_sixty_scenes_of_each_kind_is_held_out() -> None:
    scenes = json.loads((Path(bench.line.__file__).with_name("scenes.json")).read_text(encoding="utf-8"))
    assert Counter(scene["kind"] for scene in scenes) == KINDS
    held_out = Counter(scene["kind"] for scene in scenes if scene["held_out"])
    assert held_out == {kind: count // 2 for kind, count in KINDS.items()}
    assert len({scene["id"] for scene in scenes}) == 60


def test_a_good_network_delivers_each_frame_as_it_ends() -> None:
    assert Network().deliveries(3) == [(20, 0), (40, 1), (60, 2)]


def test_loss_and_repetition_come_in_their_shares() -> None:
    counts = Counter(number for _, number in Network(lose=0.2, duplicate=0.1, seed=1).deliveries(5000))
    assert 0.18 < 1 - len(counts) / 5000 < 0.22
    assert 0.08 < sum(count == 2 for count in counts.values()) / len(counts) < 0.12


def test_jitter_delays_and_only_reordering_overtakes() -> None:
    late = [number for _, number in Network(jitter_ms=200, seed=2).deliveries(500)]
    assert late == sorted(late)
    overtaken = [number for _, number in Network(reorder=0.1, seed=2).deliveries(500)]
    assert overtaken != sorted(overtaken)
    assert sorted(overtaken) == list(range(500))


def test_an_echo_is_what_was_heard_later_and_softer() -> None:
    heard = np.zeros(800, np.int16)
    heard[100] = 10000
    echo = Echo(lag_ms=20, return_loss_db=20).of(heard, 160, 480)
    assert np.flatnonzero(echo).tolist() == [100]
    assert echo[100] == 1000
    assert not Echo(lag_ms=600, return_loss_db=20).of(heard, 0, 160).any()
    spread = Echo(20, 0, (1.0, 0.0, 1.0)).of(heard, 160, 480)
    assert np.flatnonzero(spread).tolist() == [100, 102]


def test_stretches_are_parted_by_silence() -> None:
    pcm = np.zeros(24000, np.int16)
    pcm[800:1600] = pcm[4000:4800] = pcm[16000:16800] = 5000
    assert [(round(a), round(b)) for a, b in stretches(pcm)] == [(100, 600), (2000, 2100)]
