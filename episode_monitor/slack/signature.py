"""Whether a request comes from Slack: version 0 of its signatures. Pure."""

import hashlib
import hmac

MAX_AGE_SECONDS = 300


def is_from_slack(secret: str, timestamp: str, signature: str, body: bytes, now_ms: int) -> bool:
    """HMAC-SHA256 over `v0:timestamp:body`, no older than five minutes, and no further ahead."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    expected = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    is_right = hmac.compare_digest(f"v0={expected}".encode(), signature.encode("utf-8", "replace"))
    return is_right and abs(now_ms // 1000 - int(timestamp)) <= MAX_AGE_SECONDS
