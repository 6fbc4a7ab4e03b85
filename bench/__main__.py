"""Measure Aiker on this machine: ``python -m bench [media] [batching] [call] [memory]``, or everything.

Each bench prints a table; ``docs/performance.md`` keeps the figures and what was predicted.
"""

from __future__ import annotations

import sys

from bench import batching, call, media_path, memory

BENCHES = {"media": media_path.run, "batching": batching.run, "call": call.run, "memory": memory.run}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no bench {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for name in names or BENCHES:
        print(f"\n== {name}")
        BENCHES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
