"""Chinese text to the words and sounds that a keyword search compares.

::

    words("会议室一小时多少钱")     # ["会议", "议室", "会议室", "小时", "多少", "钱"], by jieba
    sounds("会意室")                # ["hui_yi", "yi_shi"]: what is misheard sounds alike

Latin words and figures are lower-case words of their own. Words that carry no topic are left out.
"""

from __future__ import annotations

import functools
import logging
import re
from itertools import pairwise

import jieba
from pypinyin import Style, lazy_pinyin

RUNS = re.compile(r"[\u4e00-\u9fff]+|[A-Za-z]+|\d+(?:\.\d+)?")
HANZI = re.compile(r"[\u4e00-\u9fff]+")

EVERYBODY_SAYS = """
的 了 是 在 我 你 您 我们 你们 他 她 它 这 那 这个 那个 哪个 这边 那边 一下 一个 吗 呢 啊 吧 呀 哦 嗯 呃 哎
就是 就 都 也 还 还是 和 跟 与 或 或者 把 被 给 对 到 从 要 想 会 能 可以 能不能 可不可以 是不是 有没有
请 请问 麻烦 问 问一下 想问 知道 说 一 不 没 没有 有 去 来 上 下 里 个 什么 怎么 怎么样 如何 为什么 么
如果 要是 的话 因为 所以 但是 然后 现在 今天 时候 这样 那样 比较 一般 比如 先生 小姐 你好 您好 喂 谢谢
"""
# Function words, politeness, hesitation: they tell nothing of what is asked.
STOP = frozenset(EVERYBODY_SAYS.split())


@functools.cache
def tokenizer() -> jieba.Tokenizer:
    """Return jieba with its own dictionary; loading takes 0.5 s, once."""
    jieba.setLogLevel(logging.WARNING)
    made = jieba.Tokenizer()
    made.initialize()
    return made


def words(text: str) -> list[str]:
    """Return the words of a text, the parts of long words too, in order, without those of no topic."""
    found: list[str] = []
    for run in RUNS.findall(text):
        if HANZI.match(run):
            found.extend(tokenizer().cut_for_search(run))
        else:
            found.append(run.lower())
    return [word for word in found if word not in STOP]


def sounds(text: str) -> list[str]:
    """Return each pair of neighbouring syllables, without tones, as one word."""
    found: list[str] = []
    for run in HANZI.findall(text):
        syllables = lazy_pinyin(run, style=Style.NORMAL)
        found.extend(f"{a}_{b}" for a, b in pairwise(syllables))
    return found
