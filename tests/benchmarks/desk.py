"""A case worker's desk at a register of 200,000 dossiers: a page of the queue, and a dossier by a name, as it is spelt and with a
letter wrong; each beside its bare query. In time of the clock: what is waited for is the database."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from cir_chassis.clock import Clock
from cir_chassis.database import Database, migrate
from cir_chassis.login import Caller
from deploy.embedded.postgres import create_databases, part
from deploy.embedded.supervisor import Child
from dossier.app import MIGRATIONS
from dossier.desk import use_cases
from dossier.register.store import RegisterWork
from tests.benchmarks.measure import Entry, duration

REGISTER, COMPANIES, ASKED, PORT = 200_000, 40, 500, 17_442
GIVEN = "Jan Piet Joris Anna Marie Lotte Youssef Fatima Ahmed Elif Mehmet Sofie Tom Wout Emma Noor Ines Karel Rik Eva"
SYLLABLES = "van den ber jans peet mer ver hoe kel stra ghe lie dum wout aert ens ers man mans ck"
FIRST = GIVEN.split()
WORKER = Caller("w", "case_worker", {"company": "c1"})
FILL = """
INSERT INTO dossiers (id, municipality, company, language, wants, residence, informal_care_in, household, declared_version,
  facts_version, household_version, version, standing, status, asked, started_at, touched_at, waits, waits_from)
SELECT md5(n::text)::uuid, '24062', 'c' || n % :companies, 'nl', '["24062"]', '[]', '[]',
  '[{"id": "p1", "role": "applicant", "moves_in": true}, {"id": "p2", "role": "partner", "moves_in": true}]', 1, 1, 1, 1,
  '{"submitted_on": "2024-03-20"}', 'submitted', '[]', now(), now(),
  CASE n % 10 WHEN 0 THEN jsonb_build_object('term', now() - n * interval '1 second') ELSE '{}' END,
  CASE n % 10 WHEN 0 THEN now() - n * interval '1 second' END
FROM generate_series(1, :register) n
"""
MEMBERS = """
INSERT INTO members (dossier, member, role, number, sheet)
SELECT md5(n::text)::uuid, 'p' || m, CASE m WHEN 1 THEN 'applicant' ELSE 'partner' END, NULL, jsonb_build_object(
  'first_name', (CAST(:first AS text[]))[1 + (n * 7 + m * 3) % :firsts],
  'last_name', (CAST(:last AS text[]))[1 + (n * 13 + m * 31) % :lasts])
FROM generate_series(1, :register) n, generate_series(1, 2) m
"""
QUEUE = "SELECT id, waits FROM dossiers WHERE company = 'c1' AND waits_from <= now() ORDER BY waits_from, id LIMIT 51"
NAMED = """
SELECT m.dossier, m.member FROM members m JOIN dossiers d ON d.id = m.dossier
WHERE d.company = 'c1' AND m.trigrams @> name_trigrams(:name) ORDER BY cardinality(m.trigrams), d.id LIMIT 51
"""


def entries() -> Iterator[Entry]:
    with TemporaryDirectory(prefix="cir-bench-") as folder:
        measured = asyncio.run(_measure(Path(folder)))
    for name, (times, floors) in measured.items():
        p99, floor = (quantiles(one, n=100)[98] for one in (times, floors))
        yield duration(f"desk: {name} among {REGISTER:,} dossiers, p99", p99, floor)


async def _measure(folder: Path) -> dict[str, tuple[list[float], list[float]]]:
    """What is asked → seconds of each, and of its bare query."""
    child = Child(part(folder / "cluster", PORT), folder, lambda line: None, lambda: None)
    await child.start()
    try:
        await create_databases(PORT, ("dossier",))
        url = f"postgresql://postgres@127.0.0.1:{PORT}/dossier"
        await asyncio.to_thread(migrate, url, MIGRATIONS)
        work = partial(RegisterWork, clock=Clock(), companies={}, person_key=SecretStr("of a benchmark"))
        database: Database[RegisterWork] = Database(url, work)
        random, syllables = Random(0), SYLLABLES.split()
        last = ["".join(random.choices(syllables, k=3)).capitalize() for _ in range(5_000)]
        await _fill(database, last)
        names = [f"{random.choice(FIRST)} {random.choice(last)}" for _ in range(ASKED)]
        misspelt = [name[:-2] + random.choice("xyz") + name[-1] for name in names]

        async def queue(work: RegisterWork, _: str) -> Any:
            return await use_cases.queue(None, WORKER, work)

        async def named(work: RegisterWork, name: str) -> Any:
            return await use_cases.search(name, None, WORKER, work)

        measured = {
            "a page of the queue": await _asked(database, queue, QUEUE, names),
            "a name": await _asked(database, named, NAMED, names),
            "a name with a letter wrong": await _asked(database, named, NAMED, misspelt),
        }
        await database.engine.dispose()
    finally:
        await child.stop()
    return measured


async def _asked(
    database: Database[RegisterWork], ask: Callable[[RegisterWork, str], Awaitable[Any]], bare: str, names: list[str]
) -> tuple[list[float], list[float]]:
    times, floors = list[float](), list[float]()
    for name in names:
        async with database.work() as work:
            begun = perf_counter()
            await ask(work, name)
            times.append(perf_counter() - begun)
            query = sa.text(bare)
            begun = perf_counter()
            list(await work.connection.execute(query, {"name": name} if ":name" in bare else {}))
            floors.append(perf_counter() - begun)
    return times, floors


async def _fill(database: Database[RegisterWork], last: list[str]) -> None:
    given = {"register": REGISTER, "companies": COMPANIES}
    named = {"register": REGISTER, "first": FIRST, "firsts": len(FIRST), "last": last, "lasts": len(last)}
    async with database.engine.connect() as connection:
        await connection.execute(sa.text(FILL), given)
        await connection.execute(sa.text(MEMBERS), named)
        for table in ("dossiers", "members"):
            await connection.execute(sa.text(f"VACUUM ANALYZE {table}"))
