"""Measure Aiker: ``python -m bench``, or some of the names in ``BENCHES``.

Each bench prints a table; ``docs/performance.md`` keeps the figures and what was predicted. What a bench
returns as metrics is compared with the last committed result (``bench/results``) and written to
``var/bench``, as JSON and as ``report.md``; ``--save`` makes it the committed one. Numbers go to the benches
that take some: passages to ``knowledge`` (``python -m bench knowledge 10000 100000``), rounds to ``compare``,
minutes to ``soak``, turns to ``pages``, questions to ``rehearsal``. ``truth`` takes the options that follow
it (``bench.truth``), ``line`` the names of scenes or of their kinds, ``paused`` ``--dev``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from aiker.config import BASE_DIR
from bench import (
    barge_in,
    batching,
    call,
    canary,
    compare,
    end_of_turn,
    knowledge,
    lexicon,
    line,
    load,
    media_path,
    memory,
    pages,
    paused_speech,
    rehearsal,
    retrieval_quality,
    soak,
    truth,
)
from bench.report import COMMITTED, Metric, Result, machine, markdown

Bench = Callable[..., Sequence[Metric] | None]

BENCHES: dict[str, Bench] = {
    "media": media_path.run,
    "batching": batching.run,
    "call": call.run,
    "compare": compare.run,
    "barge-in": barge_in.run,
    "memory": memory.run,
    "lexicon": lexicon.run,
    "quality": retrieval_quality.run,
    "turns": end_of_turn.run,
    "paused": paused_speech.run,
    "knowledge": knowledge.run,
    "load": load.run,
    "soak": soak.run,
    "pages": pages.run,
    "truth": truth.run,
    "rehearsal": rehearsal.run,
    "canary": canary.run,
    "line": line.run,
}
WITH_NUMBERS: dict[str, Callable[[list[int]], Sequence[Metric] | None]] = {
    "knowledge": knowledge.run,
    "soak": soak.run,
    "pages": lambda numbers: pages.run(numbers[0]),
    "rehearsal": lambda numbers: rehearsal.run(numbers[0]),
    "compare": lambda numbers: compare.run(rounds=numbers[0]),
}
WITH_WORDS: dict[str, Callable[[list[str]], Sequence[Metric] | None]] = {
    "truth": truth.run,
    "line": line.run,
    "paused": paused_speech.run,
}
LATEST = BASE_DIR / "var" / "bench"


def main(arguments: list[str]) -> int:
    save = "--save" in arguments
    words = [argument for argument in arguments if argument != "--save"]
    if words and words[0] in WITH_WORDS:
        return measure(words[:1], lambda name: WITH_WORDS[name](words[1:]), save=save)
    names = [word for word in words if not word.isdecimal()]
    numbers = [int(word) for word in words if word.isdecimal()]
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no bench {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    return measure(
        names or list(BENCHES),
        lambda name: WITH_NUMBERS[name](numbers) if numbers and name in WITH_NUMBERS else BENCHES[name](),
        save=save,
    )


def measure(names: Sequence[str], run: Callable[[str], Sequence[Metric] | None], *, save: bool) -> int:
    """Run benches, and write the report of those that found figures."""
    tables = []
    for name in names:
        print(f"\n== {name}", flush=True)
        found_on = machine()
        found = run(name)
        if found:
            tables.append(keep(Result(name, tuple(found), machine=found_on), save=save))
    if tables:
        (LATEST / "report.md").write_text("\n".join(["# Bench\n", *tables]), encoding="utf-8")
        print(f"\nreport: {LATEST / 'report.md'}")
    return 0


def keep(result: Result, *, save: bool) -> str:
    """Print a result beside the committed one, write it down, and return its table."""
    table = markdown(result, Result.load(result.bench, COMMITTED))
    print(f"\n{table}", flush=True)
    result.save(LATEST)
    if save:
        result.save(COMMITTED)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
