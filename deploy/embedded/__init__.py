"""The whole register on one machine without containers: real Kafka, real PostgreSQL, the services' own processes."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".demo" / "cache"  # what is fetched once, for every stack of this checkout
HOST = os.environ.get("CIR_DEMO_HOST", "127.0.0.1")  # where the demo's programs listen: in a container, everywhere
SERVICES = ("dossier", "eligibility", "priority", "notifications")
KEYED = ("dossier", "priority", "notifications")  # they know people by pseudonym, under one key


def write_private(file: Path, text: str) -> None:
    """Whole or not at all, and for its owner alone from its first byte on, whatever the umask or an earlier file allows."""
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    part.replace(file)


class CannotStart(Exception):
    """The stack cannot be started; the text says why and what to do."""


def demo_folder() -> Path:
    """Where the demo keeps what it keeps: `.demo/`, or what CIR_DEMO_DIR says."""
    return Path(os.environ.get("CIR_DEMO_DIR", ROOT / ".demo")).resolve()
