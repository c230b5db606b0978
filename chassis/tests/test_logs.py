"""Logs hold ids and places, and never what an exception carries."""

import json
import subprocess
import sys

FAILS = """
import logging, structlog
from cir_chassis import logs
logs.configure("test", "info")
try:
    raise ValueError("income 1234.56 of 85622300173")
except ValueError:
    structlog.get_logger("ours").exception("failed", id="one")
    logging.getLogger("theirs").exception("also failed")
"""


def test_an_error_tells_its_type_and_place_and_never_its_values() -> None:
    done = subprocess.run([sys.executable, "-c", FAILS], capture_output=True, text=True, check=True, timeout=60)
    ours, theirs = (json.loads(line) for line in done.stderr.splitlines())
    assert (ours["event"], ours["id"], ours["error"], ours["service"]) == ("failed", "one", "ValueError", "test")
    assert (theirs["event"], theirs["error"], bool(theirs["where"])) == ("also failed", "ValueError", True)
    assert "1234.56" not in done.stderr
    assert "85622300173" not in done.stderr
