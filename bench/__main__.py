"""Measure Aiker: ``python -m bench``, or some of media, batching, call, memory, lexicon, quality, knowledge,
pages.

Each bench prints a table; ``docs/performance.md`` keeps the figures and what was predicted. A number is the
size of the base of ``knowledge``, in passages (``python -m bench knowledge 10000 100000``), or how many turns
``pages`` has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench import batching, call, knowledge, lexicon, media_path, memory, pages, retrieval_quality

BENCHES: dict[str, Callable[..., None]] = {
    "media": media_path.run,
    "batching": batching.run,
    "call": call.run,
    "memory": memory.run,
    "lexicon": lexicon.run,
    "quality": retrieval_quality.run,
    "knowledge": knowledge.run,
    "pages": pages.run,
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
        elif name == "pages" and sizes:
            pages.run(sizes[0])
        else:
            BENCHES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
