"""What an operator does at the command line: say again, look at what is parked, retry it or give it up."""

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
import typer
from typer.testing import CliRunner

from cir_chassis.cli import program
from cir_chassis.outbox import OUTBOX, Relay
from cir_chassis.service import Service
from cir_chassis.settings import Settings

from .conftest import Count, Counted, CountWork, Open, stored
from .test_bus import Topic, keep, running, send
from .test_dead_letters import parked

Command = Callable[..., Any]
AWAY = "not now (KafkaConnectionError): do Kafka and the database answer, and has the service run once?\n"


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def command(open_database: Open, kafka: str, topic: Topic, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command of the small service as a program."""
    url = open_database().engine.url.render_as_string(hide_password=False).replace("+asyncpg", "")
    for name, value in {
        "DATABASE_URL": url,
        "KAFKA": kafka,
        "PORT": "1",
        "ISSUER": "http://x",
        "AUDIENCE": "x",
    }.items():
        monkeypatch.setenv(f"CIR_{name}", value)

    def make(settings: Settings) -> Service[CountWork]:
        work = partial(CountWork, mode={})
        return Service(
            "test", "It counts.", settings, work, Path(), publishes=[topic.event], consumes={topic.event: keep}
        )

    cli: typer.Typer = program("test", Settings, make, Path())
    return lambda *words: CliRunner().invoke(cli, words)


async def test_a_version_that_came_in_wrongly_is_reset_and_the_next_snapshot_is_taken(
    command: Command, open_database: Open
) -> None:
    database, one, other = open_database(newer="version"), uuid4(), uuid4()

    async def put(version: int) -> None:
        async with database.work() as work:
            await work.load([one, other])
            for dossier in (one, other):
                work.counts.put(Count(dossier, version))

    run = partial(asyncio.to_thread, command, "versions", "reset")
    await put(999)
    refused = await run(str(one))
    assert (refused.exit_code, "--why" in refused.stderr) == (2, True)
    unknown = await run(str(uuid4()), "--why", "a test")
    assert (unknown.exit_code, "no snapshot of this dossier" in unknown.stderr) == (1, True)
    done = await run(str(one), "--why", "a forged snapshot, ticket 7")
    assert (done.exit_code, f"replay --dossier {one}" in done.stdout) == (0, True)
    [logged] = [json.loads(line) for line in done.stderr.splitlines()]
    assert (logged["event"], logged["dossier"]) == ("versions reset", str(one))
    assert logged["why"] == "a forged snapshot, ticket 7"
    await put(5)
    async with stored(database) as rows:
        assert rows == {one: 5, other: 999}


async def test_what_is_parked_is_listed_shown_retried_and_dropped(
    command: Command, open_database: Open, kafka: str, topic: Topic
) -> None:
    database, first, second = open_database(), uuid4(), uuid4()
    run = partial(asyncio.to_thread, command, "dlq")

    def keep_unless_second(events: Sequence[Counted], work: CountWork) -> None:
        if any(event.dossier == second for event in events):
            raise ZeroDivisionError
        keep(events, work)

    async with running(kafka, database, topic, keep_unless_second) as (bus, _, letters):
        await send(bus, topic, b"no number", first)
        await send(bus, topic, b"2", second)
        ids = {UUID((letter.key or b"").decode()): letter.id for letter in await parked(letters, 2)}
    listed = json.loads((await run("list", "--json")).stdout)
    assert {(one["id"], one["key"], one["reason"]) for one in listed} == {
        (ids[first], str(first), "the value is no number"),
        (ids[second], str(second), "ZeroDivisionError while it took effect"),
    }
    in_words = (await run("list")).stdout
    assert all(
        f"{one['id']}  {one['at']}  {one['type']}  {one['key']}  {one['reason']}\n" in in_words for one in listed
    )
    assert "no number" in json.loads((await run("show", ids[first])).stdout)["value"]
    still = await run("retry", ids[first])
    assert (still.exit_code, still.stderr) == (1, f"{ids[first]}: still not: the value is no number\n")
    done = await run("retry", ids[second])
    assert (done.exit_code, done.stdout) == (0, f"{ids[second]}: took effect\n")
    async with stored(database) as rows:
        assert rows == {second: 2}
    assert (await run("drop", ids[first])).stdout == f"{ids[first]}: dropped\n"
    nothing = await run("list")
    assert (nothing.stdout, nothing.stderr) == ("", "0 dead-lettered\n")
    unknown = await run("retry", ids[first])
    assert (unknown.exit_code, "`dlq list` shows what is" in unknown.stderr) == (2, True)


async def test_a_retry_that_fails_tells_the_type_of_its_error_and_nothing_of_its_text(
    command: Command, open_database: Open, kafka: str, topic: Topic
) -> None:
    too_long = (
        b"9" * 5000
    )  # the handler's ValueError has a text of its own, as that of pydantic, which quotes the value
    async with running(kafka, open_database(), topic, keep) as (bus, _, letters):
        await send(bus, topic, too_long, uuid4())
        [letter] = await parked(letters, 1)
    still = await asyncio.to_thread(command, "dlq", "retry", letter.id)
    assert (still.exit_code, still.stderr) == (1, f"{letter.id}: still not: ValueError while it took effect\n")


async def test_what_was_said_is_said_again_by_time_or_dossier(
    command: Command, open_database: Open, kafka: str, topic: Topic
) -> None:
    database, one = open_database(), uuid4()
    async with running(kafka, database, topic, keep) as (bus, *_):
        async with database.work() as work:
            for dossier in (one, uuid4(), uuid4()):
                work.publish(topic.event(dossier))
        await Relay(database.engine, bus, ()).carry()

    async def unsent() -> Any:
        async with database.engine.connect() as connection:
            return await connection.scalar(sa.select(sa.func.count()).where(OUTBOX.c.sent_at.is_(None)))

    run = partial(asyncio.to_thread, command, "replay")
    assert (await run()).exit_code == 2
    assert (await run("--since", "2999-01-01")).stdout.startswith("0 events")
    assert (await run("--dossier", str(one))).stdout == "1 events are published again by the relay\n"
    assert await unsent() == 1
    assert (await run("--since", "2020-01-01")).stdout.startswith("2 events")
    assert await unsent() == 3


async def test_kafka_away_is_said_and_nothing_else(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIR_KAFKA", "127.0.0.1:1")
    done = await asyncio.to_thread(command, "dlq", "list")
    assert (done.exit_code, done.stderr) == (1, AWAY)
