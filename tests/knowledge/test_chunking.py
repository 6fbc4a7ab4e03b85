"""Passages are short enough for the language model and cut where a reader would cut."""

from __future__ import annotations

from itertools import pairwise

from knowledge import chunking
from knowledge.chunking import search_texts
from knowledge.models import Document

MAX_CHARS = 200


def split(text: str) -> list[str]:
    return chunking.split(text, MAX_CHARS)


def test_a_short_answer_is_one_passage() -> None:
    assert split(" 周六10点到16点。 ") == ["周六10点到16点。"]


def test_blank_text_has_no_passage() -> None:
    assert split(" \n\n ") == []


def test_paragraphs_are_kept_apart() -> None:
    assert split("第一段。\n\n第二段。") == ["第一段。", "第二段。"]


def test_a_long_paragraph_is_cut_between_sentences_and_packed() -> None:
    sentences = [f"第{i}条规定的内容是这样的。" for i in range(60)]
    passages = split("".join(sentences))
    assert "".join(passages) == "".join(sentences)
    assert all(p.endswith("。") and len(p) <= MAX_CHARS for p in passages)
    assert all(len(a) + len(b) > MAX_CHARS for a, b in pairwise(passages))


def test_a_sentence_without_end_is_cut_at_commas_then_anywhere() -> None:
    clause = "价格另议，"
    assert all(p.endswith("，") for p in split(clause * 100))
    assert [len(p) for p in split("数" * 450)] == [200, 200, 50]


def test_each_wording_of_the_question_is_a_text_of_its_own_on_the_first_passage_only() -> None:
    document = Document(title="押金", question="押几付几？", alternative_questions=["押金多少", "押几付几？"])
    assert search_texts(document, "2个月。", first=True) == [
        "押几付几？",
        "押金多少",
        "押金",
        "押金：2个月。",
    ]
    assert search_texts(document, "可退。", first=False) == ["押金：可退。"]
