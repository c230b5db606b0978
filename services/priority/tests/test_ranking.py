"""What the database answers is what the law's order says, on any day: the same order, the same reasons, the same left out."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from alembic import command

from cir_chassis.database import alembic_config
from cir_schemas import CandidacyRecorded
from priority.allocation import Situation, Vacancy
from priority.app import MIGRATIONS
from priority.domain.ranking import Candidate, Dwelling, Regulation, left_out_because, rank
from priority.rules import CRITERIA, LASTING_TIE
from priority.store import PriorityWork

from .conftest import Priority, candidacy, company

ON = date(2024, 2, 29)
DAYS = [
    *(ON + timedelta(days=n) for n in (-400, -1, 0, 1, 365, 1827, 1828)),
    date(2025, 2, 28),
    date(2025, 3, 1),
    date(9999, 12, 30),
]


def somebody(random: Random, nth: int) -> CandidacyRecorded:
    """Around the days that decide: stays that touch, overlap, last, are too short by a day, or end before they begin; of one
    candidate or of two."""
    members = random.choice(((None,), ("p1",), (None, "p2"), ("p1", "p2"), (None, "p1", "p2")))
    stays: list[dict[str, Any]] = []
    start = ON - timedelta(days=random.choice((365, 365 * 3 + 1, 1826, 1827, 3653, 3700, 4500)))
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        until = start + timedelta(days=random.choice((-3, 300, 1825, 1826, 1827, 2000)))
        lasts = random.random() < 0.3
        area = random.choice((None, "", "centrum", "zuid"))
        place = random.choice(("24062", "24062", "23088"))
        whose = random.choice(members)
        stays.append(
            {"member": whose, "municipality": place, "area": area, "from": start, "until": None if lasts else until}
        )
        start = until + timedelta(days=random.choice((-100, 0, 0, 1)))
    registered_on = date(2019, 2, 28) + timedelta(days=random.choice((0, 1, 2, 700)))
    status = random.choice(("registered",) * 8 + ("under_investigation", "submitted", "struck", "draft"))
    return candidacy(
        None if status == "draft" else f"2019.03.0{random.randint(1, 2)}.{nth:04d}",
        status=status,
        registered_on=None if status in ("draft", "submitted") else registered_on,
        persons=random.randint(1, 4),
        wants=[{"municipality": place, "company": "dijledal"} for place in random.choice((["24062"],) * 4 + (["23088"],))],
        residence=stays,
        informal_care_in=random.choice(((), (), ("24062",), ("23088",))),
        paused_until=random.choice((None, None, None, ON, ON + timedelta(days=1))),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
async def test_the_databases_order_is_the_laws(priority: Priority, seed: int) -> None:
    random = Random(seed)
    heard = [somebody(random, nth) for nth in range(1, 151)]
    await priority.hear(*heard)
    async with priority.service.database.work() as work:
        await work.load(one.dossier for one in heard)
        stored = []
        for one in work.candidacies.all():
            named = ("elderly", "carers", "vlabinvest")
            priorities = tuple(group for group in named if one.number and random.random() < 0.2)
            for group in priorities:  # as reviews gave them
                reviewed: dict[str, Any] = {
                    "decision": "priority",
                    "group": group,
                    "reasons": ["shown"],
                    "reviewed_by": "somebody",
                }
                asked: dict[str, Any] = {
                    "text": "",
                    "documents": [],
                    "asked_by": "candidate",
                    "asked_at": work.clock.now(),
                }
                work.allocation.situations.put(
                    Situation(uuid4(), one.dossier, str(one.number), company="dijledal", **asked, **reviewed)
                )
            stored.append(replace(one.in_domain(), priorities=priorities))
        await work.flush()
        for on in DAYS:
            for _ in range(4):
                small = random.randint(1, 3)
                dwelling = Dwelling(
                    random.choice(("24062", "24062", "23088")), random.choice((None, "", "centrum", "zuid")),
                    small, small + random.randint(0, 2), random.choice((None, None, "elderly", "carers")),
                )  # fmt: skip
                regulation = Regulation(
                    random.choice((None, 1, 3, 5, 2023)), random.choice((True, False)),
                    random.choice((None, None, None, ON, ON + timedelta(days=1))), random.choice((None, "dijledal")),
                )  # fmt: skip
                by_law, left_out = rank(on, dwelling, regulation, stored, CRITERIA, LASTING_TIE)
                there = [
                    (number, list(because))
                    for number, because in await work.ranked(on, dwelling, regulation, "dijledal")
                ]
                assert there == by_law, (on, dwelling, regulation)
                home = Vacancy("dijledal", "w1", "w1", bedrooms=1, free_on=ON, rent=None, **asdict(dwelling))
                first, waiting = await work.first(3, on, home, regulation)
                assert ([(number, list(because)) for number, because in first], waiting) == (by_law[:3], len(by_law))
                assert len(by_law) + len(left_out) == len(heard)
            await everybody_stands_where_the_law_says(work, on, stored)


async def everybody_stands_where_the_law_says(work: PriorityWork, on: date, stored: list[Candidate]) -> None:
    """Position, criteria, and how many are before by which criterion, for a home of just one's size."""
    for one in Random(on.toordinal()).sample([one for one in stored if one.dossier], 8):
        for place in ("24062", "23088"):
            home = Dwelling(place, None, one.persons, one.persons)
            chosen = Regulation(
                Random(place).choice((None, 3)), vlabinvest=Random(one.dossier).choice((None, "dijledal"))
            )
            ranked, _ = rank(on, home, chosen, stored, CRITERIA, LASTING_TIE)
            known = await work.find(one.dossier)
            assert known
            found = await work.standing(known, place, on, chosen)
            if found is None:
                assert left_out_because(on, home, chosen, one)
                continue
            at = [number for number, _ in ranked].index(one.dossier)
            because, before = found
            assert (list(because), before.total()) == (ranked[at][1], at)
            since = {other.dossier: other.registered_on for other in stored}
            whys = [
                overtakes(why, because, since[number] == one.registered_on) for number, why in ranked[:at]
            ]  # fmt: skip
            assert before == Counter(whys)


def overtakes(theirs: Sequence[str], ours: Sequence[str], same_day: bool) -> str:
    """The first criterion that they meet and ours do not; nobody overtakes without one."""
    for name in ("vlabinvest", "stricter_tie", "lasting_tie", "informal_care"):
        if (name in theirs) != (name in ours):
            assert name in theirs
            return name
    return "dossier_number" if same_day else "registration_date"


@pytest.mark.parametrize(
    ("hers", "tied"), [("2021-06-01", False), ("2019-06-02", False), ("2019-06-01", True)], ids=["3+3", "overlap", "5"]
)
async def test_stays_of_two_candidates_are_never_joined(priority: Priority, hers: str, tied: bool) -> None:
    await priority.agreed(area="centrum", stricter_tie_years=5, area_tie=True)
    home = {"municipality": "24062", "area": "centrum"}
    stays = [{**home, "from": "2018-06-01", "until": "2021-06-01"}, {**home, "member": "p2", "from": hers}]
    event = candidacy("2024.01.02.0001", residence=stays)
    await priority.hear(event.read(event.headers(), event.key.encode(), event.value()))
    await priority.hear(candidacy("2023.01.02.0001"))
    (await priority.free("w1", area="centrum")).raise_for_status()
    ties = ["stricter_tie", "lasting_tie", "area_tie"] if tied else []
    order = (await priority.next("w1"))["order"]
    assert order[0]["dossier"] == ("2024.01.02.0001" if tied else "2023.01.02.0001")
    because = {one["dossier"]: one["because"] for one in order}
    assert because["2024.01.02.0001"] == ["fitting_size", *ties, "registration_date"]
    listed = {one["dossier"]: one["because"] for one in (await priority.ask()).json()}
    assert ("lasting_tie" in listed["2024.01.02.0001"]) is tied
    (position,) = (await priority.get("/v1/dossiers/2024.01.02.0001/positions")).json()
    assert ("lasting tie" in position["text"]["en"]) is tied


async def test_a_place_from_before_the_stays_named_anybody_keeps_its_ties(priority: Priority) -> None:
    await priority.hear(candidacy("2024.01.02.0001", residence=[{"municipality": "24062", "from": "2019-06-01"}]))
    engine = priority.service.database.engine
    await engine.dispose()  # its connections know the table as it was
    config = alembic_config(engine.url.set(drivername="postgresql").render_as_string(False), MIGRATIONS)
    await asyncio.to_thread(command.downgrade, config, "0005")
    await asyncio.to_thread(command.upgrade, config, "head")
    await priority.hear(company("dijledal"))  # the earlier migration had none
    await priority.agreed(stricter_tie_years=5)
    (place,) = (await priority.ask()).json()
    assert place["because"] == ["stricter_tie", "lasting_tie", "registration_date"]


async def test_a_tie_begins_and_ends_as_days_pass(priority: Priority) -> None:
    stay = {"municipality": "24062", "from": "2012-01-01", "until": "2017-01-01"}
    first, tied = "2019.01.02.0001", "2020.01.02.0001"
    await priority.hear(candidacy(first), candidacy(tied, residence=[stay]))
    async with priority.service.database.work() as work:
        for day, who in (("2016-12-31", first), ("2017-01-01", tied), ("2022-01-01", tied), ("2022-01-02", first)):
            there = await work.waiting_list("24062", date.fromisoformat(day), Regulation(), "dijledal")
            assert there[0][0] == who, day
            assert ("lasting_tie" in there[0][1]) is (who == tied), day
