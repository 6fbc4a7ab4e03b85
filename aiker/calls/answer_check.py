"""Golden questions answered by an assistant's language model, and its answers checked.

::

    run = begin(assistant, user)                 # a row; nothing is asked yet
    carry_out(run, limit=20)                     # asks; the row fills up on the way
    run.figures["right"], run.figures["answers_refused"], run.results[0]["said"]

What is said is decided as in a call (``aiker.calls.answering``); nothing is spoken. A wording is right when
its answer says every fact it must and none it must not, or, where the base does not know, declines.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _

from aiker.calls.engines import make_llm, make_reranker
from aiker.calls.models import Assistant
from aiker.calls.plan import CallPlan, plan_for
from aiker.calls.trying import Answer, word
from engines.adapters.llm_adapter import LLMAdapter
from engines.errors import EngineError
from engines.profiles import ProfileError
from knowledge import golden
from knowledge.embedding import batches
from knowledge.errors import KnowledgeError
from knowledge.golden_file import says
from knowledge.models import GoldenQuestion, GoldenRun
from knowledge.rag import Found, RAGSystem

SAVED_EVERY = 10
FAILURES = 3
"""So many failed answers in a row end a check."""
# How a model says that it does not know, as its instructions and examples teach it.
DECLINES = re.compile(
    r"不太?清楚|不知道|不确定|转.{0,3}人工|人工(?:客服|确认)|(?:没有|没).{0,6}(?:信息|资料|提到)"
)


def begin(assistant: Assistant, user: User | None = None) -> GoldenRun:
    """Return the row of a check on the live version; KnowledgeError says what is missing for one."""
    base = assistant.knowledge_base
    if base is None or base.active_version is None:
        text = _("%(assistant)s has no knowledge base with a live index.")
        raise KnowledgeError("check", "index_missing", text % {"assistant": assistant.name})
    if not base.golden_questions.filter(is_active=True).exists():
        text = _("The knowledge base %(base)s has no golden questions.")
        raise KnowledgeError("check", "empty", text % {"base": base.name})
    return golden.begin(base.active_version, user, assistant.slug)


def carry_out(run: GoldenRun, limit: int | None = None) -> GoldenRun:
    """Ask the first ``limit`` questions (None: all); what went wrong is in ``run.error``."""
    questions = golden.questions_of(run.version.base)[:limit]
    try:
        plan = plan_for(Assistant.objects.select_related("profile").get(slug=run.assistant))
        fill(run, plan, questions)
    except Assistant.DoesNotExist:
        run.error = _("The assistant was deleted.")
    except ProfileError as exc:
        run.error = str(exc)
    except (KnowledgeError, EngineError) as exc:
        run.error = exc.message
    run.figures = figures(run.results)
    run.finished_at = timezone.now()
    run.save()
    return run


def fill(run: GoldenRun, plan: CallPlan, questions: list[GoldenQuestion]) -> None:
    """Add a result for each wording; saved now and then, for the page that shows the run."""
    rag, llm = RAGSystem.of(run.version, make_reranker(plan)), make_llm(plan)
    with asyncio.Runner() as runner:
        for batch in batches(questions, SAVED_EVERY):
            runner.run(answer_all(rag, llm, plan, batch, run.results))
            run.save(update_fields=["results"])


async def answer_all(
    rag: RAGSystem,
    llm: LLMAdapter,
    plan: CallPlan,
    questions: Sequence[GoldenQuestion],
    results: list[dict[str, Any]],
) -> None:
    """Add a result for each wording; raises what the search raises, and EngineError when none answers."""
    for question in questions:
        for wording in question.wordings():
            found = await rag.search(wording, before=question.before, k=plan.passages)
            if found.result.failed:
                raise found.result.failed
            item = await tried(llm, plan, question, wording, found)
            results.append(golden.outcome(question, wording, found, plan.passages) | item)
            last = results[-FAILURES:]
            if len(last) == FAILURES and all("error" in result for result in last):
                raise EngineError("llm", "broken", results[-1].get("error", ""))


async def tried(
    llm: LLMAdapter, plan: CallPlan, question: GoldenQuestion, wording: str, found: Found
) -> dict[str, Any]:
    """Return what was said and whether it is right; an answer that failed is wrong."""
    try:
        said, token_ms = await answered(llm, plan, wording, found)
    except EngineError as exc:
        return judged(question, "") | {"right": False, "token_ms": None, "error": exc.message}
    return judged(question, said) | {"token_ms": token_ms}


async def answered(llm: LLMAdapter, plan: CallPlan, wording: str, found: Found) -> tuple[str, float | None]:
    """Return what is said, and the milliseconds to the first token; None: the model was not asked."""
    answer = Answer()
    await word(answer, plan, wording, found, llm)
    if answer.errors:  # what a caller hears then is not the answer that is checked
        raise answer.errors[0]
    return answer.text, answer.first_token_ms and round(answer.first_token_ms, 1)


def judged(question: GoldenQuestion, said: str) -> dict[str, Any]:
    """Return whether an answer is right, and what of it is not."""
    unsaid = [fact for fact in question.must_say if not says(said, fact)]
    wrong = [fact for fact in question.must_not_say if says(said, fact)]
    declined = bool(DECLINES.search(said))
    # An answer that holds the facts may offer a human besides.
    told = question.answerable and (bool(question.must_say) or not declined)
    right = not unsaid and not wrong and (told or (not question.answerable and declined))
    return {"said": said, "unsaid": unsaid, "wrong": wrong, "declined": declined, "right": right}


def figures(results: list[dict[str, Any]]) -> dict[str, float]:
    """Return the figures of the search, and those of the answers: shares (0..1) and milliseconds."""
    token_ms, token_p95_ms = golden.median_and_p95([item["token_ms"] for item in results if item["token_ms"]])
    return golden.figures(results) | {
        "right": golden.share(item["right"] for item in results if item["answerable"]),
        "answers_refused": golden.share(item["declined"] for item in results if not item["answerable"]),
        "token_median_ms": token_ms,
        "token_p95_ms": token_p95_ms,
    }
