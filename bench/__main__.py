"""Measure Aiker: ``python -m bench``, or some of media, batching, call, barge-in, memory, lexicon, quality,
turns, knowledge.

Each bench prints a table; ``docs/performance.md`` keeps the figures and what was predicted. A number is the
size of the base of ``knowledge``, in passages: ``python -m bench knowledge 10000 100000``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench import (
    barge_in,
    batching,
    call,
    end_of_turn,
    knowledge,
    lexicon,
    media_path,
    memory,
    retrieval_quality,
)

BENCHES: dict[str, Callable[..., None]] = {
    "media": media_path.run,
    "batching": batching.run,
    "call": call.run,
    "barge-in": barge_in.run,
    "memory": memory.run,
    "lexicon": lexicon.run,
    "quality": retrieval_quality.run,
    "turns": end_of_turn.run,
    "knowledge": knowledge.run,
}


def main(arguments: list[str]) -> int:
    names = [argument for argument in arguments if not argument.isdecimal()]
    sizes = [int(argument) for argument in arguments if argument.isdecimal()]
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no bench {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for name in names or BENCHES:
        print(f"\n== {name}")
        if name == "knowledge" and sizes:
            knowledge.run(sizes)
        else:
            BENCHES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
