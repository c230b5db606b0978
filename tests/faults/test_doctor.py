"""`make doctor` on a real register: well, then with something parked, held up, unsent and hanging, then well again."""

import asyncio
import os
import re
import shlex
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from cir_schemas import ContactsRecorded
from deploy.embedded import ROOT
from deploy.embedded.stack import Stack


async def run(command: str, folder: Path) -> tuple[int, str]:
    """Exit code and what was printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CIR_")}
    if command.startswith("python -m deploy"):
        environment |= {"CIR_DEMO_DIR": str(folder)}
    program = await asyncio.create_subprocess_shell(
        command.replace("python", shlex.quote(sys.executable), 1),
        stdout=asyncio.subprocess.PIPE,
        env=environment,
        cwd=ROOT,
    )
    out, _ = await program.communicate()
    return program.returncode or 0, out.decode()


async def says(folder: Path, code: int, *texts: str) -> str:
    """What the doctor says once it says all of this, with this exit code; fails after half a minute."""
    deadline = monotonic() + 30
    while True:
        found, out = await run("python -m deploy.doctor", folder)
        missing = [text for text in texts if not re.search(text, out)]
        if (found, missing) == (code, []):
            return out
        assert monotonic() < deadline, f"exit {found}, not {code}; does not say {missing}:\n{out}"


async def outside(stack: Stack, service: str) -> asyncpg.Connection:
    return await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{stack.ports['postgres']}/{service}")


@pytest.mark.timeout(240)
async def test_the_doctor_finds_each_thing_that_needs_somebody(stack: Stack) -> None:
    await says(stack.folder, 0, "All is well")
    dossier, mail, now = uuid4(), uuid4(), "now() - interval '1 hour'"
    contacts = ContactsRecorded.model_validate(
        {"dossier": dossier, "version": 1, "company": "dijledal", "language": "nl", "email": "a@candidates.example"}
    )
    async with AsyncExitStack() as afterwards:
        database = await outside(stack, "dossier")
        afterwards.push_async_callback(database.close)
        await database.execute("SELECT pg_advisory_lock(hashtext('cir.relay'))")  # as if a relay hung
        await database.execute(
            "INSERT INTO outbox (topic, key, headers, value, said_at)"
            f" VALUES ('cir.dossier.v1', 'x', '{{}}', '', {now})"
        )
        afterwards.push_async_callback(database.execute, "DELETE FROM outbox WHERE key = 'x'")
        messages = await outside(stack, "notifications")
        afterwards.push_async_callback(messages.close)
        await messages.execute(
            "INSERT INTO messages (event, audience, channel, dossier, kind, number, asks, message_id, state, at, happened_at)"
            f" VALUES ($1, 'candidate', 'email', $1, 'struck', '1', '[]', '<late@x>', 'waiting', {now}, {now})",
            mail,
        )
        afterwards.push_async_callback(messages.execute, "DELETE FROM messages WHERE event = $1", mail)
        held = await outside(stack, "notifications")
        afterwards.push_async_callback(held.close)
        await held.execute("BEGIN; LOCK TABLE contacts IN EXCLUSIVE MODE")  # what is heard cannot take effect
        async with AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{stack.ports['kafka']}") as producer:
            poison = [("ce_type", contacts.type.encode())]
            await producer.send_and_wait(contacts.topic, b"1", str(dossier).encode(), headers=poison)
            headers = [(name, text.encode()) for name, text in contacts.headers().items()]
            await producer.send_and_wait(contacts.topic, contacts.value(), contacts.key.encode(), headers=headers)
        out = await says(
            stack.folder,
            1,
            "dossier: 1 events are not in Kafka, the oldest for 3[67]",
            r"notifications is [12] events behind on cir\.dossier\.v1, and not catching up",  # 2: heard in one batch
            "notifications: cir.dossier.v1.ContactsRecorded is parked since .*: header missing: ce_id",
            r"mail <late@x> \(struck\) waits since 20",
        )
        assert "candidates.example" not in out
    show = re.search(r"CIR_SETTINGS_FILE=\S+ .venv/bin/python -m notifications dlq show (\S+)", out)
    assert show
    command = show[0].replace(".venv/bin/python", "python")
    assert str(dossier) in (await run(command, stack.folder))[1]
    assert (await run(command.replace("show", "drop"), stack.folder)) == (0, f"{show[1]}: dropped\n")
    await says(stack.folder, 0, "All is well")


@pytest.mark.timeout(120)
async def test_the_doctor_finds_who_hangs_and_that_nothing_runs(stack: Stack, tmp_path: Path) -> None:
    pid = stack.kill("notifications", signal.SIGSTOP)
    try:
        await says(stack.folder, 1, rf"notifications does not answer[^\0]*kill -9 {pid}")
    finally:
        stack.kill("notifications", signal.SIGCONT)
    await says(stack.folder, 0, "All is well")
    await says(tmp_path, 2, "No register runs in")
