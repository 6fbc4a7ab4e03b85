"""Whether callers are told the truth: ``python -m bench truth [--dev] [--spoken] [--limit N]``.

::

    python -m bench truth                    # the held-out questions, typed
    python -m bench truth --spoken           # those of them that are marked, by voice over a noisy line
    python -m bench truth --dev --limit 20   # of the development questions, 20 from all kinds

``truth_questions.json`` was written from the sample base alone, before anything was tuned, and nothing is
ever tuned with it; ``truth_dev.json`` is for tuning. A fresh installation with the sample base answers each
question as a call does (``answer_of``); ``truth_grading`` judges what is said. Every answer with its verdict
goes to ``var/bench/truth-*.jsonl``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiker.config import BASE_DIR
from bench import truth_report as report
from bench.own_process import in_its_own
from bench.report import Metric
from bench.truth_grading import Base, Question, Verdict, grade
from bench.truth_report import Graded
from tests.installation import Installation

if TYPE_CHECKING:
    from aiker.calls.plan import CallPlan
    from engines.adapters.llm_adapter import Message
    from engines.routing import Endpoint
    from knowledge.rag import Found, RAGSystem

HELD_OUT, DEV = (Path(__file__).with_name(f"{name}.json") for name in ("truth_questions", "truth_dev"))
SAMPLE = BASE_DIR / "knowledge" / "data" / "onesuite-business-data.json"
ANSWERS = BASE_DIR / "var" / "bench"
ASSISTANT = "anna"
# What the sample base has several of: an answer about another one is no answer.
NAMES = (
    *("浦江", "静安", "国贸", "南山", "西湖", "广州"),
    *("流动工位", "固定工位", "日卡", "月卡", "虚拟办公室", "小会议室", "大会议室", "多功能厅"),
    *("标准版", "专业版", "企业版"),
)
PATIENCE_S, MAX_TRIES = 120.0, 5
"""What a busy machine takes longer for is waited for: this bench is not about time."""


def run(arguments: Sequence[str] = ()) -> Sequence[Metric]:
    """Start Aiker, ask, print what came of it, and return the figures."""
    options = parsed(arguments)
    with installed(options.data) as folder, Installation(folder) as aiker:
        env = aiker.env | {"DJANGO_SETTINGS_MODULE": "aiker.settings", "AIKER_LOG_LEVEL": "ERROR"}
        found = in_its_own("bench.truth", *arguments, env=env)
    graded = [_graded(item) for item in found]
    print_report(graded, options)
    return list(report.metrics(graded, "spoken:" if options.spoken else ""))


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench truth")
    parser.add_argument("--dev", action="store_true", help="the development questions")
    parser.add_argument(
        "--spoken", action="store_true", help="by voice, the questions that are marked for it"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="keep the installation there: the next start is quick"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="N questions, spread over all kinds")
    return parser.parse_args(arguments)


@contextmanager
def installed(data: Path | None) -> Iterator[Path]:
    """Yield the installation's folder: the one to keep, or one that goes when the bench is over."""
    if data:
        data.mkdir(parents=True, exist_ok=True)
        yield data.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder:
        yield Path(folder)


def questions(options: argparse.Namespace) -> list[Question]:
    """Return the questions to ask, in the order of their file."""
    items = json.loads((DEV if options.dev else HELD_OUT).read_text(encoding="utf-8"))
    chosen = [Question.of(item) for item in items if item.get("spoken") or not options.spoken]
    if options.limit and options.limit < len(chosen):
        step = len(chosen) / options.limit
        chosen = [chosen[int(number * step)] for number in range(options.limit)]
    return chosen


def sample_base() -> Base:
    """Return what the sample base says, without the questions that it declines."""
    entries = json.loads(SAMPLE.read_text(encoding="utf-8"))["entries"]
    known = [entry for entry in entries if entry.get("kind") != "declined"]
    answers, titles = ({entry["id"]: entry[name] for entry in known} for name in ("answer", "title"))
    return Base(answers, titles, NAMES)


def print_report(graded: Sequence[Graded], options: argparse.Namespace) -> None:
    for decision in ("false", "beside"):
        print(f"\n{decision}:\n{report.listed(graded, decision)}")
    unhelpful = [item for item in graded if not item.verdict.helpful]
    print(f"\nrefused though the base knows:\n{report.listed(unhelpful, 'refused')}")
    print(f"\ndisputed:\n{report.disputed(graded)}\n\n{report.table(graded)}")
    name = "-".join(["truth", *(word for word in ("dev", "spoken") if getattr(options, word))])
    ANSWERS.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(_as_dict(item), ensure_ascii=False) for item in graded)
    (ANSWERS / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


# -- in a process with the installation's settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said; ``way`` and ``stopped`` as in ``Graded``; ``heard`` is what was understood by voice."""

    text: str
    way: str
    stopped: tuple[str, ...] = ()
    heard: str = ""


async def answer_of(plan: CallPlan, question: Question) -> Answer:
    """Return what a call answers, its earlier utterances answered before."""
    from knowledge.rag import RAGSystem

    assert plan.knowledge_base is not None
    rag, topic = RAGSystem(plan.knowledge_base), ""
    history: list[Message] = []
    for utterance in question.before:
        answer, topic = await _answered(plan, rag, utterance, topic, history)
        _remember(history, utterance, answer.text)
    answer, _ = await _answered(plan, rag, question.question, topic, history)
    return answer


async def _answered(
    plan: CallPlan, rag: RAGSystem, utterance: str, topic: str, history: list[Message]
) -> tuple[Answer, str]:
    """Return the answer, and what the next utterance may lean on."""
    from aiker.calls import answering
    from aiker.calls.engines import make_llm
    from engines.errors import EngineError

    found = await _searched(rag, utterance, topic, plan.passages)
    if fixed := answering.fixed_answer(utterance, found, plan):
        return Answer(fixed, "as written" if found.spoken else "fixed"), found.topic
    messages = answering.messages(plan.system_prompt, history, utterance, answering.shown(found.passages))
    llm = make_llm(plan)
    for _ in range(MAX_TRIES):
        try:
            pieces = [piece async for piece in llm.stream(messages, lambda _served: None)]
        except EngineError as exc:
            print(f"asked again: {exc.message}", file=sys.stderr)
        else:
            return Answer("".join(pieces), "model"), found.topic
    return Answer(plan.apology, "failed"), found.topic


async def _searched(rag: RAGSystem, utterance: str, topic: str, k: int) -> Found:
    """Return what is found, by meaning and by words: a search that was too slow for one of them again."""
    for _ in range(MAX_TRIES):
        found = await rag.search(utterance, before=topic, k=k)
        if found.result.failed is None:
            return found
    raise found.result.failed


def patient(plan: CallPlan) -> CallPlan:
    """Return the plan with engines that are waited for (see ``PATIENCE_S``)."""

    def waited_for(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
        return tuple(replace(endpoint, timeout_s=PATIENCE_S) for endpoint in endpoints)

    engines = replace(plan.engines, stt=waited_for(plan.engines.stt), llm=waited_for(plan.engines.llm))
    return replace(plan, engines=engines)


def _remember(history: list[Message], asked: str, said: str) -> None:
    from aiker.calls.memory import remember

    remember(history, asked, said)


async def asked_by_voice(
    plan: CallPlan, chosen: Sequence[Question]
) -> AsyncIterator[tuple[Question, Answer]]:
    """Yield each question, spoken, with its answer; what recognition made of it is in ``heard``."""
    from django.conf import settings

    from aiker.calls.engines import make_stt
    from bench.truth_voices import Callers

    callers, stt = Callers(settings.AIKER.data_dir / "cache"), make_stt(plan)
    for number, question in enumerate(chosen):
        heard = []
        for utterance in [*question.before, question.question]:
            transcript = await stt.transcribe(callers.says(utterance, number), lambda _served: None)
            heard.append(plan.lexicon.correct(transcript))
        understood = replace(question, before=tuple(heard[:-1]), question=heard[-1])
        answer = await answer_of(plan, understood) if heard[-1] else Answer("", "not understood")
        yield question, replace(answer, heard=heard[-1])


async def asked_in_writing(
    plan: CallPlan, chosen: Sequence[Question]
) -> AsyncIterator[tuple[Question, Answer]]:
    for question in chosen:
        yield question, await answer_of(plan, question)


async def ask_all(plan: CallPlan, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Ask, print each answer as it comes, and return all as ``_graded`` reads them."""
    base, ask, found = sample_base(), asked_by_voice if options.spoken else asked_in_writing, []
    async for question, answer in ask(plan, questions(options)):
        verdict = grade(question, answer.text, base)
        item = Graded(question, answer.text, verdict, answer.way, answer.stopped, answer.heard)
        print(report.line(item), flush=True)
        found.append(_as_dict(item))
    return found


def _as_dict(item: Graded) -> dict[str, Any]:
    kept = {name: value for name, value in asdict(item.question).items() if value}
    if item.question.now:
        kept["now"] = item.question.now.isoformat()
    return asdict(item) | {"question": kept}


def _graded(item: dict[str, Any]) -> Graded:
    question, verdict = Question.of(item["question"]), Verdict(**item["verdict"])
    return Graded(**{**item, "question": question, "verdict": verdict, "stopped": tuple(item["stopped"])})


def measure(arguments: Sequence[str]) -> None:
    import django

    django.setup()
    from aiker.calls.plan import load_plan

    plan = load_plan(ASSISTANT)
    if plan is None:
        raise SystemExit(f"no assistant {ASSISTANT}")
    print(json.dumps(asyncio.run(ask_all(patient(plan), parsed(arguments))), ensure_ascii=False))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiker.settings")
    measure(sys.argv[1:])
