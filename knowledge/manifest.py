"""What an index version holds, in one SQLite file beside its Chroma collection.

::

    with Manifest.open(path) as manifest:
        manifest.put(document_id, fingerprint, passages)
        manifest.search(words, sounds, limit=24)      # keyword ranks
        manifest.passages([12, 15])                   # what was found, to be read

Chroma knows vectors and their ids; everything else a call needs of a passage is here, so that a call asks no
database and an edit changes what is said in one transaction. The indexer writes, calls read beside it (WAL).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import quote

from knowledge.heard import HANZI, sound
from knowledge.passages import IndexedPassage
from knowledge.words import sounds, words

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (id INTEGER PRIMARY KEY, fingerprint TEXT, vectors TEXT);
CREATE TABLE IF NOT EXISTS passages (
    chunk INTEGER PRIMARY KEY, document INTEGER NOT NULL, key TEXT, title TEXT, text TEXT, spoken TEXT,
    valid_from TEXT, valid_until TEXT, declined INTEGER
);
CREATE INDEX IF NOT EXISTS passages_of_document ON passages (document);
CREATE TABLE IF NOT EXISTS entries (document INTEGER PRIMARY KEY, entry TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS terms (term TEXT PRIMARY KEY, passages INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vocabulary (word TEXT PRIMARY KEY, sound TEXT, passages INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS vocabulary_by_sound ON vocabulary (sound);
CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY CHECK (id = 0), document INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS unwanted (vector TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS keywords USING fts5 (
    wordings, text, sounds, tokenize = "unicode61 remove_diacritics 0 tokenchars '_.'"
);
"""
# A word of a question or title says more of what a passage is about than one of its text.
WEIGHTS = (3.0, 1.0, 1.5)
# Passages that a keyword search may have to score: the rarest terms come first, and say the most. More find
# hardly more (docs/performance.md, "Knowledge").
POSTINGS = 2000
BUSY_S = 5.0
IDS_AT_ONCE = 500


class StoredPassage(NamedTuple):
    """A passage as calls read it; see ``IndexedPassage``."""

    chunk_id: int
    document_id: int
    key: str
    title: str
    text: str
    spoken: str
    valid_from: str
    valid_until: str
    declined: bool

    def is_valid_on(self, day: str) -> bool:
        """Whether callers may hear it on an ISO day."""
        return self.valid_from <= day and (not self.valid_until or day <= self.valid_until)


class Manifest:
    """See the module. Safe for one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Self:
        """Open for writing; made if it is not there and ``create``, else raises sqlite3.OperationalError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        url = f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}"
        db = sqlite3.connect(url, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)
        return cls(db)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open for reading; raises sqlite3.OperationalError when there is none."""
        url = f"file:{quote(str(path))}?mode=ro"
        db = sqlite3.connect(url, uri=True, timeout=BUSY_S, check_same_thread=False)
        db.execute("SELECT 1 FROM documents LIMIT 1")
        return cls(db)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # -- what there is --------------------------------------------------------

    def fingerprints(self, documents: Iterable[int] | None = None) -> dict[int, str]:
        """Return the fingerprint of each of these documents that is indexed; of all without ``documents``."""
        if documents is None:
            return dict(self._db.execute("SELECT id, fingerprint FROM documents"))
        return dict(self._by_key("SELECT id, fingerprint FROM documents WHERE id", documents))

    def entries(self, documents: Iterable[int] | None = None) -> dict[int, str]:
        """Return these documents, or all, as they were indexed (``knowledge.undo.entries``).

        Those that were indexed before entries were kept are missing.
        """
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchone():
            return {}
        if documents is None:
            return dict(self._db.execute("SELECT document, entry FROM entries"))
        return dict(self._by_key("SELECT document, entry FROM entries WHERE document", documents))

    def without_entry(self) -> dict[int, str]:
        """Return the fingerprints of the documents whose entries are missing."""
        query = "SELECT id, fingerprint FROM documents WHERE id NOT IN (SELECT document FROM entries)"
        return dict(self._db.execute(query))

    def passages(self, chunks: Iterable[int]) -> dict[int, StoredPassage]:
        """Return these passages by their id; those that left the index are missing."""
        rows = self._by_key(f"SELECT {', '.join(COLUMNS)} FROM passages WHERE chunk", chunks)
        return {row[0]: StoredPassage(*row) for row in rows}

    def passages_of(self, document: int) -> list[StoredPassage]:
        """Return the passages of a document as calls find them."""
        query = f"SELECT {', '.join(COLUMNS)} FROM passages WHERE document = ? ORDER BY chunk"
        return [StoredPassage(*row) for row in self._db.execute(query, [document])]

    def spoken_texts(self) -> list[str]:
        """Return what may be said word for word, each once."""
        return [
            text for (text,) in self._db.execute("SELECT DISTINCT spoken FROM passages WHERE spoken != ''")
        ]

    def vectors(self, document: int) -> set[str]:
        """Return the ids of the vectors that lead to a document."""
        row = self._db.execute("SELECT vectors FROM documents WHERE id = ?", [document]).fetchone()
        return set(json.loads(row[0])) if row else set()

    def all_vectors(self) -> set[str]:
        rows = self._db.execute("SELECT vectors FROM documents")
        return {vector for (vectors,) in rows for vector in json.loads(vectors)}

    def counts(self) -> tuple[int, int, int]:
        """Return how many documents, passages and vectors there are."""
        passages = self._db.execute("SELECT count(*) FROM passages").fetchone()[0]
        documents, vectors = self._db.execute(
            "SELECT count(*), coalesce(sum(json_array_length(vectors)), 0) FROM documents"
        ).fetchone()
        return documents, passages, vectors

    def cursor(self) -> int:
        """Return the last document that the build has written; 0 at its beginning."""
        row = self._db.execute("SELECT document FROM progress").fetchone()
        return row[0] if row else 0

    def search(self, words: Sequence[str], sounds: Sequence[str], limit: int) -> list[tuple[int, float]]:
        """Return (passage, score) by BM25 over words and sounds, best first; a higher score is better."""
        telling = self._telling({*words, *sounds})
        words, sounds = ([term for term in terms if term in telling] for terms in (words, sounds))
        parts = [f"{{wordings text}} : ({any_of(words)})"] if words else []
        parts += [f"sounds : ({any_of(sounds)})"] if sounds else []
        if not parts:
            return []
        query = """
            SELECT rowid, -bm25(keywords, ?, ?, ?) AS score FROM keywords WHERE keywords MATCH ?
            ORDER BY score DESC LIMIT ?
        """
        return list(self._db.execute(query, [*WEIGHTS, " OR ".join(parts), limit]))

    def heard_as(self, spans: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
        """Return the words of the base that sound like these stretches, by sound, and the stretches it has.

        Of words that sound alike, the most frequent.
        """
        query = "SELECT passages, sound, word FROM vocabulary WHERE passages > 0 AND"
        alike = sorted(self._by_key(f"{query} sound", set(spans.values())))
        known = {word for _, _, word in self._by_key(f"{query} word", spans)}
        return {sound: word for _, sound, word in alike}, known

    def known(self, terms: Iterable[str]) -> set[str]:
        """Return which of these words and sounds any passage has that may be said.

        A question that is not answered (您在香港有店吗) makes nothing known.
        """
        indexed = self._by_key("SELECT term FROM terms WHERE passages > 0 AND term", terms)
        query = """
            SELECT 1 FROM keywords JOIN passages ON chunk = keywords.rowid
            WHERE keywords MATCH ? AND NOT declined LIMIT 1
        """
        return {term for (term,) in indexed if self._db.execute(query, [any_of([term])]).fetchone()}

    def held(self, chunk: int, terms: Iterable[str]) -> set[str]:
        """Return which of these words and sounds a passage has, its wordings included."""
        query = "SELECT 1 FROM keywords WHERE keywords MATCH ? AND rowid = ?"
        return {term for term in terms if self._db.execute(query, [any_of([term]), chunk]).fetchone()}

    def _telling(self, terms: set[str]) -> set[str]:
        """Return the rarest of these terms that there are, as many as can be scored in time."""
        marks = ", ".join("?" * len(terms))
        found = self._db.execute(
            f"SELECT term, passages FROM terms WHERE term IN ({marks}) AND passages > 0 ORDER BY passages",
            list(terms),
        )
        chosen: set[str] = set()
        postings = 0
        for term, passages in found:
            postings += passages
            if chosen and postings > POSTINGS:
                break
            chosen.add(term)
        return chosen

    def _by_key(self, query: str, keys: Iterable[int | str]) -> Iterator[tuple]:
        wanted = list(keys)
        for start in range(0, len(wanted), IDS_AT_ONCE):
            part = wanted[start : start + IDS_AT_ONCE]
            yield from self._db.execute(f"{query} IN ({', '.join('?' * len(part))})", part)

    # -- changes; ``knowledge.writing`` keeps Chroma in step ---------------------

    def put(
        self, document: int, fingerprint: str, passages: Sequence[IndexedPassage], entry: str = ""
    ) -> None:
        """Make the document what calls find from now on; the vectors it no longer has become unwanted."""
        vectors = [text.id for passage in passages for text in passage.texts]
        with self._transaction():
            gone = self.vectors(document) - set(vectors)
            self._remove(document)
            self._db.execute(
                "INSERT INTO documents VALUES (?, ?, ?)", [document, fingerprint, json.dumps(vectors)]
            )
            if entry:
                self._db.execute("INSERT INTO entries VALUES (?, ?)", [document, entry])
            for passage in passages:
                self._insert(passage)
            self._db.executemany("DELETE FROM unwanted WHERE vector = ?", [(v,) for v in vectors])
            self._db.executemany("INSERT OR IGNORE INTO unwanted VALUES (?)", [(v,) for v in gone])

    def keep_entry(self, document: int, entry: str) -> None:
        """Keep the entry that an indexed document was, where only what calls never read has changed."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?)", [document, entry])

    def drop(self, document: int) -> None:
        """Take the document out; its vectors become unwanted."""
        with self._transaction():
            gone = self.vectors(document)
            self._remove(document)
            self._db.executemany("INSERT OR IGNORE INTO unwanted VALUES (?)", [(v,) for v in gone])

    def move_cursor(self, document: int) -> None:
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO progress VALUES (0, ?)", [document])

    def expect(self, vectors: Iterable[str]) -> None:
        """Note vectors that are about to be written: unwanted, should the writing be cut short."""
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO unwanted VALUES (?)", [(v,) for v in vectors])

    def unwanted(self) -> list[str]:
        """Return vectors that may be in Chroma and must not be found."""
        return [vector for (vector,) in self._db.execute("SELECT vector FROM unwanted")]

    def forget_unwanted(self, vectors: Iterable[str]) -> None:
        with self._transaction():
            self._db.executemany("DELETE FROM unwanted WHERE vector = ?", [(v,) for v in vectors])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # a full disk has rolled it back already
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _insert(self, passage: IndexedPassage) -> None:
        row = [getattr(passage, name) for name in StoredPassage._fields]
        self._db.execute(f"INSERT INTO passages VALUES ({', '.join('?' * len(row))})", row)
        asked = " ".join(passage.wordings) or passage.title
        fields = (words(asked), words(passage.text), sounds(asked))
        self._db.execute(
            "INSERT INTO keywords (rowid, wordings, text, sounds) VALUES (?, ?, ?, ?)",
            [passage.chunk_id, *(" ".join(field) for field in fields)],
        )
        self._count({term for field in fields for term in field}, 1)
        self._learn(set(fields[0]), 1)

    def _learn(self, words: set[str], change: int) -> None:
        self._db.executemany(
            "INSERT INTO vocabulary VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET passages = passages + excluded.passages",
            [(word, sound(word), change) for word in words if len(word) > 1 and HANZI.fullmatch(word)],
        )

    def _count(self, terms: set[str], change: int) -> None:
        self._db.executemany(
            "INSERT INTO terms VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET passages = passages + excluded.passages",
            [(term, change) for term in terms],
        )

    def _remove(self, document: int) -> None:
        chunks = self._db.execute("SELECT chunk FROM passages WHERE document = ?", [document]).fetchall()
        for chunk in chunks:
            query = "SELECT wordings, text, sounds FROM keywords WHERE rowid = ?"
            fields = [field.split() for field in self._db.execute(query, chunk).fetchone()]
            self._count({term for field in fields for term in field}, -1)
            self._learn(set(fields[0]), -1)
        self._db.executemany("DELETE FROM keywords WHERE rowid = ?", chunks)
        self._db.execute("DELETE FROM passages WHERE document = ?", [document])
        self._db.execute("DELETE FROM documents WHERE id = ?", [document])
        self._db.execute("DELETE FROM entries WHERE document = ?", [document])


COLUMNS = ("chunk", "document", "key", "title", "text", "spoken", "valid_from", "valid_until", "declined")


def any_of(terms: Iterable[str]) -> str:
    return " OR ".join(f'"{term}"' for term in dict.fromkeys(terms))
