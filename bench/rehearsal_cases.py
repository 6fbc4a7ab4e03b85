"""Five bad drafts and five good ones of the sample base, each rehearsed: run inside an installation.

::

    python manage.py shell -c "from bench.rehearsal_cases import main; main(questions=3)"

Prints a line of JSON for each: what it is, whether it passed, why not. The base is as before afterwards.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from aiker.calls.models import DEFAULT_SYSTEM_PROMPT, Assistant
from aiker.calls.rehearsal import carry_out
from aiker.calls.rehearsal.labels import reason_text
from aiker.calls.rehearsal.models import Rehearsal
from knowledge.editing import bulk
from knowledge.following import follow, settle
from knowledge.models import Document, IndexVersion, KnowledgeBase
from knowledge.versions import request_version

QUESTIONS, CALLERS = 3, 3  # wordings asked of each draft, and voices that ask each
TALKED_THROUGH = ("flipped negation", "reworded answer")  # examiners hold conversations about these
TYPO = ("晚上19点", "晚尚19点")
BROKEN_PROMPT = "你是安娜，OneSuite公司的电话客服。公司的全部资料如下：" + (
    "本公司办公室租赁管理制度：入驻、续租、转租、退租须经书面申请，由门店经理签字确认后方可办理。" * 400
)
"""A whole rule book pasted into the prompt. Instructions that are merely wrong, from "say that you hand
over" to "answer in English", hardly reach callers of the default model (nine were tried): the passages and
examples of a turn outweigh them, and the guard puts the entry's words in place of the rest."""
REWORDED_PROMPT = DEFAULT_SYSTEM_PROMPT.replace("不要编造", "绝不编造").replace("一到两句短话", "一两句短话")
"""A shorter prompt stood here first. It was no good draft: its rehearsal found a fact lost."""


@dataclass(frozen=True)
class Case:
    """``edit`` maps an entry's key to its new fields; ``changes`` are fields of the assistant."""

    name: str
    good: bool
    edit: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)


def cases() -> list[Case]:
    over = timezone.localdate() - timedelta(days=40)
    until = f"{over.year}年{over.month}月{over.day}日"
    return [
        Case(
            "flipped negation", False, answer("refund-month", "月卡开通后能退款，也可以暂停1次，最长30天。")
        ),
        Case("wrong price", False, answer("price-day-pass", "共享工位日卡90元一天，当天9点到18点使用。")),
        Case(
            "expired offer",
            False,
            answer("price-hot-desk", f"流动工位月卡优惠价900元一个月，活动到{until}截止，5家店通用。"),
        ),
        Case("broken prompt", False, changes={"system_prompt": BROKEN_PROMPT}),
        Case("worse voice", False, changes={"voice": "am_santa", "speed": 2.0}),
        Case(
            "reworded answer", True, answer("price-day-pass", "共享工位的日卡一天80元，当天9点到18点都能用。")
        ),
        Case(
            "new alternative question",
            True,
            {
                "parking-visitor": {
                    "alternative_questions": ["朋友来找我停车收费吗", "来客停车头两个小时要钱吗"]
                }
            },
        ),
        Case("corrected typo", True, answer("cleaning", "保洁每天打扫1次，晚上19点开始，不另收费。")),
        Case("reworded prompt", True, changes={"system_prompt": REWORDED_PROMPT}),
        Case("equal voice", True, changes={"voice": "zf_xiaoxiao"}),
    ]


def answer(key: str, text: str) -> dict[str, dict[str, str]]:
    return {key: {"answer": text}}


def main(questions: int = QUESTIONS, *names: str) -> None:
    """Rehearse the cases of these names; none: all."""
    base = KnowledgeBase.objects.get(slug="onesuite")
    plant_typo(base)
    for case in cases():
        if names and case.name not in names:
            continue
        began = time.perf_counter()
        assistant = Assistant.objects.select_related("knowledge_base__active_version").get(slug="anna")
        with drafted(base, case.edit) as version:
            rehearsal = carry_out.begin(
                assistant,
                version,
                changes=case.changes,
                max_questions=questions,
                callers=CALLERS,
                max_past_turns=0,
                conversations=case.name in TALKED_THROUGH,
            )
            carry_out.carry_out(rehearsal)
        print(
            json.dumps(outcome(case, rehearsal, time.perf_counter() - began), ensure_ascii=False), flush=True
        )


def plant_typo(base: KnowledgeBase) -> None:
    """Give the live base the typo that a good draft corrects."""
    document = base.documents.get(key="cleaning")
    if TYPO[0] in document.answer:
        document.answer = document.answer.replace(*TYPO)
        document.save()
        settle(base)


@contextmanager
def drafted(base: KnowledgeBase, edit: Mapping[str, Mapping[str, Any]]) -> Iterator[IndexVersion | None]:
    """Edit entries, build a version that is not published, and put the entries back afterwards."""
    if not edit:
        yield None
        return
    before = {key: save(base, key, fields) for key, fields in edit.items()}
    version = request_version(base, "bench", publish=False)
    for seen in follow(version):
        version = seen
    try:
        yield version
    finally:
        for key, fields in before.items():
            save(base, key, fields)


def save(base: KnowledgeBase, key: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Save fields of an entry without telling callers; return what they were."""
    document: Document = base.documents.get(key=key)
    old = {name: getattr(document, name) for name in fields}
    for name, value in fields.items():
        setattr(document, name, value)
    with bulk():
        document.save()
    return old


def outcome(case: Case, rehearsal: Rehearsal, seconds: float) -> dict[str, Any]:
    return {
        "name": case.name,
        "good": case.good,
        "passed": rehearsal.passed,
        "reasons": [reason_text(reason, rehearsal.figures) for reason in rehearsal.reasons],
        "codes": [reason[0] for reason in rehearsal.reasons],
        "error": rehearsal.error,
        "answers": rehearsal.figures.get("answers", 0),
        "seconds": round(seconds),
    }
