"""Uploads before a real clamd that knows one signature, of our own."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from conftest import free_port
from deploy.embedded.ports import answers
from deploy.embedded.supervisor import Child, Part
from tests.offline.engine import run

from .conftest import PDF, serving
from .test_documents import kept, listed

VIRUS = (
    rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + rb"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
)  # in two: scanners know this file too
PLACES = f"{os.environ['PATH']}:/usr/sbin"


def installed() -> str:
    """The path of clamd, installed where it is missing."""
    if not shutil.which("clamd", path=PLACES):
        if os.geteuid() or not shutil.which("apt-get"):
            pytest.fail("clamd is missing, and only root on Debian installs it here: apt-get install clamav-daemon")
        run("apt-get", "-qq", "update")
        run("apt-get", "-qq", "--yes", "--no-install-recommends", "install", "clamav-daemon")
    return shutil.which("clamd", path=PLACES) or pytest.fail("clamav-daemon was installed without clamd")


@asynccontextmanager
async def clamd(folder: Path) -> AsyncIterator[tuple[str, Child]]:
    """Its address. It takes 2 MB."""
    signatures, config, port = folder / "signatures", folder / "clamd.conf", free_port()
    signatures.mkdir(parents=True)
    (signatures / "own.ndb").write_text(f"Own.Test:0:*:{VIRUS.hex()}\n")
    lines = ("Foreground yes", f"TCPSocket {port}", "TCPAddr 127.0.0.1", f"DatabaseDirectory {signatures}")
    config.write_text("\n".join((*lines, "StreamMaxLength 2M", "")))
    command: list[str | Path] = [await asyncio.to_thread(installed), "--config-file", config]
    child = Child(Part("clamd", command, partial(answers, port)), folder, lambda line: None, lambda: None)
    await child.start()
    try:
        yield f"127.0.0.1:{port}", child
    finally:
        await child.stop()


async def test_no_file_is_kept_that_is_infected_or_was_not_scanned(
    database_of: Callable[[str], Awaitable[str]], login: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url, documents = await database_of("dossier"), (tmp_path / "documents").as_uri()
    async with serving(url, login):
        assert "not scanned for viruses" in caplog.text
    async with (
        clamd(tmp_path / "clamd") as (address, child),
        serving(url, login, documents=documents, clamd=address) as register,
    ):
        id_, anna = await register.started(), await register.candidate()
        infected = await register.upload(id_, anna, content=PDF + VIRUS)
        assert (infected.status_code, infected.json()["errors"][0]["path"]) == (422, "file")
        assert "Own.Test" in infected.json()["errors"][0]["message"]
        large = await register.upload(id_, anna, content=PDF.ljust(9_000_000))
        assert (large.status_code, "smaller" in large.json()["detail"]) == (503, True)
        assert "StreamMaxLength" in caplog.text
        await child.stop()
        away = await register.upload(id_, anna)
        assert (away.status_code, away.headers["Retry-After"]) == (503, "5")
        assert (await listed(register, id_), list(kept(tmp_path))) == ([], [])
        await child.start()
        clean = await register.uploaded(id_, anna, content=PDF.ljust(1_900_000))
        read = await register.http.get(f"/v1/dossiers/{id_}/documents/{clean}", headers=anna)
        assert read.content == PDF.ljust(1_900_000)
