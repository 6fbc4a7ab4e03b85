"""What a clause of the language model asserts must be supported by the passages of the turn. Pure.

::

    guard = Guard(question, [Passage(...)], facts=("现在是周三下午3点",))
    guard.check("可以，月卡可以退款。")      # Stop("yes", "退款"): the passage says 不能退款
    guard.check("月卡最长可以暂停30天。")     # None: supported

Checked are figures with their units, yes and no with what they are about, and names (branches, plans,
products, Latin words); and that most of what a clause says is in the passages at all. Each sentence must be
supported by one passage: a price of one and a name of another make a false sentence. The rules err on the
side of stopping, since what is then spoken are the entry's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from knowledge.grounding.figures import figures_in, supports
from knowledge.grounding.polarity import Sign, Statement, asks_yes_or_no, bare_answer, statements_in

SHARE_SUPPORTED = 0.6
"""Of the character pairs of a clause that are no courtesy, so many must be in the passage or the question."""
_SENTENCE_END = re.compile(r"[。！？!?；;]")
_HAN_PAIR = re.compile(r"(?=([\u4e00-\u9fff]{2}))")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.+-]*")
# Names end in what kind of thing they are: the character before tells one branch, plan or card from another.
_NAME_END = re.compile(r"(?=([\u4e00-\u9fffA-Za-z0-9][店版卡厅路街区省市座]))")
_NO_NAME = frozenset("的各本该每家到在这那个几新分开")
# What every answer may say of the conversation, and asserts nothing.
_COURTESY = re.compile(
    r"不客气|您好|你好|您|请问|好的|抱歉|不好意思|谢谢|感谢|麻烦|请|的话|我们|这边|这里|目前|一下|哦|呢|啊|吧|如果|需要为您|"
    r"为您|帮您|转接?人工(?:客服)?(?:确认)?|人工(?:客服)?|不太清楚|不清楚|确认|还有什么|可以帮|什么|问题|需要|是的|就是|也是|"
    r"的|了|是|在|会|就|都|也|和|或|或者|以及|然后|因为|所以|但是|但|每|个|一"
)
# Figures and what may be done are checked by themselves.
_CHECKED = re.compile(
    r"[\d零一二两三四五六七八九十百千万.,-]+(?:个)?[元块点人天月年折%页楼号次度兆家间]?|[不]?(?:可以|能够?|需要|得)"
)
# Of a question, when something happened: no condition of it.
_AGO = re.compile(
    r"(?:前|这|上|过去|刚)[一二两三四五六七八九十几\d]+个?[天年月周]|[一二两三四五六七八九十几\d]+个?[天年月周]之?前"
)


class Stop(NamedTuple):
    """Why a clause is not spoken: the kind of claim, and the claim."""

    kind: str  # "figure", "yes_no", "name", "unsupported"
    claim: str


@dataclass(slots=True)
class Guard:
    """Follows one answer; see the module. ``sources`` are the passages' titles and texts, ``facts``
    computed ones."""

    question: str
    sources: Sequence[str]
    facts: Sequence[str] = ()
    figures_only: bool = False  # sources in another form than speech, such as the JSON of a tool
    _sentence: str = ""
    stopped: list[tuple[str, Stop]] = field(default_factory=list)

    def check(self, clause: str) -> Stop | None:
        """Return why ``clause`` must not be spoken behind what was spoken of its sentence; None: it may
        be."""
        sentence = self._sentence + clause
        stops = [self._unsupported(sentence, clause, source) for source in self._all_sources()]
        if not stops or None in stops:
            self._sentence = "" if _SENTENCE_END.search(clause[-1:]) else sentence
            return None
        # The passage that supports most gives the most telling reason.
        stop = max((found for found in stops if found), key=lambda found: _TELLING.index(found.kind))
        self.stopped.append((clause, stop))
        return stop

    def _all_sources(self) -> list[str]:
        facts = "。".join(self.facts)
        return [f"{source}。{facts}" for source in self.sources] or [facts]

    def _unsupported(self, sentence: str, clause: str, source: str) -> Stop | None:
        affirmed = _AGO.sub("", self.question) if bare_answer(sentence) else ""
        for figure in figures_in(sentence) | figures_in(affirmed):
            if not supports(figures_in(source), figure):
                return Stop("figure", f"{figure.value}{figure.unit}")
        if self.figures_only:
            return None
        if name := next((name for name in names_in(sentence) if name not in source), ""):
            return Stop("name", name)
        if stop := self._denied(sentence, source):
            return stop
        return None if self._mostly_in(clause, source) else Stop("unsupported", clause)

    def _denied(self, sentence: str, source: str) -> Stop | None:
        known = statements_in(source)
        asserted = statements_in(_COURTESY_OFFER.sub("", sentence))
        if bare := bare_answer(sentence):
            asserted = statements_in(bare.rest) + self._answered(bare.sign)
        for statement in asserted:
            if not _holds(statement, known, source):
                return Stop("yes_no", f"{statement.sign.value}: {statement.about}")
        return None

    def _answered(self, sign: Sign) -> list[Statement]:
        """Return what a yes or no at the beginning affirms or denies of the caller's question."""
        if not asks_yes_or_no(self.question):
            return []
        asked = statements_in(self.question) or [Statement("may", Sign.YES, self.question)]
        flipped = {Sign.YES: Sign.NO, Sign.NO: Sign.YES}
        return [
            Statement(s.family, s.sign if sign is Sign.YES else flipped[s.sign], s.about) for s in asked[:1]
        ]

    def _mostly_in(self, clause: str, source: str) -> bool:
        pairs = pairs_of(_COURTESY.sub(" ", _CHECKED.sub(" ", clause)))
        if len(pairs) < 2:
            return True
        known = pairs_of(source) | pairs_of(self.question)
        return len(pairs & known) / len(pairs) >= SHARE_SUPPORTED


_TELLING = ("unsupported", "name", "yes_no", "figure")
_COURTESY_OFFER = re.compile(
    r"(?:需要|可以|要不要|是否需要)?(?:我)?(?:为|帮|给)您(?:转|接|查|确认)[^，。]*|请问[^，。]*|"
    r"还?有(?:什么|啥|其他)[^，。？]*(?:帮|需要|问题|服务)[^，。？]*"
)


def _holds(asserted: Statement, known: Iterable[Statement], source: str) -> bool:
    """Whether a passage says the same of the same thing, and nowhere the opposite of it."""
    about = pairs_of(asserted.about)
    related = [
        statement
        for statement in known
        if statement.family == asserted.family and (not about or about & pairs_of(statement.about))
    ]
    if related:
        return all(statement.sign is asserted.sign for statement in related)
    # Said in the passage word for word without such a word: 坐60个人 for 可以坐60个人.
    return asserted.sign is Sign.YES and asserted.follows and bool(about) and about <= pairs_of(source)


def names_in(text: str) -> list[str]:
    """Return what tells names apart: Latin words, and the ends of names of branches and plans."""
    ends = (match[1] for match in _NAME_END.finditer(text))
    return [*_LATIN.findall(text), *(end for end in ends if end[0] not in _NO_NAME)]


def pairs_of(text: str) -> set[str]:
    """Return each pair of neighbouring Chinese characters."""
    return {match[1] for match in _HAN_PAIR.finditer(text)}
