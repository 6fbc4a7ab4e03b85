"""``manage.py load_knowledge [file] [--base onesuite]``: a file becomes what callers hear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import slugify
from django.utils.translation import gettext as _

from knowledge.errors import KnowledgeError
from knowledge.following import follow
from knowledge.importing import LoadReport, store_entries
from knowledge.loaders import BusinessData, read
from knowledge.models import KnowledgeBase
from knowledge.versions import is_current, request_version

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "onesuite-business-data.json"


class Command(BaseCommand):
    help = "Load a JSON file into a knowledge base, index it and make it live. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "path", nargs="?", type=Path, default=SAMPLE, help="JSON file; default: the sample data"
        )
        parser.add_argument(
            "--base", default="onesuite", help="short name of the knowledge base; made if missing"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        path: Path = options["path"]
        base: str = options["base"]
        if slugify(base) != base:
            raise CommandError(_("--base {name}: use only letters, digits and hyphens.").format(name=base))
        try:
            data = read(path)
            row = self.base(base, data)
            self.tell(path, row, store_entries(row, data, path.name), data.sample)
        except KnowledgeError as exc:
            raise CommandError(exc.message) from exc
        self.index(row)

    def index(self, base: KnowledgeBase) -> None:
        """Bring the documents to the callers: in a new version, unless the live one has them."""
        live = base.active_version
        if live is not None and is_current(live):
            self.stdout.write(_("Index {name} is up to date").format(name=live.collection_name))
            return
        *_earlier, version = follow(request_version(base, _("manage.py load_knowledge")))
        if version.activated_at is None:
            raise CommandError(
                _("{reason}\nThe documents are saved; callers hear the index as it was before.").format(
                    reason=version.error
                )
            )
        self.stdout.write(
            _("Live: {chunks} passages, {vectors} vectors, index {name}").format(
                chunks=version.chunk_count, vectors=version.vector_count, name=version.collection_name
            )
        )

    def base(self, slug: str, data: BusinessData) -> KnowledgeBase:
        defaults = {"name": data.business or slug, "description": data.notice}
        return KnowledgeBase.objects.get_or_create(slug=slug, defaults=defaults)[0]

    def tell(self, path: Path, base: KnowledgeBase, report: LoadReport, sample: bool) -> None:
        self.stdout.write(
            _(
                "{file} -> {base}: {added} added, {changed} changed, {removed} removed, {unchanged} unchanged"
            ).format(
                file=path.name,
                base=base.name,
                added=len(report.added),
                changed=len(report.changed),
                removed=len(report.removed),
                unchanged=len(report.unchanged),
            )
        )
        if report.kept:
            self.stdout.write(
                _(
                    "Changed in the admin as well, so left as they are: {keys}. "
                    "To take the file's version, delete the document in the admin and load again."
                ).format(keys=", ".join(report.kept))
            )
        samples = base.documents.filter(is_sample=True).count()
        if samples and not sample:
            self.stdout.write(
                _("{count} sample documents are still in this base; delete them in the admin.").format(
                    count=samples
                )
            )
