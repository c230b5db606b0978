"""The whole register on one machine without containers: real Kafka, real PostgreSQL, the services' own processes."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".demo" / "cache"  # what is fetched once, for every stack of this checkout
HOST = os.environ.get("CIR_DEMO_HOST", "127.0.0.1")  # where mailbox and login listen: in a container, everywhere
SERVICES = ("dossier", "eligibility", "priority", "notifications")
KEYED = ("dossier", "priority")  # they know people by pseudonym, under one key


class CannotStart(Exception):
    """The stack cannot be started; the text says why and what to do."""


def demo_folder() -> Path:
    """Where the demo keeps what it keeps: `.demo/`, or what CIR_DEMO_DIR says."""
    return Path(os.environ.get("CIR_DEMO_DIR", ROOT / ".demo")).resolve()
