"""Who may call: a signed token bound to one assistant, or the fixed one of a PBX.

::

    token = issue("anna")
    admits(token, "anna")    # True for five minutes
"""

from __future__ import annotations

import hmac

from django.conf import settings
from django.core import signing

MAX_AGE_S = 300
_SALT = "aiker.call"


def issue(slug: str) -> str:
    """Return a token that admits calls to the assistant ``slug`` for ``MAX_AGE_S``."""
    return signing.dumps(slug, salt=_SALT)


def admits(token: str, slug: str) -> bool:
    """Whether ``token`` opens a call to ``slug`` now."""
    fixed = settings.AIKER.call_token
    if (
        fixed
        and fixed.get_secret_value()
        and hmac.compare_digest(token.encode(), fixed.get_secret_value().encode())
    ):
        return True
    try:
        return signing.loads(token, salt=_SALT, max_age=MAX_AGE_S) == slug
    except signing.BadSignature:
        return False
