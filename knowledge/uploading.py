"""A file that an operator uploads: read, looked at, then applied or dropped.

::

    upload = receive(base, request.FILES["file"], user)      # LoadError: nothing was stored
    assign(upload, {"标准回应": "answer"})                    # columns that were not recognised
    shown = planned(upload)                                  # importing.Plan, for the page
    report = apply_upload(upload, shown.fingerprint, user)   # UploadError: the base changed meanwhile

A few changed documents go their way as ordinary edits; many are heard together, in a version of their own,
after its golden questions.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from knowledge.editing import bulk
from knowledge.errors import KnowledgeError
from knowledge.importing import LoadReport, Plan, apply, plan
from knowledge.loaders import MAX_BYTES, BusinessData
from knowledge.models import KnowledgeBase, Upload
from knowledge.readers import base_name, read_file
from knowledge.readers.columns import ASSIGNABLE
from knowledge.versions import MAX_EDITS, request_version


class UploadError(KnowledgeError):
    """Nothing was changed; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("upload", "refused", message)


def receive(base: KnowledgeBase, file: UploadedFile, user: User | None) -> Upload:
    """Read an uploaded file and keep its entries. Raises LoadError.

    The columns are assigned as in the last file of this name: a corrected file needs no second mapping.
    """
    name = base_name(file.name or "")
    before = base.uploads.filter(name=name).exclude(assigned={}).order_by("-pk").first()
    upload = Upload(base=base, name=name, uploaded_by=user, assigned=before.assigned if before else {})
    content = file.read(MAX_BYTES + 1)
    fill(upload, content)
    upload.save()
    return upload


def fill(upload: Upload, content: bytes) -> None:
    """Read the file into the row, unsaved; raise LoadError."""
    found = read_file(upload.name, io.BytesIO(content), upload.assigned)
    upload.data = found.data.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    upload.columns = [asdict(column) for column in found.columns]
    upload.warnings = found.warnings
    upload.content = content if found.columns else None


def assign(upload: Upload, fields: Mapping[str, str]) -> None:
    """Read the file again with its columns assigned, by name to field; LoadError: nothing was changed."""
    if upload.content is None:
        return
    found = {column["name"]: column["field"] for column in upload.columns}
    chosen = {name: field for name, field in fields.items() if name in found and field in ASSIGNABLE}
    differing = {name: field for name, field in chosen.items() if field != (found[name] or "text")}
    upload.assigned = {**upload.assigned, **differing}
    fill(upload, bytes(upload.content))
    upload.save()


def planned(upload: Upload) -> Plan:
    """Return what the file would do to its base as the base is now."""
    return plan(upload.base, BusinessData.model_validate(upload.data), upload.name)


def apply_upload(upload: Upload, fingerprint: str, user: User | None) -> LoadReport:
    """Do what the operator saw, which ``fingerprint`` stands for, and nothing else; raise UploadError."""
    with transaction.atomic():
        row = Upload.objects.select_for_update().select_related("base").filter(pk=upload.pk).first()
        if row is None or row.applied_at is not None:
            raise UploadError(_("This file was applied or dropped already."))
        todo = planned(row)
        if todo.fingerprint != fingerprint:
            raise UploadError(
                _("The knowledge base changed since you looked. This is what the file would do now.")
            )
        report = todo.report()
        many = report.touched > MAX_EDITS
        with bulk() if many else nullcontext():
            apply(todo, user)
        if many:
            request_version(row.base, _("file {file}").format(file=row.name)[:200], user=user)
        row.applied_at = timezone.now()
        row.content = None
        row.save()
    return report
