"""A process that is killed amid uploads leaves no row without its file; what it leaves without a row is swept."""

import asyncio
import hashlib
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import free_port
from deploy.embedded.samples import national_number
from deploy.token import AUDIENCE
from dossier.documents.files import Files
from dossier.documents.use_cases import sweep
from dossier.tables import documents

from .authentic import until
from .conftest import KEY, PDF, Register, serving

PEOPLE = 8  # who upload at once


async def started(settings: dict[str, str]) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CIR_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dossier", "serve", env=environment | settings, stderr=asyncio.subprocess.DEVNULL
    )
    async with httpx.AsyncClient(trust_env=False) as http:

        async def answers() -> bool:
            try:
                return (await http.get(f"http://127.0.0.1:{settings['CIR_PORT']}/health/live")).status_code == 200
            except httpx.TransportError:
                assert process.returncode is None, "it does not start"
                return False

        await until(answers, 120)
    return process


async def upload_until_killed(url: str, who: dict[str, str], dossier: str, content: bytes) -> list[tuple[str, str]]:
    """(id, SHA-256) of each document that was acknowledged."""
    acknowledged: list[tuple[str, str]] = []
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        while True:
            sent: dict[str, Any] = {
                "data": {"member": "p1", "fact": "situation"},
                "files": {"file": ("proof.pdf", content + str(len(acknowledged)).encode())},
            }
            try:
                answer = await http.post(f"{url}/v1/dossiers/{dossier}/documents", headers=who, **sent)
            except httpx.TransportError:
                return acknowledged
            assert answer.status_code in (201, 503), answer.text  # 503: the machine is too busy
            if answer.status_code == 201:
                acknowledged.append((answer.json()["id"], answer.json()["sha256"]))


def holds_more(folder: Path, most: int) -> bool:
    return len(list(folder.rglob("*"))) > most


def on_disk(folder: Path) -> dict[str, str]:
    """Name → SHA-256 of every file."""
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.long)])
async def test_kill_9_amid_uploads_leaves_no_row_without_its_file_and_no_file_without_its_row(
    database_of: Callable[[str], Awaitable[str]], login: str, tmp_path: Path, kills: int
) -> None:
    folder, url, port = tmp_path / "documents", await database_of("dossier"), free_port()
    settings = {
        "CIR_DATABASE_URL": url,
        "CIR_KAFKA": "127.0.0.1:1",
        "CIR_PORT": str(port),
        "CIR_ISSUER": login,
        "CIR_AUDIENCE": AUDIENCE,
        "CIR_PERSON_KEY": KEY.get_secret_value(),
        "CIR_ENVIRONMENT": "demo",
        "CIR_TODAY": "2024-03-20",
        "CIR_DOCUMENTS": folder.as_uri(),
    }
    chance, acknowledged = random.Random(kills), dict[str, str]()
    async with serving(url, login, documents=folder.as_uri()) as register:
        for _ in range(kills):
            people = [await one_more(register) for _ in range(PEOPLE)]
            process = await started(settings)
            at = f"http://127.0.0.1:{port}"
            content = PDF + random.Random(1).randbytes(400_000)
            uploads = [asyncio.create_task(upload_until_killed(at, who, id_, content)) for who, id_ in people]
            there = len(list(folder.rglob("*")))
            try:
                await until(partial(holds_more, folder, there + 2 * PEOPLE), 180)
                await asyncio.sleep(chance.uniform(0, 0.2))  # anywhere amid an upload
            finally:
                process.send_signal(signal.SIGKILL)
                await process.wait()
            for found in await asyncio.gather(*uploads):
                acknowledged |= found
            files, rows = on_disk(folder), await on_record(register)
            assert acknowledged.items() <= rows.items()
            assert rows.items() <= files.items()
        await sweep(register.service.background, Files(folder.as_uri()), timedelta())
        assert on_disk(folder) == await on_record(register)


_serials = iter(range(1, 998))


async def one_more(register: Register) -> tuple[dict[str, str], str]:
    """Somebody with a draft of his own."""
    number = national_number("1985-02-23", next(_serials))
    who = await register.candidate(number)
    member = {"id": "p1", "role": "applicant", "number": number, "born_on": "1985-02-23"}
    return who, await register.started(who=who, members=[member], key=number)


async def on_record(register: Register) -> dict[str, str]:
    """Id → SHA-256 of every row."""
    async with register.service.database.engine.connect() as connection:
        rows = (await connection.execute(documents.select())).all()
    return {str(row.id): row.sha256 for row in rows}
