"""Measure Aiker: ``python -m bench``, or some of media, batching, call, memory, lexicon, quality, knowledge,
load, soak.

Each bench prints a table; ``docs/performance.md`` keeps the figures and what was predicted. A number is the
size of the base of ``knowledge``, in passages (``python -m bench knowledge 10000 100000``), or the length of
``soak`` in minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench import batching, call, knowledge, lexicon, load, media_path, memory, retrieval_quality, soak

BENCHES: dict[str, Callable[..., None]] = {
    "media": media_path.run,
    "batching": batching.run,
    "call": call.run,
    "memory": memory.run,
    "lexicon": lexicon.run,
    "quality": retrieval_quality.run,
    "knowledge": knowledge.run,
    "load": load.run,
    "soak": soak.run,
}
SIZED: dict[str, Callable[[list[int]], None]] = {"knowledge": knowledge.run, "soak": soak.run}


def main(arguments: list[str]) -> int:
    names = [argument for argument in arguments if not argument.isdecimal()]
    sizes = [int(argument) for argument in arguments if argument.isdecimal()]
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no bench {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for name in names or BENCHES:
        print(f"\n== {name}")
        if name in SIZED and sizes:
            SIZED[name](sizes)
        else:
            BENCHES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
