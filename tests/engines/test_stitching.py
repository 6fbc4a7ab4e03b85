from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from engines.local.base import Samples
from engines.local.kokoro import KokoroTTS
from engines.local.kokoro_graph import open_graphs
from engines.local.stitching import Stitcher, dressed, speech_level, stretches


def tone(ms: int, level: float = 0.1, hz: float = 200, phase: float = 0.0) -> Samples:
    seconds = np.arange(ms * 24) / 24_000
    return (level * np.sqrt(2) * np.sin(2 * np.pi * hz * seconds + phase)).astype(np.float32)


def silence(ms: int) -> Samples:
    return np.zeros(ms * 24, np.float32)


@pytest.mark.parametrize("frames", [1, 19, 20, 39, 40, 300])
def test_stretches_cover_everything_once_and_grow(frames: int) -> None:
    cuts = stretches(frames, first=20, growth=1.5, longest=48)
    sizes = [end - start for start, end in cuts]

    assert [start for start, _ in cuts] == [0, *(end for _, end in cuts[:-1])]
    assert cuts[-1][1] == frames
    assert sizes[:-1] == sorted(sizes[:-1])
    assert max(sizes) < 48 + 20
    assert len(cuts) == 1 or min(sizes) >= 20


def test_two_renderings_are_joined_in_phase() -> None:
    first, second = tone(600), tone(600, phase=2.0)
    stitcher = Stitcher()

    out = np.concatenate([stitcher.add(first, 0, 500 * 24), stitcher.add(second, 100 * 24, 500 * 24)])

    steepest = float(np.abs(np.diff(tone(100))).max())
    assert np.abs(np.diff(out)).max() < 1.1 * steepest
    assert speech_level(out[490 * 24 : 510 * 24]) == pytest.approx(0.1, rel=0.1)
    assert len(out) / 24 == pytest.approx(900, abs=14)


def test_silence_around_speech_goes_and_the_pause_of_its_mark_comes() -> None:
    stretched = [silence(300), np.concatenate([silence(200), tone(300)]), tone(200), silence(700)]

    out = np.concatenate(list(dressed(stretched, level=0.1, pause_ms=100)))

    assert len(out) / 24 == pytest.approx(20 + 500 + 10 + 100, abs=20)
    assert not out[-100 * 24 :].any()


def test_a_pause_within_speech_is_kept() -> None:
    out = np.concatenate(list(dressed([tone(200), silence(300), tone(200)], level=0.1, pause_ms=0)))

    assert len(out) / 24 == pytest.approx(200 + 300 + 200 + 10, abs=20)


@pytest.mark.parametrize("level", [0.01, 0.05, 0.5])
def test_a_voice_is_brought_to_the_common_loudness(level: float) -> None:
    out = np.concatenate(list(dressed([tone(500, level=level)] * 2, level=level, pause_ms=0)))

    assert 20 * np.log10(speech_level(out)) == pytest.approx(-20, abs=0.5)


@pytest.mark.parametrize("change_db", [-6, 6])
def test_a_clause_softer_or_louder_than_the_voice_is_brought_nearer(change_db: float) -> None:
    clause = tone(400, level=0.1 * 10 ** (change_db / 20))
    out = np.concatenate(list(dressed([clause], level=0.1, pause_ms=0)))

    assert abs(20 * np.log10(speech_level(out)) + 20) < abs(change_db) - 1.5


def test_peaks_stop_before_clipping() -> None:
    clicks = np.zeros(12_000, np.float32)
    clicks[::2400] = 0.5

    out = np.concatenate(list(dressed([clicks], level=0.001, pause_ms=0)))

    assert np.abs(out).max() == pytest.approx(10 ** (-1 / 20), abs=0.001)


def test_silence_alone_is_nothing() -> None:
    assert list(dressed([silence(500), silence(500)], level=0.1, pause_ms=300)) == []


@pytest.mark.models
class TestKokoro:
    @pytest.fixture(scope="class")
    @classmethod
    def tts(cls, tmp_path_factory: pytest.TempPathFactory) -> KokoroTTS:
        path = settings.AIKER.models / "kokoro-int8"
        return KokoroTTS(path, threads=2, cache_dir=tmp_path_factory.mktemp("cache"))

    def test_a_sentence_is_sent_while_it_is_made(self, tts: KokoroTTS) -> None:
        pcm = [len(piece) / 48 for piece in tts.pieces("客服电话是四零零八八八六六五五，")]

        assert pcm[0] < 600
        assert sum(pcm) > 2000

    @pytest.mark.parametrize("voice", ["zf_xiaobei", "zm_yunxi"])
    @pytest.mark.parametrize("text", ["可以，", "OneSuite", "北京女儿穷，翁。"])
    def test_rare_sounds_are_neither_lost_nor_blown_up(self, tts: KokoroTTS, voice: str, text: str) -> None:
        pcm = np.frombuffer(b"".join(tts.pieces(text, voice)), "<i2") / 32767

        assert -26 < 20 * np.log10(speech_level(pcm.astype(np.float32))) < -12

    @pytest.mark.parametrize("voice", ["zf_xiaobei", "zm_yunxi"])
    @pytest.mark.parametrize("text", ["好的，", "营业时间是", "五家店。"])
    def test_a_clause_begins_without_a_click(self, tts: KokoroTTS, voice: str, text: str) -> None:
        first = np.frombuffer(next(tts.pieces(text, voice)), "<i2") / 32767

        assert np.abs(first[: 50 * 24]).max() < 0.4

    def test_how_a_voice_speaks_is_measured_once(self, tmp_path: Path) -> None:
        path = settings.AIKER.models / "kokoro-int8"
        first = KokoroTTS(path, threads=2, cache_dir=tmp_path)
        first.warm()
        (kept,) = tmp_path.glob("kokoro-zf_xiaobei-*.npz")
        measured = kept.stat().st_mtime_ns
        again = KokoroTTS(path, threads=2, cache_dir=tmp_path)

        assert b"".join(again.pieces("您好。")) == b"".join(first.pieces("您好。"))
        assert kept.stat().st_mtime_ns == measured

    def test_another_export_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not the Kokoro export"):
            open_graphs(settings.AIKER.models / "silero-vad" / "silero_vad.onnx")
