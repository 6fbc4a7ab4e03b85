"""Whether callers are told the truth: ``python -m bench truth [--dev] [--spoken] [--limit N] [--modes ...]``.

::

    python -m bench truth                                # the held-out questions, typed
    python -m bench truth --spoken                       # those that are marked, by voice over a noisy line
    python -m bench truth --fresh                        # others, written after the last tuning
    python -m bench truth --dev --limit 20               # of the development questions, 20 from all kinds
    python -m bench truth --modes auto,unguarded,written # side by side, see ``MODES``
    python -m bench truth --llm qwen2.5-1.5b             # another language model of the catalogue
    python -m bench truth --dev --grade-again            # the last run's answers, by the rules of today

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
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aiker.config import BASE_DIR
from bench import truth_report as report
from bench.own_process import in_its_own
from bench.report import Metric
from bench.truth_grading import Base, Question, grade
from bench.truth_report import Graded
from tests.installation import Installation

if TYPE_CHECKING:
    from aiker.calls.plan import CallPlan
    from engines.routing import Endpoint
    from knowledge.models import IndexVersion

SETS = {
    name: Path(__file__).with_name(f"truth_{file}.json")
    for name, file in (("held_out", "questions"), ("fresh", "fresh"), ("dev", "dev"))
}
SAMPLE = BASE_DIR / "knowledge" / "data" / "onesuite-business-data.json"
ANSWERS = BASE_DIR / "var" / "bench"
ASSISTANT = "anna"
# What the sample base has several of: an answer about another one is no answer.
NAMES = (
    *("浦江", "静安", "国贸", "南山", "西湖", "广州"),
    *("流动工位", "固定工位", "日卡", "月卡", "虚拟办公室", "小会议室", "大会议室", "多功能厅"),
    *("标准版", "专业版", "企业版"),
)
ASKED_AT = datetime(2026, 12, 8, 10, 0)
"""When a question is asked that says nothing of it: a Tuesday morning, everything open."""
PATIENCE_S, MAX_TRIES = 120.0, 5
"""What a busy machine takes longer for is waited for: this bench is not about time."""


@dataclass(frozen=True, slots=True)
class Mode:
    """Who words answers (``knowledge.models.content.Phrasing``), and whether the guard checks the model."""

    phrasing: str
    guarded: bool = True


MODES = {
    "auto": Mode("auto"),
    "unguarded": Mode("auto", guarded=False),
    "written": Mode("written"),
    "model": Mode("model"),
    "model-unguarded": Mode("model", guarded=False),
}


def run(arguments: Sequence[str] = ()) -> Sequence[Metric]:
    """Start Aiker, ask, print what came of it, and return the figures of the first mode."""
    options = parsed(arguments)
    if not options.grade_again:
        llm = {"AIKER_LLM_MODEL": options.llm} if options.llm else {}
        with installed(options.data) as folder, Installation(folder, **llm) as aiker:
            env = aiker.env | {"DJANGO_SETTINGS_MODULE": "aiker.settings", "AIKER_LOG_LEVEL": "ERROR"}
            in_its_own("bench.truth", *arguments, env=env)
    graded = {mode: _graded(answers_file(options, mode), options) for mode in options.modes}
    for mode, items in graded.items():
        print(f"\n=== {mode}\n{report.lists(items)}\n\n{report.table(items)}")
    if len(graded) > 1:
        print(f"\n{report.side_by_side(graded)}")
    name = "spoken" if options.spoken else ""
    return list(report.metrics(graded[options.modes[0]], name))


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench truth")
    chosen = parser.add_mutually_exclusive_group()
    for name, text in (
        ("dev", "the development questions"),
        ("fresh", "those written after tuning"),
    ):
        chosen.add_argument(f"--{name}", dest="set", action="store_const", const=name, help=text)
    parser.set_defaults(set="held_out")
    parser.add_argument(
        "--spoken", action="store_true", help="by voice, the questions that are marked for it"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="N questions, spread over all kinds")
    parser.add_argument("--modes", type=_modes, default=["auto"], help=f"some of {','.join(MODES)}")
    parser.add_argument(
        "--llm", metavar="ID", help="the language model; without it, the installation's choice"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="keep the installation there: the next start is quick"
    )
    parser.add_argument("--grade-again", action="store_true", help="ask nothing; judge the last answers anew")
    return parser.parse_args(arguments)


def _modes(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(MODES):
        raise argparse.ArgumentTypeError(f"no mode {', '.join(sorted(unknown))}")
    return names


@contextmanager
def installed(data: Path | None) -> Iterator[Path]:
    """Yield the installation's folder: the one to keep, or one that goes when the bench is over."""
    if data:
        data.mkdir(parents=True, exist_ok=True)
        yield data.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder:
        yield Path(folder)


def questions(name: str) -> dict[str, Question]:
    """Return the questions of a set by id, each with the time it is asked at."""
    items = json.loads(SETS[name].read_text(encoding="utf-8"))
    asked = (Question.of(item) for item in items)
    return {question.id: replace(question, now=question.now or ASKED_AT) for question in asked}


def chosen(options: argparse.Namespace) -> list[Question]:
    """Return what is asked, in the order of the file."""
    asked = [
        question for question in questions(options.set).values() if question.spoken or not options.spoken
    ]
    if options.limit and options.limit < len(asked):
        step = len(asked) / options.limit
        asked = [asked[int(number * step)] for number in range(options.limit)]
    return asked


def sample_base() -> Base:
    """Return what the sample base says, without the questions that it declines."""
    entries = json.loads(SAMPLE.read_text(encoding="utf-8"))["entries"]
    known = [entry for entry in entries if entry.get("kind") != "declined"]
    answers, titles = ({entry["id"]: entry[name] for entry in known} for name in ("answer", "title"))
    return Base(answers, titles, NAMES)


def answers_file(options: argparse.Namespace, mode: str) -> Path:
    words = ["truth", options.set, *(["spoken"] if options.spoken else []), mode]
    return ANSWERS / f"{'-'.join(words + ([options.llm] if options.llm else []))}.jsonl"


def _graded(path: Path, options: argparse.Namespace) -> list[Graded]:
    """Return the answers of a file, judged, and write the verdicts beside them."""
    base, known = sample_base(), questions(options.set)
    answers = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    graded = []
    for answer in answers:
        answer.pop("verdict", None)
        if question := known.get(answer["id"]):
            verdict = grade(question, answer["said"], base)
            graded.append(Graded(question, answer["said"], verdict, answer["way"], answer["heard"]))
            answer["verdict"] = asdict(verdict)
    path.write_text(
        "".join(f"{json.dumps(item, ensure_ascii=False)}\n" for item in answers), encoding="utf-8"
    )
    return graded


# -- in a process with the installation's settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said, which way it came, and what of the model's text the guard stopped.

    ``heard`` is what was understood of a question by voice.
    """

    said: str
    way: str
    stopped: Sequence[dict[str, str]] = ()
    heard: str = ""


async def answer_of(plan: CallPlan, version: IndexVersion, mode: Mode, question: Question) -> Answer:
    """Return what a call answers, its earlier utterances answered before."""
    from django.utils import timezone

    from aiker.calls.asking import Conversation
    from aiker.calls.engines import make_reranker
    from knowledge.rag import RAGSystem

    version.base.phrasing = mode.phrasing
    rag = RAGSystem.of(version, make_reranker(plan))
    # Only the answers of a plan with knowledge are guarded.
    conversation = Conversation.of(plan if mode.guarded else replace(plan, knowledge_base=None), rag)
    assert question.now is not None
    conversation.now = timezone.make_aware(question.now)
    for utterance in [*question.before, question.question]:
        for _ in range(MAX_TRIES):
            reply = await conversation.ask(utterance)
            if not reply.error:
                break
            print(f"asked again: {reply.error}", file=sys.stderr)
    return Answer(reply.text, f"failed: {reply.error}" if reply.error else reply.way, reply.stopped)


def patient(plan: CallPlan) -> CallPlan:
    """Return the plan with engines that are waited for (see ``PATIENCE_S``)."""

    def waited_for(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
        return tuple(replace(endpoint, timeout_s=PATIENCE_S) for endpoint in endpoints)

    engines = replace(plan.engines, stt=waited_for(plan.engines.stt), llm=waited_for(plan.engines.llm))
    return replace(plan, engines=engines)


async def by_voice(plan: CallPlan, asked: Sequence[Question]) -> AsyncIterator[tuple[Question, str]]:
    """Yield each question in the words that recognition, corrected as in a call, makes of it; and these."""
    from django.conf import settings

    from aiker.calls.engines import make_stt
    from bench.truth_voices import Callers

    callers, stt = Callers(settings.AIKER.data_dir / "cache"), make_stt(plan)
    for number, question in enumerate(asked):
        heard = []
        for utterance in [*question.before, question.question]:
            transcript = await stt.transcribe(callers.says(utterance, number), lambda _served: None)
            heard.append(plan.lexicon.correct(transcript))
        yield replace(question, before=tuple(heard[:-1]), question=heard[-1]), " / ".join(heard)


async def in_writing(_plan: CallPlan, asked: Sequence[Question]) -> AsyncIterator[tuple[Question, str]]:
    for question in asked:
        yield question, ""


async def ask_all(plan: CallPlan, version: IndexVersion, options: argparse.Namespace) -> None:
    """Ask in every mode, print each answer as it comes, and write it to the mode's file."""
    ANSWERS.mkdir(parents=True, exist_ok=True)
    files = {mode: answers_file(options, mode) for mode in options.modes}
    for path in files.values():
        path.write_text("", encoding="utf-8")
    spoken = by_voice if options.spoken else in_writing
    async for question, heard in spoken(plan, chosen(options)):
        for mode, path in files.items():
            answer = replace(await answer_of(plan, version, MODES[mode], question), heard=heard)
            print(f"{mode} | {question.id} | {question.question} | {answer.said} | {answer.way}", flush=True)
            with path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"id": question.id, **asdict(answer)}, ensure_ascii=False) + "\n")


def measure(arguments: Sequence[str]) -> None:
    import django

    django.setup()
    from aiker.calls.plan import load_plan
    from knowledge.models import KnowledgeBase

    plan = load_plan(ASSISTANT)
    if plan is None or plan.knowledge_base is None:
        raise SystemExit(f"no assistant {ASSISTANT} with a knowledge base")
    version = (
        KnowledgeBase.objects.select_related("active_version__base")
        .get(pk=plan.knowledge_base)
        .active_version
    )
    if version is None:
        raise SystemExit("the knowledge base has no live index")
    asyncio.run(ask_all(patient(plan), version, parsed(arguments)))
    print("null")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiker.settings")
    measure(sys.argv[1:])
