"""The signature of a report: what only the process that was given this check's key can write."""

import hashlib
import hmac


def sign(report: bytes, key: str) -> bytes:
    """Return the report's signature (HMAC-SHA256, hex) under the key that the request carried."""
    return hmac.new(key.encode(), report, hashlib.sha256).hexdigest().encode()
