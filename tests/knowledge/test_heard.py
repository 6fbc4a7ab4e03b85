"""What surrounds a question is left out, and misheard words of the base are mended."""

from __future__ import annotations

import pytest

from knowledge.heard import corrected, plain, sound, spans


@pytest.mark.parametrize(
    ("spoken", "meant"),
    [
        ("嗯，那个，我想问一下周六开门吗", "周六开门"),
        ("喂，你好，请问停车多少钱，谢谢", "停车多少钱"),
        ("停车，那个，要钱吗？", "停车，要钱"),
        ("周六开门", "周六开门"),
        ("你好", "你好"),
        ("那个多少钱", "多少钱"),
    ],
)
def test_only_the_question_stays(spoken: str, meant: str) -> None:
    assert plain(spoken) == meant


def test_words_sound_alike_without_tones_and_final_g() -> None:
    assert sound("会意室") == sound("会议室")
    assert sound("经理") == sound("今里")
    assert sound("押金") != sound("定金")


def test_stretches_are_of_two_to_five_characters() -> None:
    assert set(spans("月卡A价格")) == {"月卡", "价格"}
    assert len(spans("一二三四五六")) == 5 + 4 + 3 + 2


def test_a_misheard_word_is_mended_and_the_rest_stays() -> None:
    words = {sound("会议室"): "会议室", sound("押金"): "押金"}
    assert corrected("会意室多少钱，要压金吗OK", words) == "会议室多少钱，要押金吗OK"


def test_a_word_that_the_base_has_is_not_mended() -> None:
    words = {sound("公式"): "公示"}
    assert corrected("公式", words, known={"公式"}) == "公式"


def test_the_longer_word_is_mended_first() -> None:
    words = {sound("会议"): "会议", sound("会议室"): "会议室"}
    assert corrected("汇仪式", words) == "会议室"
