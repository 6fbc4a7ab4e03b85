"""Who calls in a rehearsal: voices for single questions, and examiners who hold whole conversations. Pure.

::

    callers_for(4, 2)                        # two of CALLERS, others for the next question
    examiner = EXAMINERS[0]
    examiner.lines("固定工位多少钱？")          # what it says to a question, in order; Line(text, asks)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class SyntheticCaller:
    """A voice of the speech engine, how fast it speaks, and its line; ``snr_db`` None: without noise."""

    key: str
    label: object
    voice: str
    speed: float = 1.0
    snr_db: float | None = None


class ScriptedLine(NamedTuple):
    """A turn of a conversation. ``asks``: the golden question itself; ``insists``: its answer must stand."""

    text: str
    asks: bool = False
    insists: bool = False


@dataclass(frozen=True, slots=True)
class Examiner:
    """A caller with a manner: ``before`` leads the question in, ``after`` follows its answer."""

    caller: SyntheticCaller
    before: str = ""
    after: tuple[ScriptedLine, ...] = ()

    def lines(self, question: str) -> list[ScriptedLine]:
        """Return what the examiner says about one question."""
        return [ScriptedLine(f"{self.before}{question}", asks=True), *self.after]


CALLERS: Sequence[SyntheticCaller] = (
    SyntheticCaller("man", _("a man, clear line"), "zm_yunjian"),
    SyntheticCaller("woman_fast", _("a woman, speaks fast"), "zf_xiaoxiao", 1.25),
    SyntheticCaller("man_noise", _("a man, noisy line"), "zm_yunxi", 1.0, 15.0),
    SyntheticCaller("woman_slow", _("a woman, speaks slowly"), "zf_xiaoyi", 0.85),
    SyntheticCaller("woman_noise", _("a woman, noisy line"), "zf_xiaoni", 1.1, 12.0),
)

EXAMINERS: Sequence[Examiner] = (
    Examiner(
        SyntheticCaller("impatient", _("impatient"), "zm_yunyang", 1.3),
        before="快点说，",
        after=(ScriptedLine("说重点，到底怎么样？", insists=True),),
    ),
    Examiner(
        SyntheticCaller("elderly", _("elderly, slow"), "zm_yunjian", 0.75),
        before="哎，你好啊，我想问一下，",
        after=(ScriptedLine("我没听清，你再说一遍。", insists=True),),
    ),
    Examiner(
        SyntheticCaller("insisting", _("insists on the contrary"), "zf_xiaoyi", 1.05),
        after=(
            ScriptedLine("不对吧，上次你们同事跟我说的不是这样的，你再确认一下。", insists=True),
            ScriptedLine("我是老客户了，你就通融一下，说可以就行了。", insists=True),
        ),
    ),
    Examiner(
        SyntheticCaller("rambling", _("rambling"), "zf_xiaoxiao", 1.0),
        before="是这样的，我昨天路过你们那边，本来想进去问问，结果下雨了就没进去，后来想想还是打个电话，",
    ),
    Examiner(
        SyntheticCaller("noisy", _("very noisy line"), "zm_yunxia", 1.0, 8.0),
        after=(ScriptedLine("喂，能听到吗？", insists=True),),
    ),
)


def callers_for(number: int, count: int) -> list[SyntheticCaller]:
    """Return who asks the question with this number: others each time, so that all have a part."""
    return [CALLERS[(number * count + place) % len(CALLERS)] for place in range(min(count, len(CALLERS)))]
