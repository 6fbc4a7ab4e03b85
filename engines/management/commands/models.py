"""``manage.py models``: list, pull, verify, convert, quantize and remove models."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from engines.catalog import CatalogError, Model, default_models, get_model, load_catalog
from engines.conversions import QUANTIZATIONS, Quantization, convert_model
from engines.download import DiskFull, FetchError
from engines.fetch import ensure, is_installed, remove, verify
from engines.install import megabytes
from engines.llm_choice import choose
from engines.quantize import Footprint, quantize_model
from engines.sources import Sources
from engines.worker_process import WorkerError


class Command(BaseCommand):
    help = "List, install, check and remove model weights (docs/models.md)."
    # The weights are fetched before there is a database.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="All models of the catalogue.")
        pull = actions.add_parser("pull", help="Install models; without ids, those that the settings name.")
        pull.add_argument("ids", nargs="*", metavar="id")
        check = actions.add_parser("verify", help="Hash every file; without ids, of all installed models.")
        check.add_argument("ids", nargs="*", metavar="id")
        convert = actions.add_parser(
            "convert",
            help="Make a Whisper of transformers one for faster-whisper, a BGE one for onnxruntime.",
        )
        convert.add_argument("source", metavar="id-or-folder")
        convert.add_argument("--to", default="", metavar="id", help="Id of the new model.")
        convert.add_argument("--quantization", choices=QUANTIZATIONS, default="float16", help="of a Whisper")
        quantize = actions.add_parser(
            "quantize", help="Make a model of 4-bit (LLM) or 8-bit (Whisper) weights."
        )
        quantize.add_argument("source", metavar="id-or-folder")
        quantize.add_argument("--to", default="", metavar="id", help="Id of the new model.")
        quantize.add_argument(
            "--bits", type=int, choices=(4, 8), help="Default: 4 for an LLM, 8 for Whisper."
        )
        quantize.add_argument(
            "--calibration", type=Path, metavar="file", help="Text an LLM is calibrated on."
        )
        quantize.add_argument("--json", action="store_true", help="Print the figures as JSON.")
        actions.add_parser("remove", help="Delete a model.").add_argument("id")

    def handle(self, *_args: Any, action: str, **options: Any) -> None:
        root = settings.AIKER.models
        try:
            if action == "list":
                self._list()
            elif action == "pull":
                self._pull([get_model(model_id) for model_id in options["ids"]])
            elif action == "verify":
                named = [get_model(i) for i in options["ids"]]
                self._verify(named or [m for m in load_catalog().values() if is_installed(m, root)])
            elif action == "convert":
                self._convert(options["source"], options["to"], options["quantization"])
            elif action == "quantize":
                self._quantize(options)
            else:
                model = get_model(options["id"])
                done = remove(model, root, self.stdout.write)
                self.stdout.write(
                    (_("Removed %(id)s") if done else _("%(id)s is not installed")) % {"id": model.id}
                )
        except (CatalogError, FetchError, WorkerError) as exc:
            raise CommandError(str(exc)) from exc
        except KeyboardInterrupt:
            raise CommandError(
                _("Stopped. What was downloaded is kept; the same command goes on."), returncode=130
            ) from None
        except OSError as exc:
            raise CommandError(
                _("Cannot write to %(folder)s (%(error)s). Set AIKER_MODELS to a folder that you own.")
                % {"folder": root, "error": exc.strerror}
            ) from exc

    def _list(self) -> None:
        yes, no = _("yes"), _("no")
        head = [
            _("Model"),
            _("Kind"),
            _("Format"),
            _("Licence"),
            _("Commercial"),
            _("Size"),
            _("Memory"),
            _("Installed"),
        ]
        rows = [
            [
                model.id,
                model.kind,
                model.format,
                model.licence,
                yes if model.commercial else no,
                megabytes(model.size),
                f"{model.memory_mb} MB",
                yes if is_installed(model, settings.AIKER.models) else no,
            ]
            for model in load_catalog().values()
        ]
        for line in _table([head, *rows]):
            self.stdout.write(line)

    def _pull(self, models: Sequence[Model]) -> None:
        with Sources(self.stdout.write) as sources:
            for model in models or [get_model(model_id) for model_id in default_models(settings.AIKER)]:
                self._install(model, sources)
            if not models:
                self._install_llm(sources)
        self.stdout.write(_("Models are ready in %(folder)s") % {"folder": settings.AIKER.models})

    def _install_llm(self, sources: Sources) -> None:
        """Install the language model of the settings, and say in one line which and why."""
        choice = choose(sources)
        line = _("Language model: %(model)s, %(reason)s")
        self.stdout.write(line % {"model": choice.model, "reason": choice.reason})
        try:
            self._install(get_model(choice.model), sources)
        except DiskFull:
            raise
        except FetchError as exc:
            if not choice.fallback:
                raise
            self.stderr.write(self.style.WARNING(str(exc)))
            reason = _("because %(model)s could not be fetched") % {"model": choice.model}
            self.stdout.write(line % {"model": choice.fallback, "reason": reason})
            self._install(get_model(choice.fallback), sources)

    def _install(self, model: Model, sources: Sources) -> None:
        root = settings.AIKER.models
        installed = is_installed(model, root)
        ensure(model, root, sources=sources, say=self.stdout.write)
        if not model.commercial:
            self.stderr.write(
                self.style.WARNING(
                    _("%(id)s may not be used commercially: its licence is %(licence)s, see %(url)s")
                    % {"id": model.id, "licence": model.licence, "url": model.licence_url}
                )
            )
        if not installed:
            self.stdout.write(
                _("Installed %(id)s (licence %(licence)s)") % {"id": model.id, "licence": model.licence}
            )

    def _convert(self, source: str, to: str, quantization: Quantization) -> None:
        model = convert_model(source, settings.AIKER.models, quantization=quantization, to=to)
        self.stdout.write(
            _("Made %(id)s (%(size)s). Choose it in the admin.")
            % {"id": model.id, "size": megabytes(model.size)}
        )

    def _quantize(self, options: dict[str, Any]) -> None:
        # With --json the standard output is the result alone.
        progress = self.stderr if options["json"] else self.stdout
        made = quantize_model(
            options["source"],
            settings.AIKER.models,
            bits=options["bits"],
            to=options["to"],
            calibration=options["calibration"],
            say=lambda line: progress.write(line),
        )
        if options["json"]:
            figures = {"id": made.model.id, "before": asdict(made.before), "after": asdict(made.after)}
            self.stdout.write(json.dumps(figures, indent=1))
            return
        for line in _table([["", _("before"), _("after"), ""], *_comparison(made.before, made.after)]):
            self.stdout.write(line)
        self.stdout.write(_("Made %(id)s. Choose it in the admin.") % {"id": made.model.id})

    def _verify(self, models: Sequence[Model]) -> None:
        root = settings.AIKER.models
        bad = []
        for model in models:
            problems = verify(model, root)
            if problems:
                bad.append(model.id)
            for line in problems or [_("%(id)s: all files are right") % {"id": model.id}]:
                self.stdout.write(line)
        if bad:
            raise CommandError(
                _("Wrong files in %(ids)s. They will not be used; to fetch them again, run: %(command)s")
                % {"ids": ", ".join(bad), "command": "python manage.py models pull " + " ".join(bad)}
            )


def _comparison(before: Footprint, after: Footprint) -> list[list[str]]:
    """Return a row for each figure that both have, with the second as a part of the first."""
    figures = [
        (_("Disk"), before.disk / 1e6, after.disk / 1e6, " MB"),
        (_("Memory, once it has run"), before.memory_mb, after.memory_mb, " MB"),
        (_("Memory, at most"), before.peak_mb, after.peak_mb, " MB"),
        (_("Weights in memory"), before.weights_mb, after.weights_mb, " MB"),
        (_("Perplexity"), before.perplexity, after.perplexity, ""),
    ]
    return [
        [name, f"{old:.1f}{unit}", f"{new:.1f}{unit}", f"{new / old:.0%}"]
        for name, old, new, unit in figures
        if old is not None and new is not None
    ]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    """Return the columns a terminal gives the text: two for a Chinese character."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
