"""What a file is by its first bytes, against what its name says."""

from __future__ import annotations

from django.utils.translation import gettext as _

from knowledge.errors import LoadError
from knowledge.readers.upload import Upload

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PDF = b"%PDF-"
# Readers of PDF accept other bytes before the signature, up to here.
PDF_SEARCHED = 1024


def check_signature(upload: Upload, suffix: str) -> None:
    """Raise LoadError when the content is not what the name's ending says."""
    found = described(upload.content)
    if suffix == ".pdf":
        fits = PDF in upload.content[:PDF_SEARCHED]
    elif suffix in (".xlsx", ".docx"):
        if upload.content.startswith(OLE):
            raise upload.error(
                _(
                    "{file} is protected by a password or in the format of Office 97. "
                    "Remove the password, save it as {suffix} and upload that."
                ),
                suffix=suffix,
            )
        fits = upload.content.startswith(ZIP)
    else:
        fits = not found
    if not fits:
        raise mismatch(upload, found or _("something else"))


def mismatch(upload: Upload, found: str) -> LoadError:
    text = _("{file} is not what its name says: its content is {found}. Upload it under its own type.")
    return upload.error(text, found=found)


def described(content: bytes) -> str:
    """Return what the first bytes say it is; empty for text and anything unknown."""
    signatures = {
        b"\x89PNG\r\n\x1a\n": _("a picture (PNG)"),
        b"\xff\xd8\xff": _("a picture (JPEG)"),
        b"GIF8": _("a picture (GIF)"),
        b"RIFF": _("sound, video or a picture (RIFF)"),
        b"ID3": _("sound (MP3)"),
        PDF: _("a PDF"),
        ZIP: _("a zip archive or an Office file"),
        OLE: _("a file of Office 97"),
        b"\x1f\x8b": _("a gzip archive"),
        b"Rar!\x1a\x07": _("a RAR archive"),
        b"7z\xbc\xaf\x27\x1c": _("a 7z archive"),
        b"\x7fELF": _("a program"),
        b"MZ\x90\x00": _("a program"),
    }
    return next((name for start, name in signatures.items() if content.startswith(start)), "")
