"""Who is first, asked of the database: a dwelling's order, beside a bare sort of the same keys; one position, beside a bare
count of those on the same list; turns.

In time of the clock where the database is asked: what is waited for is the work.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretStr

from cir_chassis.clock import Clock
from cir_chassis.database import Database, migrate
from cir_schemas import CandidacyRecorded
from cir_schemas.dossier import Stay, Wanted
from cir_schemas.types import DossierId
from deploy.embedded.demo import AGREEMENT
from deploy.embedded.postgres import create_databases, part
from deploy.embedded.supervisor import Child
from priority.allocation import AdoptedAgreement, Vacancy
from priority.app import MIGRATIONS
from priority.domain.ranking import Dwelling, Regulation
from priority.domain.turns import flat, turns
from priority.handlers import EVENTS
from priority.store import Candidacy, PriorityWork
from priority.tables import places
from tests.benchmarks.measure import Entry, duration, seconds, throughput

REGISTER, LEUVEN = 200_000, 50_000
PORT = 17_432
TURNS = 7
ASKED = 1_000
VACANCIES = 200
CHANGES = 500  # in a batch, as the bus hands them over
SLOTS = 1_000_000
ON = date(2024, 6, 1)
HOME = Dwelling("24062", "centrum", 1, 8)
AGREED = AdoptedAgreement(
    UUID(int=1), "dijledal", None, ["24062"], AGREEMENT, ON, ON, "council", datetime(2024, 1, 1, tzinfo=UTC)
)


def entries() -> Iterator[Entry]:
    with TemporaryDirectory(prefix="cir-bench-") as folder:
        ranked, floor, positions, counts, firsts, bare, changed = asyncio.run(_measure(Path(folder)))
    yield duration(f"priority: rank {LEUVEN:,} for a dwelling, from the database", ranked, floor)
    name = f"priority: a position among {REGISTER:,}"
    yield duration(f"{name}, median", median(positions), median(counts))
    yield duration(f"{name}, p99", *(quantiles(times, n=100)[98] for times in (positions, counts)))
    name = f"priority: who is first for a vacancy among {REGISTER:,}"
    yield duration(f"{name}, median", median(firsts), median(bare))
    yield duration(f"{name}, p99", *(quantiles(times, n=100)[98] for times in (firsts, bare)))
    yield throughput(f"priority: candidacies changed, in batches of {CHANGES}", CHANGES, changed, unit="dossiers/s")
    agreed = flat(*_agreement())
    (taken,) = seconds(lambda: sum(1 for _ in islice(turns(agreed), SLOTS)), turns=3)
    yield duration(f"priority: {SLOTS:,} turns of {len(agreed) - 1} groups", taken)


async def _measure(folder: Path) -> tuple[float, float, list[float], list[float], list[float], list[float], float]:
    """Seconds: the median of a ranking and of its floor; each position asked and its floor; each vacancy for which the first was
    asked and the bare query of the index; the median of a batch of changes."""
    child = Child(part(folder / "cluster", PORT), folder, lambda line: None, lambda: None)
    await child.start()
    try:
        await create_databases(PORT, ("priority",))
        url = f"postgresql://postgres@127.0.0.1:{PORT}/priority"
        await asyncio.to_thread(migrate, url, MIGRATIONS)
        database = Database(url, lambda connection: PriorityWork(connection, Clock(ON), SecretStr("")))
        await _fill(database)
        ranking, sorting = list[float](), list[float]()
        for _ in range(TURNS + 1):  # the first does not count
            async with database.work() as work:
                begun = perf_counter()
                order = await work.ranked(ON, HOME, Regulation(stricter_tie_years=3, area_tie=True), "dijledal")
                ranking.append(perf_counter() - begun)
            assert len(order) == LEUVEN
            keys = [(*(name not in because for name in _TIES), number) for number, because in order]
            Random(1).shuffle(keys)
            begun = perf_counter()
            keys.sort()
            sorting.append(perf_counter() - begun)
        positions, counts = list[float](), list[float]()
        place = places.c
        for nth in Random(2).sample(range(REGISTER), ASKED):
            async with database.work() as work:
                known = await work.find(UUID(int=nth))
                assert known
                begun = perf_counter()
                assert await work.standing(known, known.wants[0]["municipality"], ON, Regulation())
                positions.append(perf_counter() - begun)
                there = place.municipality == known.wants[0]["municipality"], place.persons == known.persons
                begun = perf_counter()
                assert await work.connection.scalar(sa.select(sa.func.count()).where(*there))
                counts.append(perf_counter() - begun)
        firsts, bare = list[float](), list[float]()
        since = (place.registered_on, place.number_day, place.number_nth)
        for nth in range(VACANCIES):
            small, large = Random(nth).choice(((1, 1), (1, 2), (2, 3), (3, 5)))
            home = Vacancy("dijledal", f"w{nth}", f"w{nth}", "24062", "centrum", large, small, large, None, ON, 41050)
            async with database.work() as work:
                begun = perf_counter()
                assert (await work.next_for(home, AGREED, AGREED.ledger([]))).ranking
                firsts.append(perf_counter() - begun)
                there = place.municipality == "24062", place.persons.between(small, large)
                begun = perf_counter()
                assert (
                    await work.connection.execute(sa.select(place.number).where(*there).order_by(*since).limit(20))
                ).all()
                bare.append(perf_counter() - begun)
        changing = [await _change(database, first) for first in range(0, 20 * CHANGES, CHANGES)]
        await database.engine.dispose()
    finally:
        await child.stop()
    return median(ranking[1:]), median(sorting[1:]), positions, counts, firsts, bare, median(changing)


async def _change(database: Database[PriorityWork], first: int) -> float:
    """Seconds that a batch of newer candidacies takes, from its events to the commit."""
    random = Random(first)
    known = [_candidacy(random, nth, "24062") for nth in range(first, first + CHANGES)]
    events = [
        CandidacyRecorded(
            dossier=DossierId(one.dossier), version=2, status="registered", number=one.number, municipality="24062",
            registered_on=one.registered_on, company="dijledal", persons=one.persons + 1,
            wants=tuple(map(Wanted.model_validate, one.wants)),
            residence=tuple(map(Stay.model_validate, one.residence)), informal_care_in=tuple(one.informal_care_in),
        )
        for one in known
    ]  # fmt: skip
    begun = perf_counter()
    async with database.work() as work:
        await work.load(event.dossier for event in events)
        EVENTS[CandidacyRecorded](events, work)
    return perf_counter() - begun


_TIES = ("stricter_tie", "lasting_tie", "area_tie", "informal_care")


async def _fill(database: Database[PriorityWork]) -> None:
    """A quarter wants Leuven; the rest one of 284 others, the first ones more than the last. Half of all live alone."""
    random = Random(0)
    others = random.choices(range(284), [1 / (n + 3) for n in range(284)], k=REGISTER)
    for first in range(0, REGISTER, 5_000):
        async with database.work() as work:
            for nth in range(first, first + 5_000):
                place = "24062" if nth < LEUVEN else f"{30_000 + others[nth]}"
                work.place(_candidacy(random, nth, place))
    async with database.engine.connect() as connection:
        await connection.execute(sa.text("VACUUM ANALYZE places"))


def _candidacy(random: Random, nth: int, place: str) -> Candidacy:
    day = date(2016, 1, 1) + timedelta(days=random.randrange(3_000))
    start = day - timedelta(days=random.randrange(4_000))
    stay = {"municipality": place, "area": "centrum", "from": start.isoformat(), "until": None}
    persons = random.choice((1, 1, 1, 1, 2, 2, 3, 4))
    return Candidacy(
        UUID(int=nth), 1, "registered", f"{day:%Y.%m.%d}.{nth:06d}", day, nth, day, persons,
        [{"municipality": place, "company": "dijledal"}], [stay] if random.random() < 0.6 else [],
        [place] if random.random() < 0.05 else [], None, "dijledal", 1,
    )  # fmt: skip


def _agreement() -> tuple[Fraction, dict[str, Fraction]]:
    return Fraction(1, 5), {f"g{n}": Fraction(n, 78) for n in range(1, 13)}
