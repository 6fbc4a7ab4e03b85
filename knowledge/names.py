"""The names and topics of a question: what the base never mentions it does not answer. Pure.

::

    names_in("徐汇店几点关门")         # ("徐汇店",): places, branches, plans
    topics_in("你们可以办婚礼吗")       # ("婚礼",): common nouns
    lookups("徐汇店")                 # the index terms that show it is known: words, and pairs of syllables

Segmentation and parts of speech by jieba.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable

import jieba.posseg

from knowledge.words import STOP, sounds, tokenizer

# jieba's tag of places. Its persons (nr) are guessed from surnames and mostly wrong (钱能 in 钱能退吗), and
# other proper nouns are often what callers call the business itself: they count as topics.
_PLACE = "ns"
_COMMON = ("n", "vn", "an", "ng", "nr", "nrt", "nz", "nt")
# A character behind a word that makes a name of it, as businesses name branches, plans and cards.
_SUFFIX = frozenset("店版卡厅馆")
# What is taken for such a name and is none, and nouns that every conversation has.
NOT_NAMES = "小姐 老师 先生 女士 师傅 美女 帅哥 一家 那家 哪家 这家 门店 分店 本店 开店 到店 时候 的话"
EVERYDAY = (
    "钱 人 事 东西 地方 问题 时间 情况 办法 意思 样子 方面 关门 人家 公司 价格 费用 电话 朋友 收费 付费 缴费 "
    "价钱 全款 半价 名字 事情 同学 同事 老板 客人 自己 家里 下午 上午 晚上 老师"
)
EVERYDAY_ACTIONS = (
    "需要 可以 能够 告诉 过去 过来 出来 进来 进去 想要 打算 办理 支持 提供 帮忙 开始 允许 可能 应该 觉得 "
    "看看 试试 有人 没有 是不是 请问 麻烦 打电话 介绍 推荐 使用 收费 付费 算是 有点 不要 不用 不能 不行 "
    "起来 下来 回来 确认 了解 咨询 打听 知道 以后 之后 左右 怎么办 不了 还有 另外 就是 上班 下班 关门 开门"
)
_ACTIONS = ("v", "vi", "vd", "n")
_EVERYDAY_ACTIONS = frozenset(EVERYDAY_ACTIONS.split())
_POINTING = re.compile(r"^(?:那么?|这)(?=.{2})")
_FIGURE = re.compile(
    r"[\d零一二三四五六七八九十百千万两半几]+(?:人间|人|个半?|天|间|位|次|张|块|元|度|页|年|月|号|楼|层|点|分钟?|折|小时|钟头|G|g|%)*"
)
_NO_NAME = frozenset(NOT_NAMES.split())
_EVERYDAY = frozenset(EVERYDAY.split())
_NO_NAME_BEGINS = frozenset("同本该各哪这那别新老大小旧全分某每其")


@functools.cache
def _tagger() -> jieba.posseg.POSTokenizer:
    return jieba.posseg.POSTokenizer(tokenizer())


def load_dictionaries() -> None:
    """Load dictionary and tagger: half a second each, once a process."""
    list(_tagger().cut("您好"))


def names_in(question: str) -> tuple[str, ...]:
    """Return what the question names, in order."""
    found: list[str] = []
    before = ""
    for word, tag in _tagger().cut(_POINTING.sub("", question)):
        if word in _SUFFIX and len(before) >= 1 and before not in STOP and not before.isdigit():
            if found and found[-1] == before:
                found.pop()
            found.append(before + word)
        elif len(word) > 1 and (tag == _PLACE or _is_named(word, tag)):
            found.append(word)
        before = word
    return tuple(name for name in dict.fromkeys(found) if name not in _NO_NAME)


def _is_named(word: str, tag: str) -> bool:
    return word[-1] in _SUFFIX and word[0] not in _NO_NAME_BEGINS and tag not in ("r", "f", "v")


def topics_in(question: str) -> tuple[str, ...]:
    """Return the common nouns of a question, in order, without those that tell nothing.

    Only words of the dictionary, and none that a figure is part of: guessed ones are mostly wrong (能带).
    """
    found = (
        word
        for word, tag in _tagger().cut(_FIGURE.sub("，", question), HMM=False)
        if tag in _COMMON and len(word) > 1 and word not in STOP
    )
    return tuple(word for word in dict.fromkeys(found) if word not in _EVERYDAY)


def actions_in(question: str) -> tuple[str, ...]:
    """Return the verbs of a question, in order, without those that tell nothing: 停车, 过夜."""
    found = (
        word
        for word, tag in _tagger().cut(_FIGURE.sub("，", question), HMM=False)
        if tag in _ACTIONS and len(word) > 1 and word not in STOP
    )
    return tuple(word for word in dict.fromkeys(found) if word not in _EVERYDAY_ACTIONS)


def lookups(term: str) -> tuple[set[str], set[str]]:
    """Return the words any of which, and the sounds all of which, show that an index knows a term."""
    core = term[:-1] if term[-1] in _SUFFIX and len(term) > 2 else term
    parts = {part for part in tokenizer().cut_for_search(term) if len(part) > 1}
    return {term, core} | (parts if core == term else {term, core}), set(sounds(core))


def all_lookups(terms: Iterable[str]) -> set[str]:
    """Return every index term that is looked up for these."""
    return {found for term in terms for kind in lookups(term) for found in kind}


def unknown(terms: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    """Return which of ``terms`` an index does not have, by those of its terms that are ``known``."""
    missing = []
    for term in terms:
        as_words, as_sounds = lookups(term)
        if not (as_words & set(known)) and not (as_sounds and as_sounds <= set(known)):
            missing.append(term)
    return tuple(missing)
