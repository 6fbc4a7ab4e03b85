"""An edit is heard in the call that is under way; what is killed while it builds goes on where it was."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from aiker.config import BASE_DIR
from tests.e2e.admin_session import AdminSession
from tests.installation import Installation

pytestmark = [pytest.mark.models, pytest.mark.e2e]

PATIENCE_S = 120.0
QUESTION, KEY = "流动工位一个月多少钱？", "price-hot-desk"
OTHER = "客服热线的电话号码是多少？"
NEW = "流动工位月卡1200元一个月，5家店通用，任意空位随到随坐。"  # what golden questions ask for stays

# A base of three documents is live; a version of some hundred more is asked for.
SETUP = """
from bench.generated_base import entries
from knowledge.following import settle
from knowledge.models import Document, KnowledgeBase
from knowledge.versions import request_version
base = KnowledgeBase.objects.create(name="many", slug="many")
for number in range(3):
    Document.objects.create(base=base, key=f"d{number}", title=f"第{number}条", answer="开放到18点。")
settle(base)
fields = "key", "title", "question", "answer"
rows = [{name: getattr(entry, name) for name in fields} for entry in entries(600)]
Document.objects.bulk_create(Document(base=base, **row) for row in rows)
request_version(base, "killed meanwhile")
print(base.pk)
"""
# Searches as a call does until the new version answers; prints what each turn had.
SEARCHES = """
import asyncio, json
from knowledge.rag import RAGSystem
async def main():
    rag, turns = RAGSystem({base}), []
    async with asyncio.timeout({patience}):
        while len({{turn[0] for turn in turns}}) < 2:
            found = await rag.search("第1条开放到几点")
            failed = found.result.failed
            texts = [passage.title for passage in found.considered]
            turns.append([found.index_version, failed.code if failed else "", texts])
            await asyncio.sleep(0.1)
    print(json.dumps(turns))
asyncio.run(main())
"""
# What the version that was killed holds, and one that was built in peace.
CONTENTS = """
import json
from knowledge.following import follow
from knowledge.manifest import Manifest
from knowledge.models import KnowledgeBase
from knowledge.store import open_store
from knowledge.versions import request_version
from knowledge.writing import manifest_path
def contents(version):
    with Manifest.open(manifest_path(version.collection_name)) as manifest:
        ids = manifest.fingerprints()
        passages = [passage for pk in sorted(ids) for passage in manifest.passages_of(pk)]
        vectors = sorted(manifest.all_vectors())
        stored = sorted(open_store().ids(version.collection_name))
        return [ids, passages, vectors, stored, manifest.unwanted()]
base = KnowledgeBase.objects.get(slug="many")
killed = base.active_version
*_, clean = follow(request_version(base, "clean", publish=False))
print(json.dumps([killed.reason, contents(killed), contents(clean)]))
"""


def test_the_next_turn_hears_an_edit_saved_during_the_call(aiker: Installation) -> None:
    with AdminSession(aiker) as admin, ThreadPoolExecutor() as threads:
        document = ask(aiker, "SELECT id FROM knowledge_document WHERE key = ?", KEY)
        form = admin.form(f"/admin/knowledge/document/{document}/change/", "document_form")
        before, form["answer"] = str(form["answer"]), NEW
        turns = ask(aiker, "SELECT count(*) FROM calls_turn")
        call = threads.submit(aiker.call, "--say", QUESTION, "--say", OTHER, "--say", QUESTION)
        until(lambda: ask(aiker, "SELECT count(*) FROM calls_turn") > turns)
        admin.save(form)
        first, _other, last = passages(aiker, call.result()["call_id"])
        form = admin.form(f"/admin/knowledge/document/{document}/change/", "document_form")
        form["answer"] = before
        admin.save(form)  # other tests ask for the price, too
    assert (first[0], last[0]) == (before, NEW)


def test_a_build_whose_indexer_and_chroma_are_killed_equals_one_in_peace(aiker: Installation) -> None:
    base = int(shell(aiker, SETUP))
    searching = subprocess.Popen(
        [
            sys.executable,
            "manage.py",
            "shell",
            "-v",
            "0",
            "-c",
            SEARCHES.format(base=base, patience=PATIENCE_S),
        ],
        cwd=BASE_DIR,
        env=aiker.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    recoveries = aiker.output.count("chroma answers again")
    until(lambda: progress(aiker) > 10)
    aiker.child("indexer").kill()
    killed_at = progress(aiker)
    until(lambda: progress(aiker, after=killed_at))
    aiker.child(str(aiker.data_dir / "chroma")).kill()
    aiker.until("chroma answers again", recoveries + 1)

    output, _errors = searching.communicate(timeout=PATIENCE_S)
    turns: list[tuple[str, str, list[str]]] = json.loads(output.splitlines()[-1])
    assert all("第1条" in titles for _version, _failed, titles in turns), turns
    failures = {"", "unreachable", "timeout", "breaker_open", "broken"}
    assert {failed for _version, failed, _titles in turns} <= failures
    reason, killed, clean = json.loads(shell(aiker, CONTENTS))
    assert reason == "killed meanwhile"
    assert killed == clean
    assert (killed[2], killed[4]) == (killed[3], [])
    assert len(killed[0]) == 3 + 60 + 90


def passages(aiker: Installation, call_id: str) -> list[list[str]]:
    """Return what each turn of a call was answered from, best first."""
    turns = "SELECT passages FROM calls_turn WHERE call_id = ? ORDER BY number"
    given = json.loads(
        ask(aiker, f"SELECT json_group_array(json(passages)) FROM ({turns})", call_id.replace("-", ""))
    )
    return [[passage["text"] for passage in turn] for turn in given]


def progress(aiker: Installation, after: int = 0) -> int:
    """Return how many documents the build has done, 0 unless they are more than ``after``."""
    query = "SELECT done_count FROM knowledge_indexversion WHERE reason = 'killed meanwhile' AND state = ?"
    done = ask(aiker, query, "building")
    return done if done > after else 0


def ask(aiker: Installation, query: str, *values: str) -> Any:
    """Return the first value that the installation's database gives."""
    with closing(sqlite3.connect(aiker.data_dir / "aiker.sqlite3", timeout=20)) as database:
        return database.execute(query, values).fetchone()[0]


def shell(aiker: Installation, code: str) -> str:
    """Run code in the installation; return the last line it prints."""
    done = aiker.command("shell", "-v", "0", "--command", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
