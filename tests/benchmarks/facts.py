"""Where facts come from: households composed, beside reading their layers; and persons asked about all at once, beside the
sources alone.

The first in time of the processor. The second by the clock, with the demo's sources in a process of their own.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import httpx
import sqlalchemy as sa
from pydantic import SecretStr
from pydantic_core import from_json

from cir_chassis.clock import Clock
from cir_chassis.database import Database, migrate
from cir_chassis.login import Caller
from cir_schemas.dossier import CompanyEntry
from deploy.embedded.postgres import create_databases
from deploy.embedded.samples import NO_FACTS, SAMPLES, Sample, national_number
from deploy.embedded.stack import TODAY, Stack
from dossier import tables
from dossier.app import MIGRATIONS
from dossier.directory.files import Directory
from dossier.facts.compose import Layers, Statement, by_key, changes, compose, state
from dossier.facts.origins import ORIGINS
from dossier.facts.questions import work_off
from dossier.facts.sources import SERVICES, Sources
from dossier.register.requests import DossierStart
from dossier.register.store import RegisterWork
from dossier.register.use_cases import start
from tests.benchmarks.measure import Entry, duration, seconds, throughput

HOUSEHOLDS, PERSONS, TURNS = 5_000, 500, 3
SHIFT = 15_000  # ports out of the way of a demo, and of the tests
ALONE: Sample = next(sample for sample in SAMPLES if sample.name.startswith("01_"))


def entries() -> Iterator[Entry]:
    households = [_on_record(sample) for sample in SAMPLES]
    kept = [json.dumps(layers).encode() for _, _, layers in households]

    def composed() -> None:
        for n in range(HOUSEHOLDS):
            compose(*households[n % len(households)], ORIGINS)

    def read() -> None:
        for n in range(HOUSEHOLDS):
            from_json(kept[n % len(kept)])

    took, floor = seconds(composed, read)
    yield throughput("facts: households composed, beside reading their layers", HOUSEHOLDS, took, floor)
    with TemporaryDirectory(prefix="cir-bench-") as folder:
        by_register, alone = asyncio.run(_asked_at_once(Path(folder)))
    name = f"facts: {PERSONS} persons asked about at once"
    for percent in (50, 99):
        answered, floor = (quantiles(waits, n=100)[percent - 1] for waits in (by_register, alone))
        yield duration(f"{name}, p{percent} to the last answer about each", answered, floor)


def _on_record(sample: Sample) -> tuple[list[dict[str, Any]], dict[str, str], Layers]:
    """A sample's household, declared, and answered by the sources."""
    layers = Layers()
    for since, layer in enumerate(("declaration", "source"), 1):
        stamp: Statement = {"by": layer, "at": TODAY, "since": since}
        for member in sample.members:
            said = by_key({name: value for name, value in member.items() if name not in NO_FACTS})
            changed = changes(layer, layers.get(member["id"], {}), said, ORIGINS)  # type: ignore[arg-type]
            layers = state(layers, member["id"], layer, changed, stamp)  # type: ignore[arg-type]
    places = [{"moves_in": True, **member} for member in sample.members]
    return places, {member["id"]: member["id"] for member in sample.members}, layers


async def _asked_at_once(folder: Path) -> tuple[list[float], list[float]]:
    """Seconds until each person's answers had taken effect, and until the sources alone had given them; the middle turn's."""
    async with Stack(folder, lambda line: None, shift=SHIFT, services=()) as stack:
        address, port = stack.url("sources"), stack.ports["postgres"]
        numbers = [national_number("1985-02-23", n) for n in range(PERSONS)]
        async with httpx.AsyncClient(base_url=address, trust_env=False) as http:
            for number in numbers:
                (await http.put(f"/persons/{number}", json=ALONE.known[ALONE.applicant])).raise_for_status()
        turns = []
        for turn in range(TURNS + 1):
            await create_databases(port, (name := f"turn_{turn}",))
            url = f"postgresql://postgres@127.0.0.1:{port}/{name}"
            await asyncio.to_thread(migrate, url, MIGRATIONS)
            turns.append((await _register_asks(url, address, numbers), await _asks_alone(address, numbers)))
    return sorted(turns[1:], key=lambda turn: median(turn[0]))[TURNS // 2]


async def _register_asks(url: str, address: str, numbers: Sequence[str]) -> list[float]:
    day = Clock(date.fromisoformat(TODAY))
    make = partial(
        RegisterWork,
        clock=day,
        organisations=Directory({"dijledal": CompanyEntry(name="Dijledal", municipalities=("24062",))}, {}),
        person_key=SecretStr("of a benchmark"),
        sources_patience=timedelta(hours=24),
    )
    database: Database[RegisterWork] = Database(url, make)
    for number in numbers:
        member = {"id": "p1", "role": "applicant", "number": number, "born_on": "1985-02-23"}
        post = {"household": {"members": [member]}, "municipality": "24062", "language": "nl"}
        caller = Caller(number, "candidate", {"number": number})
        async with database.work() as work:
            await start(DossierStart.model_validate(post), caller, work)
    begun, stopping = datetime.now(UTC), asyncio.Event()
    asking = asyncio.create_task(work_off(database, Sources(address), stopping))
    last = sa.select(sa.func.max(tables.questions.c.answered_at)).group_by(tables.questions.c.person)
    open_ = sa.select(sa.func.count()).where(tables.questions.c.answered_at.is_(None))
    async with asyncio.timeout(300), database.engine.connect() as connection:
        while await connection.scalar(open_):
            await asyncio.sleep(0.1)
        answered = list(await connection.scalars(last))
    stopping.set()
    await asking
    await database.engine.dispose()
    return [(at - begun).total_seconds() for at in answered]


async def _asks_alone(address: str, numbers: Sequence[str]) -> list[float]:
    sources, today, begun = Sources(address), date.fromisoformat(TODAY), perf_counter()

    async def ask(number: str) -> float:
        await asyncio.gather(*(sources.ask(service, number, today) for service in SERVICES))
        return perf_counter() - begun

    waits = await asyncio.gather(*map(ask, numbers))
    await sources.close()
    return waits
