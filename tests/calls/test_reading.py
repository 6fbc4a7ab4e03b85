"""How a text is read is printed with the functions of a call."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from aiker.calls.clauses import clauses_of
from aiker.calls.engines import make_tts
from aiker.calls.models import Assistant
from aiker.calls.plan import plan_for
from aiker.calls.reading import read_clauses
from engines.local.text_normalization import spoken
from knowledge.models import KnowledgeBase, LexiconEntry
from tests.reading import FIGURES


def read(*args: str) -> list[str]:
    out = io.StringIO()
    call_command("read", *args, stdout=out)
    return out.getvalue().splitlines()


def test_each_clause_is_a_line() -> None:
    assert read("您的验证码是482915，五分钟内有效。", "周一-周五9：00-18：00") == [
        "您的验证码是四八二九幺五，",
        "五分钟内有效。",
        "周一到周五",
        "九点到十八点",
    ]


def test_lines_of_a_file_are_read_with_their_pronunciation(tmp_path: Path, settings: Settings) -> None:
    settings.AIKER = settings.AIKER.model_copy(update={"data_dir": tmp_path})
    file = tmp_path / "texts.txt"
    file.write_text("请按时还款。\n\n**押金**为¥2\n", encoding="utf-8")
    assert read("--file", str(file), "--pinyin") == [
        "请按时还款。\tqing3 an4 shi2 huan2 kuan3.",
        "押金为两元\tya1 jin1 wei2 liang3 yuan2",
    ]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    for args in ((), ("--file", str(tmp_path / "none.txt"))):
        with pytest.raises(CommandError, match=r"nothing to read|cannot read"):
            read(*args)


@pytest.mark.django_db
def test_the_lexicon_of_an_assistant_is_read_as_its_voice_is_given_it() -> None:
    base = KnowledgeBase.objects.create(name="测试", slug="test")
    anna = Assistant.objects.create(slug="anna", name="安娜", greeting="您好。", knowledge_base=base)
    LexiconEntry.objects.create(base=base, term="OneSuite", reading="万速", state=LexiconEntry.State.ACCEPTED)
    text = "欢迎使用OneSuite，房间号是1203。"
    lines = read("--assistant", "anna", text)
    assert lines == ["欢迎使用万速，", "房间号是幺二零三。"]
    voice = make_tts(plan_for(anna))
    assert "".join(lines) == "".join(spoken(voice.read(clause)) for clause in clauses_of(text))
    with pytest.raises(CommandError, match="no assistant"):
        read("--assistant", "bert", text)


def test_a_recited_text_is_read_as_an_answer_is() -> None:
    for _row, written, _said in FIGURES:
        recited, answered = (
            "".join(read_clauses(f"{written}，谢谢。", early=early)).replace(" ", "")
            for early in (False, True)
        )
        assert recited == answered
