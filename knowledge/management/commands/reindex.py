"""``manage.py reindex [base ...]``: build new versions, or go on where one was cut short."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from tqdm import tqdm

from knowledge.following import follow
from knowledge.models import IndexVersion, KnowledgeBase
from knowledge.versions import request_version


class Command(BaseCommand):
    help = (
        "Rebuild the index of knowledge bases beside the live one. Ctrl-C keeps what is done; run it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("bases", nargs="*", help="short names; default: all")
        parser.add_argument(
            "--no-publish", action="store_true", help="build and check, but leave callers on the live version"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        names: list[str] = options["bases"]
        bases = KnowledgeBase.objects.filter(slug__in=names) if names else KnowledgeBase.objects.all()
        if unknown := set(names) - {base.slug for base in bases}:
            raise CommandError(_("No knowledge base is called {names}.").format(names=", ".join(unknown)))
        failed = [base.slug for base in bases if not self.reindex(base, publish=not options["no_publish"])]
        if failed:
            raise CommandError(_("Not live: {names}").format(names=", ".join(failed)))

    def reindex(self, base: KnowledgeBase, *, publish: bool) -> bool:
        """Go on with the build that was cut short, or begin one; return whether it went as asked."""
        begun = base.versions.filter(state=IndexVersion.State.BUILDING).first()
        version = begun or request_version(base, _("manage.py reindex"), publish=publish)
        with tqdm(total=version.document_count, unit="doc", desc=base.slug, disable=None) as bar:
            for seen in follow(version):
                version = seen
                bar.total = version.document_count
                bar.update(version.done_count - bar.n)
                bar.set_postfix_str(version.error[:60])
        text = _("{base}: {chunks} passages, {vectors} vectors, index {name}: {state}")
        state = _("live") if version.activated_at else version.get_state_display()
        self.stdout.write(
            text.format(
                base=base.slug,
                chunks=version.chunk_count,
                vectors=version.vector_count,
                name=version.collection_name,
                state=state,
            )
        )
        if version.error:
            self.stderr.write(version.error)
        return version.activated_at is not None if publish else version.state == IndexVersion.State.READY
