"""What the assistants know, and the indexes it is searched in.

::

    base = KnowledgeBase.objects.get(slug="onesuite")
    base.documents.filter(category="价格")
    base.active_version            # what callers hear now; None before the first successful index
"""

from knowledge.models.canary import Canary
from knowledge.models.content import Chunk, Document, KnowledgeBase, hash_of
from knowledge.models.golden import GoldenQuestion, GoldenRun
from knowledge.models.index import IndexChange, IndexVersion
from knowledge.models.lexicon import LexiconEntry
from knowledge.models.undo import ImportRecord, Snapshot
from knowledge.models.upload import Upload

__all__ = [
    "Canary",
    "Chunk",
    "Document",
    "GoldenQuestion",
    "GoldenRun",
    "ImportRecord",
    "IndexChange",
    "IndexVersion",
    "KnowledgeBase",
    "LexiconEntry",
    "Snapshot",
    "Upload",
    "hash_of",
]
