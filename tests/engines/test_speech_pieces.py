import numpy as np
import pytest

from engines.local.base import Transcript
from engines.local.faster_whisper import rejection, said_once
from engines.local.kokoro_model import LEAD_FRAMES, SYMBOL_IDS, TAIL_FRAMES, spoken_frames
from engines.local.mandarin_g2p import MandarinG2P
from engines.local.speech_pieces import LONGEST_PIECE, LONGEST_SENTENCE, pause_ms, read_pieces, split_pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("您好，请问有什么可以帮到您？", ["您好，", "请问有什么可以帮到您？"]),
        ("您好，没问题，请您稍等。", ["您好，没问题，请您稍等。"]),
        ("营业时间是周一至周五九点到十八点。", ["营业时间是周一至周五九点到十八点。"]),
        (
            "我们的营业时间是周一至周五上午九点到晚上十八点。",
            ["我们的营业时间是", "周一至周五上午九点到晚上十八点。"],
        ),
        ("……，！", []),
    ],
)
def test_the_first_piece_is_short_and_ends_at_a_natural_place(text: str, pieces: list[str]) -> None:
    assert split_pieces(text) == pieces


def test_no_text_is_lost_and_no_piece_is_long() -> None:
    text = "我们公司成立于二零一零年，" + "总部在上海市浦东新区世纪大道一百号" * 6 + "，欢迎您来。"
    pieces = split_pieces(text)

    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= LONGEST_PIECE


def test_a_text_is_read_sentence_by_sentence_and_no_further_than_needed() -> None:
    read: list[str] = []

    def note(sentence: str) -> str:
        read.append(sentence)
        return sentence

    text = "您好，请问有什么可以帮到您？" * 3 + "。！" + "好" * 1000 + "，谢谢！"
    pieces = read_pieces(text, note)
    assert next(pieces) == "您好，"
    assert read == ["您好，请问有什么可以帮到您？"]
    assert "".join(["您好，", *pieces]) == text
    assert max(map(len, read)) <= LONGEST_SENTENCE + len("，")


def test_a_text_without_marks_is_cut_in_time_that_grows_with_its_length() -> None:
    assert max(map(len, split_pieces("1" * 40_000))) <= LONGEST_PIECE


def test_a_sentence_is_followed_by_a_longer_pause_than_a_clause() -> None:
    assert (
        pause_ms("好的")
        < pause_ms("好的、")
        < pause_ms("好的，")
        < pause_ms("好的。")
        == pause_ms("“好的。”")
    )


def test_silent_frames_around_speech_are_not_generated() -> None:
    ids = [SYMBOL_IDS[symbol] for symbol in "xau↓."]
    durations = np.array([20, 2, 3, 3, 30, 10, 2])

    assert spoken_frames(ids, durations) == (20 - LEAD_FRAMES, 28 + TAIL_FRAMES)


def test_latin_words_stand_beside_mandarin(tmp_path_factory: pytest.TempPathFactory) -> None:
    g2p = MandarinG2P(tmp_path_factory.mktemp("cache"))

    assert g2p("您好，OneSuite！") == "ni↗nxau↓, wˈʌnswˈit!"
    assert g2p("café😀→㐀") == g2p("cafe")
    assert set(g2p("龘靐齉，重庆银行。")) <= set(SYMBOL_IDS)


def test_a_sentence_said_in_a_loop_is_heard_once() -> None:
    assert said_once("退款三天到账。退款三天到账。退款三") == "退款三天到账。"
    assert said_once("好的好的好的") == "好的好的好的"
    assert said_once("我要企业版，我要企业版的价格") == "我要企业版，我要企业版的价格"


@pytest.mark.parametrize(
    ("text", "no_speech_prob", "avg_logprob", "reason"),
    [
        ("请问几点开门?", 0.01, -0.2, ""),
        ("请问几点开门?", 0.9, -0.2, ""),
        ("好的", 0.9, -1.2, "no_speech"),
        ("……", 0.1, -0.2, "no_speech"),
        ("字幕由Amara.org社区提供", 0.1, -0.2, "hallucination"),
        ("谢谢观看!", 0.1, -0.2, "hallucination"),
        ("请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", 0.1, -0.2, "hallucination"),
        ("谢谢", 0.1, -0.2, ""),
        ("你好你好你好你好你好你好", 0.1, -0.2, "repetition"),
        ("那些的事", 0.2, -2.0, "unlikely"),
    ],
)
def test_what_is_no_speech_is_recognised(
    text: str, no_speech_prob: float, avg_logprob: float, reason: str
) -> None:
    heard = Transcript(text, "zh", 1.0, avg_logprob=avg_logprob, no_speech_prob=no_speech_prob)

    assert rejection(text, heard) == reason
