"""A file that an operator uploads: read, looked at, then applied or dropped.

::

    upload = receive(base, request.FILES["file"], user)      # LoadError: nothing was stored
    shown = planned(upload)                                  # importing.Plan, for the page
    report = apply_upload(upload, shown.fingerprint, user)   # UploadError: the base changed meanwhile

A few changed documents go their way as ordinary edits; many are heard together, in a version of their own,
after its golden questions.
"""

from __future__ import annotations

from contextlib import nullcontext

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from knowledge.editing import bulk
from knowledge.errors import KnowledgeError
from knowledge.importing import LoadReport, Plan, apply, plan
from knowledge.loaders import BusinessData
from knowledge.models import KnowledgeBase, Upload
from knowledge.readers import base_name, read_upload
from knowledge.versions import MAX_EDITS, request_version


class UploadError(KnowledgeError):
    """Nothing was changed; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("upload", "refused", message)


def receive(base: KnowledgeBase, file: UploadedFile, user: User | None) -> Upload:
    """Read an uploaded file and keep its entries; the file itself is not kept. Raises LoadError."""
    name = file.name or ""
    data = read_upload(name, file)
    return Upload.objects.create(
        base=base,
        name=base_name(name),
        data=data.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        uploaded_by=user,
    )


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
        row.save()
    return report
