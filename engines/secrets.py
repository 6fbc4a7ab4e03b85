"""Keys of vendors at rest: encrypted with this installation's own secret.

::

    token = encrypt({"api_key": "sk-..."})
    decrypt(token)["api_key"]

The key is derived from Django's ``SECRET_KEY``. A database that is copied without it holds no secret.
"""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.utils.translation import gettext as _


class SecretsError(Exception):
    """The secrets cannot be read; the message says what to do."""


def encrypt(secrets: dict[str, str]) -> str:
    """Return ``secrets`` as an opaque text; "" when there are none."""
    return _fernet().encrypt(json.dumps(secrets).encode()).decode() if secrets else ""


def decrypt(token: str) -> dict[str, str]:
    """Return what was encrypted; SecretsError when it was with another installation's secret."""
    if not token:
        return {}
    try:
        secrets: dict[str, str] = json.loads(_fernet().decrypt(token.encode()))
    except InvalidToken:
        raise SecretsError(
            _("The stored keys were encrypted with another secret key. Enter them again.")
        ) from None
    return secrets


def _fernet() -> Fernet:
    key = hashlib.sha256(b"aiker engine secrets " + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
