"""A unit of work writes all or nothing, one row a key, and what is newer stays."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from alembic import command
from asyncpg import InternalClientError

from cir_chassis import driver
from cir_chassis.database import DatabaseBehind, alembic_config, check_migrated, is_outage, migrate

from .conftest import Count, Counted, Open, counts, stored

ONE, TWO = UUID(int=1), UUID(int=2)


async def test_each_table_is_written_once_with_the_last_row_of_each_key(open_database: Open) -> None:
    database = open_database()
    async with database.work() as work:
        work.counts.put(Count(ONE, 1, {"a": ["b", []]}))
        work.counts.put(Count(ONE, 2, []))
        work.counts.put(Count(TWO, 1))
    async with database.work() as work:
        await work.load([ONE, TWO])
        assert work.counts.get(ONE) == Count(ONE, 2, [])
        assert work.counts.get(TWO) == Count(TWO, 1, None)


async def test_jobs_are_woken_by_a_commit_that_wrote_and_the_relay_by_one_of_events(open_database: Open) -> None:
    database, woken = open_database(), list[str]()
    database.on_commit.append(lambda: woken.append("job"))
    database.on_publish.append(lambda: woken.append("relay"))
    async with database.work() as work:
        await work.load([ONE])
    assert woken == []
    async with database.work() as work:
        work.publish(Counted(ONE))
    async with database.work() as work:
        work.counts.put(Count(ONE, 1))
    assert woken == ["relay", "job", "job"]


async def test_an_error_leaves_neither_state_nor_events(open_database: Open) -> None:
    database = open_database()

    async def fail() -> None:
        async with database.work() as work:
            work.counts.put(Count(ONE, 1))
            work.publish(Counted(ONE))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with stored(database) as rows, database.engine.connect() as connection:
        assert rows == {}
        assert (await connection.exec_driver_sql("SELECT count(*) FROM outbox")).scalar() == 0


XID = sa.select(sa.func.pg_current_xact_id().cast(sa.Text))


async def test_all_statements_of_a_work_are_in_one_transaction_whoever_runs_them(open_database: Open) -> None:
    database = open_database()
    async with database.work() as work:
        ((first,),) = await driver.run(work.connection, XID, {})
        assert await work.connection.scalar(XID) == first
        work.counts.put(Count(ONE, 1))
        await work.flush()
        await work.connection.execute(counts.insert().values(id=TWO, version=1))
        async with stored(database) as rows:
            assert rows == {}
    async with database.engine.connect() as connection:
        written = await connection.scalars(sa.text("SELECT DISTINCT xmin::text FROM counts"))
        assert written.all() == [first]


async def test_a_statement_that_fails_takes_back_all_before_it(open_database: Open) -> None:
    database = open_database()

    async def fail(by_hand: bool) -> None:
        async with database.work() as work:
            work.counts.put(Count(ONE, 1))
            await work.flush()
            await work.connection.execute(counts.insert().values(id=TWO, version=1))
            if by_hand:
                await work.connection.execute(sa.text("SELECT 1/0"))
            work.counts.put(Count(TWO, 1000))

    for by_hand in (True, False):
        with pytest.raises(Exception, match="division by zero" if by_hand else "not_too_many"):
            await fail(by_hand)
        async with stored(database) as rows:
            assert rows == {}


async def test_a_work_that_is_cancelled_leaves_nothing_and_the_next_one_works(open_database: Open) -> None:
    database = open_database()

    async def never_ends() -> None:
        async with database.work() as work:
            work.counts.put(Count(ONE, 1))
            await work.flush()
            await driver.run(work.connection, sa.select(sa.func.pg_sleep(60).cast(sa.Text)), {})

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(never_ends(), 0.5)
    async with asyncio.timeout(5), database.work() as work:
        await work.load([ONE])
        assert work.counts.find(ONE) is None


async def test_no_statement_is_run_on_the_driver_before_a_transaction_has_begun(open_database: Open) -> None:
    async with open_database().engine.connect() as connection:
        with pytest.raises(AssertionError):
            await driver.run(connection, XID, {})


async def test_what_is_newer_stays_whatever_comes_last(open_database: Open) -> None:
    database = open_database(newer="version")
    for version in (2, 1, 2):
        async with database.work() as work:
            work.counts.put(Count(ONE, version, version))
    async with database.work() as work:
        await work.load([ONE])
        assert work.counts.get(ONE).version == 2


async def test_a_row_that_is_kept_once_stays_as_it_was(open_database: Open) -> None:
    database = open_database(insert_only=True)
    for version in (1, 2):
        async with database.work() as work:
            work.counts.put(Count(ONE, version))
    async with stored(database) as rows:
        assert rows == {ONE: 1}


async def test_works_on_the_same_rows_come_one_after_the_other_and_never_deadlock(open_database: Open) -> None:
    database = open_database()
    ids = [uuid4() for _ in range(20)]
    async with database.work() as work:
        for id_ in ids:
            work.counts.put(Count(id_, 0))

    async def one_more(order: list[UUID]) -> None:
        async with database.work() as work:
            await work.load(order)
            for id_ in order:
                work.counts.put(Count(id_, work.counts.get(id_).version + 1))

    await asyncio.gather(*(one_more(ids if n % 2 else ids[::-1]) for n in range(10)))
    async with stored(database) as rows:
        assert set(rows.values()) == {10}


async def test_a_version_is_above_the_last_and_above_what_a_lost_database_gave_out(open_database: Open) -> None:
    async with open_database().work() as work:
        assert work.next_version(0) > 1_700_000_000_000_000
        assert work.next_version(10**17) == 10**17 + 1


async def test_a_wrong_statement_is_no_outage_and_a_closed_door_is(open_database: Open) -> None:
    database = open_database()

    async def too_many() -> None:
        async with database.work() as work:
            work.counts.put(Count(ONE, 1000))

    with pytest.raises(Exception, match="not_too_many") as wrong:
        await too_many()
    assert not is_outage(wrong.value)
    assert is_outage(ConnectionRefusedError())


async def test_a_connection_that_is_lost_is_an_outage_whichever_statement_meets_it_first(open_database: Open) -> None:
    database = open_database()

    async def cut_off(seen: bool) -> None:
        async with database.work() as work:
            theirs: Any = (await work.connection.get_raw_connection()).driver_connection
            async with open_database().engine.connect() as other:
                await other.execute(sa.text("SELECT pg_terminate_backend(:it)"), {"it": theirs.get_server_pid()})
            async with asyncio.timeout(10):
                while seen and not theirs.is_closed():
                    await asyncio.sleep(0.01)
            work.counts.put(Count(ONE, 1))

    for seen in (True, False):
        with pytest.raises(Exception, match="connection") as lost:
            await cut_off(seen)
        assert is_outage(lost.value)


async def test_a_pool_that_is_used_up_is_no_outage(open_database: Open) -> None:
    database = open_database()
    async with AsyncExitStack() as stack:
        for _ in range(10):
            await stack.enter_async_context(database.engine.connect())
        async with asyncio.timeout(5):
            await database.probe()


async def test_a_connection_that_the_database_ended_is_given_to_nobody(open_database: Open) -> None:
    database = open_database()
    async with database.work() as work:
        theirs: Any = (await work.connection.get_raw_connection()).driver_connection
    async with open_database().engine.connect() as other:
        await other.execute(sa.text("SELECT pg_terminate_backend(:it)"), {"it": theirs.get_server_pid()})
    async with asyncio.timeout(10):
        while not theirs.is_closed():
            await asyncio.sleep(0.01)
    async with database.work() as work:
        assert await work.connection.scalar(sa.text("SELECT 1")) == 1


def _build(folder: Path, contracts: int = 0) -> Callable[[int], Path]:
    """The migrations of the nth build: each has one more; one of them contracts."""

    def of(newest: int) -> Path:
        versions = folder / str(newest) / "versions"
        versions.mkdir(parents=True)
        (versions.parent / "env.py").write_text(
            "import sqlalchemy as sa\nfrom cir_chassis.database import run_migrations\nrun_migrations(sa.MetaData())\n"
        )
        for n in range(1, newest + 1):
            (versions / f"{n}.py").write_text(
                f"from alembic import op\nrevision, down_revision = '{n}', {str(n - 1) if n > 1 else None!r}\n"
                f"contracts = {n == contracts}\n"
                f"def upgrade(): op.execute('CREATE TABLE t{n} ()')\ndef downgrade(): op.execute('DROP TABLE t{n}')\n"
            )
        return versions.parent

    return of


async def test_a_build_serves_on_what_later_migrations_widened_and_not_on_what_they_narrowed(
    open_database: Open, tmp_path: Path
) -> None:
    database = open_database()
    url = database.engine.url.render_as_string(hide_password=False).replace("+asyncpg", "")
    builds = [_build(tmp_path, contracts=4)(n) for n in range(1, 6)]

    async def refused() -> list[str]:
        said = []
        for build in builds:
            try:
                await check_migrated(database, url, build)
                said.append("")
            except DatabaseBehind as error:
                said.append(str(error).rpartition(": ")[2])
        return said

    behind, narrowed = "run `migrate` first", "a later migration is not for this build, take a newer one"
    assert await refused() == [behind] * 5
    for by, expected in [
        (3, ["", "", "", behind, behind]),
        (2, ["", "", "", behind, behind]),  # rolled back: it stays ahead
        (4, [narrowed, narrowed, narrowed, "", behind]),
        (5, [narrowed, narrowed, narrowed, "", ""]),
    ]:
        await asyncio.to_thread(migrate, url, builds[by - 1])
        assert await refused() == expected, by
    with pytest.raises(DatabaseBehind, match=narrowed):
        await asyncio.to_thread(migrate, url, builds[0])
    await asyncio.to_thread(command.downgrade, alembic_config(url, builds[4]), "2")
    assert await refused() == ["", "", behind, behind, behind]
    async with database.engine.begin() as connection:  # by a build from before this was noted, or by hand
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '3'")
    assert await refused() == [narrowed, narrowed, "", behind, behind]


@pytest.mark.parametrize("when", ["in hand", "begun", "at its end"])
async def test_a_connection_that_the_database_ends_is_an_outage_however_it_shows(
    open_database: Open, when: str
) -> None:
    database = open_database()

    async def struck() -> None:
        async with database.work() as work:
            pid = await work.connection.scalar(sa.text("SELECT pg_backend_pid()"))
            async with database.engine.connect() as other:
                await other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            if when == "in hand":
                await work.connection.execute(sa.text("SELECT 1"))
            elif when == "begun":  # what the driver says where it has read of the end and not seen it yet
                raise InternalClientError("cannot switch to state 15; another operation (2) is in progress")

    with pytest.raises(ConnectionResetError):
        await struck()
    async with database.work() as work:
        assert await work.connection.scalar(sa.text("SELECT 1")) == 1
