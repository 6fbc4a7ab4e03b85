"""Proof that a request comes from this Aiker: HMAC-SHA256 over its time and body. Pure.

::

    headers = {SIGNATURE: sign(key, body, now_s=time.time())}       # "t=1795400000,v1=5f2c..."
    is_signed(key, body, headers[SIGNATURE], now_s=time.time())     # at the other end
"""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE = "X-Aiker-Signature"
MAX_AGE_S = 300


def sign(key: str, body: bytes, *, now_s: float) -> str:
    """Return the value of the header ``SIGNATURE``."""
    return f"t={int(now_s)},v1={_mac(key, body, str(int(now_s)))}"


def is_signed(key: str, body: bytes, signature: str, *, now_s: float) -> bool:
    """Whether ``signature`` was made with ``key`` for ``body`` within the last ``MAX_AGE_S``."""
    parts = dict(part.partition("=")[::2] for part in signature.split(","))
    at = parts.get("t", "")
    if not at.isdecimal() or abs(now_s - int(at)) > MAX_AGE_S:
        return False
    return hmac.compare_digest(_mac(key, body, at).encode(), parts.get("v1", "").encode())


def _mac(key: str, body: bytes, at: str) -> str:
    return hmac.new(key.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
