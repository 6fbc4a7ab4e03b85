"""Clauses are cut where a speaker would breathe, never inside a number."""

import pytest

from aiker.calls.clauses import MAX_CHARS, ClauseSplitter, clauses_of
from engines.local.text_normalization import spoken
from tests.reading import FIGURE_IDS, FIGURES


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


def said(clauses: list[str]) -> str:
    """Return what is heard of clauses that are read one by one; pauses between them do not matter."""
    return "".join(map(spoken, clauses)).replace(" ", "")


@pytest.mark.parametrize(("row", "written", "reading"), FIGURES, ids=FIGURE_IDS)
@pytest.mark.parametrize("before", ["", "我们公司的", "您好，我们这边查到的是"])
def test_clauses_are_read_as_the_whole_is(row: str, written: str, reading: str, before: str) -> None:
    text = f"{before}{written}，谢谢。"
    assert said(split(text)) == said(split(text, 3)) == said(clauses_of(text)) == said([text]), row
    if not before:
        assert reading.replace(" ", "") in said([text])


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("您的验证码是482915，五分钟内有效。", "您的验证码是482915，"),
        ("请您记好取件码：8866。", "请您记好取件码：8866。"),
        ("这是我们第2次提醒您了。", "这是我们第2次提醒您了。"),
        ("基础版的年费是¥1,299.00。", "基础版的年费是"),
        ("我们的门店一共有2层，欢迎您来。", "我们的门店一共有2层，"),
        ("基础版的价格为1，299元，按年付。", "基础版的价格为"),
    ],
)
def test_A1_a_figure_is_not_cut_off_from_what_it_is_read_by(text: str, first: str) -> None:
    assert split(text)[0] == first


def test_A4_a_figure_at_the_limit_stays_whole() -> None:
    before = "我们公司提供的共享办公空间服务包含高速网络会议室打印复印前台接待邮件"
    clauses = clauses_of(f"{before}{before}400-000-1234转801的内容{before}")
    assert "".join(clauses) == f"{before}{before}400-000-1234转801的内容{before}"
    assert sum("400-000-1234转801" in clause for clause in clauses) == 1
    assert all(clause[-2:] not in ("会议", "邮") for clause in clauses)
    assert max(map(len, clauses)) <= MAX_CHARS


def test_an_endless_figure_is_cut_at_last() -> None:
    assert "".join(split("1" * 1000)) == "1" * 1000
