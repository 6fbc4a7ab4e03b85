"""Entries that an installation speaks as they are written, with their audio made ahead.

::

    speak_as_written(installation, ["pay-late"])

Marks them as an operator's edit would and returns when calls find them so: the indexer has followed, and the
worker has made the audio. In a process with the installation's settings: ``python -m bench.verbatim KEY ...``
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from aiker.config import BASE_DIR
from bench.polling import until
from tests.installation import Installation

PATIENCE_S = 240


def speak_as_written(installation: Installation, keys: Sequence[str]) -> None:
    """Return when the entries with these keys are spoken word for word, without any engine."""
    subprocess.run(
        [sys.executable, "-m", "bench.verbatim", *keys], cwd=BASE_DIR, env=installation.env, check=True
    )


def main(keys: list[str]) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "aiker.settings"
    import django

    django.setup()
    from knowledge.models import Document

    documents = list(Document.objects.filter(key__in=keys))
    if missing := set(keys) - {document.key for document in documents}:
        raise SystemExit(f"the base has no entry {', '.join(sorted(missing))}")
    for document in documents:
        document.verbatim = True
        document.save()
    answers = {document.answer for document in documents}
    until(lambda: answers <= spoken_texts(documents[0].base_id), "the index to follow", PATIENCE_S)
    until(lambda: not missing_audio(), "the audio of fixed answers", PATIENCE_S)


def spoken_texts(base_id: int) -> set[str]:
    """Return what the live index says word for word."""
    from knowledge.manifest import Manifest
    from knowledge.models import KnowledgeBase
    from knowledge.writing import manifest_path

    version = KnowledgeBase.objects.get(pk=base_id).active_version
    if version is None:
        return set()
    with Manifest.read(manifest_path(version.collection_name)) as manifest:
        return set(manifest.spoken_texts())


def missing_audio() -> list[str]:
    from aiker.calls.ahead import wanted_phrases
    from aiker.calls.engines import phrase_cache

    wanted = wanted_phrases()
    return [text for speaker in wanted for text in phrase_cache().missing(speaker.tts, speaker.texts)]


if __name__ == "__main__":
    main(sys.argv[1:])
