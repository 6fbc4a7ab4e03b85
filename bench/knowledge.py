"""A knowledge base of 10,000 passages, or of others: ``python -m bench knowledge [10000 100000]``.

Real processes (Chroma, engine server with the embedding model, indexer) in a data directory of their own; the
process of the bench searches as a call does. Measured: what live questions feel of the indexer's batches, a
build and a rebuild under live traffic, retrieval, and the way of an edit from its save to a turn.

10,000 passages take about 6 minutes on 2 cores, 100,000 about an hour.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.knowledge_processes import Processes
from tests.ports import free_port

if TYPE_CHECKING:
    from knowledge.models import Document, IndexVersion, KnowledgeBase
    from knowledge.rag import Found, RAGSystem

DEFAULT = (10_000,)
TARGET_MS = {10_000: 40, 100_000: 80}
TARGET_EDIT_MS = 2000
PAUSE_S = 0.3
"""Between two live questions: eight calls ask about so often."""
EDITS = 30
EDIT_EVERY_S = 3.0
REBUILD_S = 3600.0
"""A rebuild of a large base is measured for so long, then given up."""
PROBES = 5
BATCHES = (4, 8, 16, 32)
ROUNDS = 2


def run(sizes: Sequence[int] = DEFAULT) -> None:
    """Print the measurements of each size, made in a process of its own."""
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="aiker-bench-") as folder:
            ports = ("AIKER_ENGINES_PORT", "AIKER_CHROMA_PORT")
            env = os.environ | {name: str(free_port()) for name in ports}
            env |= {"AIKER_DATA_DIR": folder, "AIKER_LOG_LEVEL": "WARNING", "AIKER_LANGUAGE": "en"}
            env |= {"DJANGO_SETTINGS_MODULE": "aiker.settings"}
            subprocess.run([sys.executable, "-m", "bench.knowledge", str(size)], env=env, check=True)


def measure(size: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    folder = Path(os.environ["AIKER_DATA_DIR"])
    with Processes(folder) as processes:
        asyncio.run(Bench(size, folder, processes).run())


@dataclass
class Traffic:
    """Live questions, one after the other, until it is stopped; what each found and took (ms)."""

    rag: RAGSystem
    questions: Sequence[str]
    found: list[Found] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    async def __aenter__(self) -> Traffic:
        self._task = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _ask(self) -> None:
        from knowledge.errors import RetrievalError

        number = 0
        while True:
            number += 1
            began = time.perf_counter()
            try:
                self.found.append(await self.rag.search(self.questions[number % len(self.questions)]))
            except RetrievalError as exc:
                self.lost.append(exc.message)
            self.took.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(PAUSE_S)

    def mixed(self) -> int:
        """Return how many answers hold passages of two builds: each build marks its keys."""
        marks = [{p.key.partition("@")[2] for p in f.passages if "probe" not in p.key} for f in self.found]
        return sum(len(found) > 1 for found in marks)

    def line(self) -> str:
        alone = sum(found.result.failed is not None for found in self.found)
        return (
            f"{len(self.took)} live questions: {centiles(self.took)}; without an index {len(self.lost)}, "
            f"by words alone {alone}, of two versions {self.mixed()}"
        )


@dataclass
class Bench:
    """One base of one size, from its making to its measures."""

    size: int
    folder: Path
    processes: Processes

    async def run(self) -> None:
        from asgiref.sync import sync_to_async

        from knowledge.rag import RAGSystem

        golden, base = await sync_to_async(prepare)()
        questions = [wording for question in golden for wording in question.wordings()]
        await self.batches(questions)
        await self.until_built(base)
        rag = RAGSystem(base.pk)
        await rag.search(questions[0])  # the words and the connections are loaded
        made = await sync_to_async(generate)(base, self.size)
        print(f"\n{self.size} passages in {made} documents and the sample data", flush=True)
        await sync_to_async(mark)(base, 2)
        await self.build(base, rag, questions, "build, all texts embedded")
        await self.retrieval(rag, {text: set(one.expect) for one in golden for text in one.wordings()})
        await self.edits(base, rag, questions)
        await sync_to_async(mark)(base, 3)
        await self.build(base, rag, questions, "rebuild, vectors copied", limit_s=REBUILD_S)
        for name, megabytes in self.processes.memory_mb().items():
            print(f"memory of {name:18} {megabytes:6.0f} MB")

    # -- building ---------------------------------------------------------------

    async def build(
        self,
        base: KnowledgeBase,
        rag: RAGSystem,
        questions: Sequence[str],
        name: str,
        limit_s: float = float("inf"),
    ) -> None:
        """Ask for a version, wait for it under live questions and edits, and print what it was like."""
        from asgiref.sync import sync_to_async

        from knowledge.versions import request_version

        began = time.perf_counter()
        version = await sync_to_async(request_version)(base, name)
        edited: list[float] = []
        async with Traffic(rag, questions) as traffic:
            while await self.building(version) and time.perf_counter() - began < limit_s:
                edited.append(await edit_to_turn(base, rag, len(edited) % PROBES))
                await asyncio.sleep(EDIT_EVERY_S)
            await asyncio.sleep(2)  # some more questions, to the new version
        seconds = time.perf_counter() - began
        done, state = version.done_count, version.state
        chunks = version.chunk_count or "?"
        print(f"{name}: {state}, {done} documents, {chunks} passages in {seconds:.0f} s {version.error}")
        if version.chunk_count:
            rate = version.chunk_count / seconds
            print(f"  {rate:.0f} passages and {version.vector_count / seconds:.0f} vectors a second")
        print(f"  {traffic.line()}")
        print(f"  {len(edited)} edits meanwhile, save to turn: {centiles(edited)}")
        print(f"  disk: {self.disk()}", flush=True)

    async def building(self, version: IndexVersion) -> bool:
        await version.arefresh_from_db()
        return version.state == version.State.BUILDING

    async def until_built(self, base: KnowledgeBase) -> None:
        unfinished = base.changes.aexists, base.versions.filter(state="building").aexists
        while [True for waits in unfinished if await waits()] or base.active_version_id is None:
            await asyncio.sleep(0.2)  # the indexer is another process
            await base.arefresh_from_db()

    def disk(self) -> str:
        sizes = {
            name: sum(path.stat().st_size for path in (self.folder / name).rglob("*") if path.is_file())
            for name in ("chroma", "index")
        }
        return ", ".join(f"{name} {size / 2**20:.0f} MB" for name, size in sizes.items())

    # -- searching --------------------------------------------------------------

    async def retrieval(self, rag: RAGSystem, expected: Mapping[str, set[str]]) -> None:
        """Ask the golden questions; ``expected`` are the keys that answer each, none: nothing does."""
        found = [(text, await rag.search(text)) for _ in range(ROUNDS) for text in expected]
        results = [one.result for _text, one in found]
        target = TARGET_MS.get(self.size)
        print(f"retrieval, {len(results)} golden questions (p95 at most {target or '?'} ms)")
        for part in ("total", "embed", "dense", "keyword"):
            print(f"  {part:8} {centiles([getattr(result, f'{part}_ms') for result in results])}")
        right = [bool(expected[text] & keys(one)) for text, one in found if expected[text]]
        refused = [not one.passages for text, one in found if not expected[text]]
        print(f"  found among 3: {np.mean(right):.3f}; refused of the unanswerable: {np.mean(refused):.3f}")

    async def edits(self, base: KnowledgeBase, rag: RAGSystem, questions: Sequence[str]) -> None:
        """Edit one entry after the other while calls search."""
        applied: list[float] = []
        async with Traffic(rag, questions) as traffic:
            turns = [await edit_to_turn(base, rag, n % PROBES, applied) for n in range(EDITS)]
        print(f"{EDITS} edits of one entry, save to index: {centiles(applied)}")
        print(f"  save to turn (p95 at most {TARGET_EDIT_MS} ms): {centiles(turns)}")
        print(f"  {traffic.line()}", flush=True)

    async def batches(self, questions: Sequence[str]) -> None:
        """Embed as the indexer does, with batches of different sizes, while live questions are embedded."""
        from bench.generated_base import entries
        from knowledge.embedding import AsyncEmbedder, Embedder

        parts = [(entry.title, part) for entry in entries(1000) for part in entry.answer.split("\n\n")]
        texts = [f"{title}：{part}" for title, part in parts][:800]
        live, indexer = AsyncEmbedder(), Embedder()
        print("texts a request | texts a second | a live question's embedding meanwhile")
        for size in BATCHES:
            waits: list[float] = []
            began = time.perf_counter()
            work = asyncio.create_task(asyncio.to_thread(embed_in_batches, indexer, texts, size))
            while not work.done():
                asked = time.perf_counter()
                await live.embed([questions[len(waits) % len(questions)]])
                waits.append((time.perf_counter() - asked) * 1000)
                await asyncio.sleep(0.1)
            print(f"{size:15} | {len(texts) / (time.perf_counter() - began):14.0f} | {centiles(waits)}")


def embed_in_batches(embedder: Any, texts: Sequence[str], size: int) -> None:
    for start in range(0, len(texts), size):
        embedder.embed(texts[start : start + size])


def prepare() -> tuple[list[Any], KnowledgeBase]:
    """Load the sample data and documents to edit; return the golden questions and the base."""
    from knowledge.golden_file import read_golden
    from knowledge.importing import store_entries
    from knowledge.loaders import read
    from knowledge.management.commands.load_knowledge import SAMPLE
    from knowledge.models import Document, KnowledgeBase

    base = KnowledgeBase.objects.create(name="bench", slug="bench")
    store_entries(base, read(SAMPLE), SAMPLE.name)
    for number in range(PROBES):
        title = f"第{number}号样品间"
        Document.objects.create(
            base=base, key=f"probe-{number}", title=title, question=f"{title}现在开放吗？", answer="开放。"
        )
    golden = read_golden(SAMPLE.with_name("onesuite-golden-questions.json"))
    return golden.questions, base


def generate(base: KnowledgeBase, size: int) -> int:
    from bench.generated_base import entries
    from knowledge.models import Document

    rows: Iterable[Document] = (
        Document(
            base=base,
            key=entry.key,
            title=entry.title,
            question=entry.question,
            answer=entry.answer,
            category=entry.category,
        )
        for entry in entries(size)
    )
    return len(Document.objects.bulk_create(rows, batch_size=1000))


def mark(base: KnowledgeBase, build: int) -> None:
    """Put the number of the build to come into the key of each document, past the index that is live."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE knowledge_document SET key = substr(key, 1, instr(key || '@', '@') - 1) || %s "
            "WHERE base_id = %s AND key NOT LIKE 'probe%%'",
            [f"@{build}", base.pk],
        )


async def edit_to_turn(
    base: KnowledgeBase, rag: RAGSystem, number: int, applied: list[float] | None = None
) -> float:
    """Save a document and return the ms until a search gives its text; ``applied``: until it is indexed."""
    from knowledge.models import Document

    document = await Document.objects.select_related("base").aget(base=base, key=f"probe-{number}")
    document.answer = f"开放到{time.time():.3f}。"
    began = time.perf_counter()
    await document.asave()
    if applied is not None:
        while await base.changes.filter(document_id=document.pk).aexists():  # noqa: ASYNC110 another process
            await asyncio.sleep(0.005)
        applied.append((time.perf_counter() - began) * 1000)
    while document.answer not in await texts(rag, document.question):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return (time.perf_counter() - began) * 1000


def keys(found: Found) -> set[str]:
    """Return the keys of what was found, without the mark of the build."""
    return {passage.key.partition("@")[0] for passage in found.passages}


async def texts(rag: RAGSystem, question: str) -> list[str]:
    return [passage.text for passage in (await rag.search(question)).passages]


def centiles(milliseconds: Sequence[float]) -> str:
    if not milliseconds:
        return "none"
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
    return f"p50 {p50:.0f} p95 {p95:.0f} p99 {p99:.0f} ms"


if __name__ == "__main__":
    measure(int(sys.argv[1]))
