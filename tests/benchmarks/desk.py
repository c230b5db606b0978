"""A case worker's desk at a register of 200,000 dossiers: a page of the queue, a dossier by a name (as it is spelt, a part that
many have, a letter wrong), and one dossier with its history; each beside its bare query. Two pages as a browser has them: the
queue, and a candidate's dossier. An upload of 10 MB over HTTP beside a bare write of the same bytes. In time of the clock: what
is waited for is the database, or the disk."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from uuid import UUID

import httpx
import sqlalchemy as sa
from pydantic import SecretStr

from cir_chassis.database import Database, migrate
from cir_chassis.login import Caller
from cir_chassis.service import Service
from cir_chassis.session import LIFE, Seal
from deploy.embedded.postgres import create_databases, part
from deploy.embedded.supervisor import Child
from dossier.app import MIGRATIONS, DossierSettings, make
from dossier.desk import use_cases
from dossier.register import reading
from dossier.register.store import RegisterWork
from tests.benchmarks.measure import Entry, duration

REGISTER, COMPANIES, ASKED, UPLOADS, PORT = 200_000, 40, 500, 40, 17_442
GIVEN = "Jan Piet Joris Anna Marie Lotte Youssef Fatima Ahmed Elif Mehmet Sofie Tom Wout Emma Noor Ines Karel Rik Eva"
SYLLABLES = "van den ber jans peet mer ver hoe kel stra ghe lie dum wout aert ens ers man mans ck"
FIRST = GIVEN.split()
WORKER = Caller("w", "case_worker", {"company": "c1"})
HOME, SESSION_KEY = "http://127.0.0.1:1", SecretStr("of a benchmark, in 32 characters or more")
PAPER = b"%PDF-1.7\n" + bytes(9_990_000)
FILL = """
INSERT INTO dossiers (id, municipality, company, language, wants, residence, informal_care_in, household, declared_version,
  facts_version, household_version, version, standing, status, asked, started_at, touched_at, waits, waits_from)
SELECT md5(n::text)::uuid, '24062', 'c' || n % :companies, 'nl', '["24062"]', '[]', '[]',
  '[{"id": "p1", "role": "applicant", "moves_in": true}, {"id": "p2", "role": "partner", "moves_in": true}]', 1, 1, 1, 1,
  '{"submitted_on": "2024-03-20"}', 'submitted', '[]', now(), now(),
  CASE hashint4(n) % 10 WHEN 0 THEN jsonb_build_object('term', now() - n * interval '1 second') ELSE '{}' END,
  CASE hashint4(n) % 10 WHEN 0 THEN now() - n * interval '1 second' END
FROM generate_series(1, :register) n
"""
MEMBERS = """
INSERT INTO members (dossier, member, role, number, sheet)
SELECT md5(n::text)::uuid, 'p' || m, CASE m WHEN 1 THEN 'applicant' ELSE 'partner' END, NULL, jsonb_build_object(
  'first_name', (CAST(:first AS text[]))[1 + abs(hashint4(n * 2 + m) % :firsts)],
  'last_name', (CAST(:last AS text[]))[1 + abs(hashint4(- n * 2 - m) % :lasts)])
FROM generate_series(1, :register) n, generate_series(1, 2) m
"""
ACTS = """
INSERT INTO acts (id, dossier, kind, subject, role, relation, at, "on", reasons, refers)
SELECT gen_random_uuid(), id, 'change_contacts', 'somebody', 'candidate', 'applicant', now(), '2024-03-20', '[]', '{}'
FROM dossiers, generate_series(1, 30) WHERE company = 'c1'
"""
QUEUE = "SELECT id, waits FROM dossiers WHERE company = 'c1' AND waits_from <= now() ORDER BY waits_from, id LIMIT 51"
NAMED = """
SELECT dossier, member FROM members
WHERE company_trigrams(company, trigrams) @> company_trigrams('c1', name_trigrams(:of))
ORDER BY cardinality(trigrams), dossier LIMIT 51
"""
HISTORY = """
SELECT d.*, m.*, a.* FROM dossiers d JOIN members m ON m.dossier = d.id JOIN acts a ON a.dossier = d.id
WHERE d.id = CAST(:of AS uuid) ORDER BY a.place
"""
Ask = Callable[[RegisterWork, str], Awaitable[Any]]
Times = tuple[list[float], list[float]]
"""Seconds of each, and of its floor."""


def entries() -> Iterator[Entry]:
    with TemporaryDirectory(prefix="cir-bench-") as folder:
        measured, uploads = asyncio.run(_measure(Path(folder)))
    for name, times in measured.items():
        yield duration(f"desk: {name} among {REGISTER:,} dossiers, p99", *(quantiles(one, n=100)[98] for one in times))
    halfway = [sorted(one)[UPLOADS // 2] for one in uploads]
    yield duration("desk: an upload of 10 MB over HTTP, beside a bare write, median", *halfway)


async def _measure(folder: Path) -> tuple[dict[str, Times], Times]:
    child = Child(part(folder / "cluster", PORT), folder, lambda line: None, lambda: None)
    await child.start()
    try:
        await create_databases(PORT, ("dossier",))
        url = f"postgresql://postgres@127.0.0.1:{PORT}/dossier"
        await asyncio.to_thread(migrate, url, MIGRATIONS)
        return await measure(url, folder)
    finally:
        await child.stop()


async def measure(url: str, folder: Path) -> tuple[dict[str, Times], Times]:
    """What is asked → its times; and those of the uploads. folder: where files may be kept."""
    settings = DossierSettings(
        database_url=url,
        kafka="127.0.0.1:1",
        port=1,
        issuer="http://127.0.0.1:1",
        audience="bench",
        environment="demo",
        today=date(2024, 3, 20),
        person_key=SESSION_KEY,
        documents=(folder / "documents").as_uri(),
        public={"dossier": HOME},
        session_key=SESSION_KEY,
        client_secret=SESSION_KEY,
    )
    service = make(settings)
    random, syllables = Random(0), SYLLABLES.split()
    last = ["".join(random.choices(syllables, k=3)).capitalize() for _ in range(5_000)]
    await _fill(service.database, last)
    async with service.database.work() as work:
        some = "SELECT dossier, sheet ->> 'first_name' f, sheet ->> 'last_name' l FROM members WHERE company = 'c1'"
        those = random.sample(list(await work.connection.execute(sa.text(some))), ASKED)
    names = [f"{one.f} {one.l}" for one in those]
    misspelt = [name[:-2] + random.choice("xyz") + name[-1] for name in names]

    async def queue(work: RegisterWork, _: str) -> None:
        await use_cases.queue(None, WORKER, work)

    async def named(work: RegisterWork, name: str) -> None:
        await use_cases.search(name, None, WORKER, work)

    async def history(work: RegisterWork, dossier: str) -> None:
        await reading.read(UUID(dossier), WORKER, work)
        await reading.read_history(UUID(dossier), WORKER, work)

    database = service.database
    measured = {
        "a page of the queue": await _asked(database, queue, QUEUE, names),
        "a name": await _asked(database, named, NAMED, names),
        "the beginning of a name": await _asked(database, named, NAMED, [one.l[:4] for one in those]),
        "a name with a letter wrong": await _asked(database, named, NAMED, misspelt),
        "one with its history": await _asked(database, history, HISTORY, [str(one.dossier) for one in those]),
    }
    service.app.state.login = Known()
    async with database.work() as work:
        numbered = "UPDATE members SET number = CAST(dossier AS text) WHERE member = 'p1' AND dossier = ANY(:these)"
        await work.connection.execute(sa.text(numbered), {"these": [one.dossier for one in those]})
        started = """UPDATE dossiers SET standing = standing || jsonb_build_object('starter', CAST(id AS text))
                     WHERE id = ANY(:these)"""
        await work.connection.execute(sa.text(started), {"these": [one.dossier for one in those]})
    dossiers = [str(one.dossier) for one in those]
    pages = {
        "the queue": await _shown(service, lambda _: "/desk", lambda _: WORKER.subject, QUEUE, dossiers),
        "my dossier": await _shown(service, lambda one: f"/dossiers/{one}", lambda one: one, HISTORY, dossiers),
    }
    measured |= {f"{name} in a browser": times for name, times in pages.items()}
    uploads = await _uploaded(service.app, [one.dossier for one in those[:UPLOADS]], folder)
    await service.dispose()
    return measured, uploads


async def _asked(database: Database[RegisterWork], ask: Ask, bare: str, of: Sequence[str]) -> Times:
    """Each whole: with its entries in the audit."""
    times, floors = list[float](), list[float]()
    for one in of:
        async with database.work() as work:
            begun = perf_counter()
            await ask(work, one)
            await work.flush()
            times.append(perf_counter() - begun)
            query = sa.text(bare)
            begun = perf_counter()
            list(await work.connection.execute(query, {"of": one} if ":of" in bare else {}))
            floors.append(perf_counter() - begun)
    return times, floors


class Known:
    """A login that knows everybody: tokens are no part of this. A token is a candidate's number, or a case worker's."""

    async def caller(self, token: str) -> Caller:
        return Caller(token, "candidate", {"number": token}) if token != WORKER.subject else WORKER


async def _shown(
    service: Service[RegisterWork],
    address: Callable[[str], str],
    number: Callable[[str], str],
    bare: str,
    of: Sequence[str],
) -> Times:
    """Each page whole, as a browser that is logged in asks for it."""
    times, floors = list[float](), list[float]()
    seal = Seal(SESSION_KEY, "session", LIFE)
    transport = httpx.ASGITransport(app=service.app)
    async with httpx.AsyncClient(transport=transport, base_url=HOME) as http:
        for one in of:
            session = b64encode(json.dumps({"token": number(one), "until": 2**40}).encode())
            headers = {"Accept": "text/html", "Accept-Encoding": "gzip", "Cookie": f"cir={seal.sign(session).decode()}"}
            begun = perf_counter()
            answer = await http.get(address(one), headers=headers)
            times.append(perf_counter() - begun)
            assert answer.status_code == 200, answer.text
            async with service.database.engine.connect() as connection:
                query = sa.text(bare)
                begun = perf_counter()
                list(await connection.execute(query, {"of": one} if ":of" in bare else {}))
                floors.append(perf_counter() - begun)
    return times, floors


async def _uploaded(app: Any, dossiers: Sequence[UUID], folder: Path) -> Times:
    times, floors = list[float](), list[float]()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HOME) as http:
        for n, dossier in enumerate(dossiers):
            request = http.build_request(
                "POST",
                f"/v1/dossiers/{dossier}/documents",
                headers={"Authorization": f"Bearer {WORKER.subject}"},
                data={"member": "p1", "fact": "residence"},
                files={"file": ("proof.pdf", PAPER)},
            )
            begun = perf_counter()
            answer = await http.send(request)
            times.append(perf_counter() - begun)
            assert answer.status_code == 201, answer.text
            begun = perf_counter()
            (folder / f"bare{n}").write_bytes(PAPER)
            floors.append(perf_counter() - begun)
    return times, floors


async def _fill(database: Database[RegisterWork], last: list[str]) -> None:
    given = {"register": REGISTER, "companies": COMPANIES}
    named = {"register": REGISTER, "first": FIRST, "firsts": len(FIRST), "last": last, "lasts": len(last)}
    async with database.engine.connect() as connection:
        await connection.execute(sa.text("SET statement_timeout = 0"))
        await connection.execute(sa.text(FILL), given)
        await connection.execute(sa.text(MEMBERS), named)
        await connection.execute(sa.text(ACTS))
        for table in ("dossiers", "members", "acts"):
            await connection.execute(sa.text(f"VACUUM ANALYZE {table}"))
        await connection.execute(sa.text("RESET statement_timeout"))
