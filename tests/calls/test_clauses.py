"""Clauses are cut where a speaker would breathe, never inside a number."""

import pytest

from aiker.calls.clauses import MAX_CHARS, ClauseSplitter


def split(text: str, size: int = 1) -> list[str]:
    splitter = ClauseSplitter()
    clauses = [clause for i in range(0, len(text), size) for clause in splitter.feed(text[i : i + size])]
    return clauses + splitter.finish()


def test_the_first_clause_is_short_and_later_ones_grow() -> None:
    text = "您好，基础版每月199元，按人数算，一年一付。还有别的问题吗？"
    assert split(text) == ["您好，", "基础版每月199元，按人数算，", "一年一付。", "还有别的问题吗？"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("流动工位月卡1200元一个月，5家店通用。", "流动工位月卡"),
        ("我们的年卡会员价是两千元。", "我们的年卡会员价是"),
        ("门店是周一到周五营业。", "门店是周一到周五营业。"),
        ("周日是不是休息要看门店。", "周日是不是休息要看门店。"),
        ("办公室会员24小时都可以进出。", "办公室会员"),
    ],
)
def test_the_first_clause_may_end_before_a_number_or_behind_the_copula(text: str, first: str) -> None:
    assert split(text)[0] == first


@pytest.mark.parametrize(
    "text", ["价格1,299.50元", "我们9:30开门", "版本3.5已经发布", "电话400-820-5000转1号"]
)
def test_a_number_is_not_cut(text: str) -> None:
    assert split(text) == [text]


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_the_pieces_of_the_stream_do_not_matter(size: int) -> None:
    text = "可以的，周一到周五9:00-18:00都有人。周末休息。"
    assert split(text, size) == split(text, 3)


def test_nothing_is_lost_but_markdown() -> None:
    assert (
        "".join(split("**价格**：\n- 基础版199元。\n- 专业版399元。")) == "价格：基础版199元。专业版399元。"
    )


def test_text_without_punctuation_is_cut_at_the_limit() -> None:
    clauses = split("好" * 100)
    assert MAX_CHARS // 2 <= len(clauses[0]) <= max(map(len, clauses)) <= MAX_CHARS
    assert "".join(clauses) == "好" * 100


def test_a_latin_word_is_not_cut_at_the_limit() -> None:
    clauses = split("好" * (MAX_CHARS - 3) + "OneSuite很好")
    assert sum("OneSuite" in clause for clause in clauses) == 1
    assert max(map(len, clauses)) <= MAX_CHARS


def test_a_clause_without_words_is_not_spoken() -> None:
    assert split("**\n**好的。") == ["好的。"]
