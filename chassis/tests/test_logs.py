"""Logs hold ids and places, and never what an exception carries."""

import json
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from conftest import free_port
from deploy.embedded import ROOT
from deploy.embedded.postgres import NO_VALUES, part
from deploy.embedded.supervisor import Child

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


async def test_the_database_logs_an_error_and_nothing_of_what_it_was_about(tmp_path: Path) -> None:
    port, secret = free_port(), "anna earns 314159"
    child = Child(part(tmp_path / "cluster", port), tmp_path, lambda line: None, lambda: None)
    await child.start()
    try:
        connection = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres")
        await connection.execute("CREATE TABLE people (name text PRIMARY KEY)")
        await connection.execute("INSERT INTO people VALUES ($1)", secret)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO people VALUES ($1)", secret)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(f"INSERT INTO people VALUES ('{secret}')")
        await connection.close()
    finally:
        await child.stop()
    logged = child.log.read_text()
    assert logged.count("duplicate key value") == 2
    assert secret not in logged
    compose = (ROOT / "docker-compose.yml").read_text()
    assert not [setting for setting in NO_VALUES if f'"{setting}"' not in compose]
