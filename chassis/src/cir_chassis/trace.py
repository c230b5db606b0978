"""One trace runs from a request through every topic to the email (W3C Trace Context): here its next step is drawn."""

import re
import secrets

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")


def step(parent: str | None) -> str:
    """The traceparent of a new step: in the parent's trace, or in a new one where the parent is none or unreadable."""
    known = _TRACEPARENT.fullmatch(parent or "")
    trace, flags = known.groups() if known else (secrets.token_hex(16), "01")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"
