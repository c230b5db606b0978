"""A company's year in figures. Nobody is to be recognised in them: of fewer than five households no figure is told."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from csv import writer
from dataclasses import asdict, dataclass
from datetime import date
from io import StringIO
from statistics import quantiles
from typing import TypeVar

from priority.domain.turns import STANDARD

FEWEST = 5
"""Households that one figure tells of (K); but the turns of pillars 1 and 2 and the homes of pillar 4, which the same readers see
one by one (the ledger, the special allocations)."""
WITHHELD = "not told"
NOT_NAMED = "not_named"
JUDGED = {None: "not_judged", True: "well_founded", False: "unfounded"}
Of = TypeVar("Of", int, str, tuple[int, str])


@dataclass(frozen=True)
class Lease:
    """A home that was let. target_group: that it was kept for; to: who was given its turn; registered_on: its tenant; special:
    how it was given beside the turns."""

    let_on: date
    bedrooms: int
    target_group: str | None
    to: str | None
    registered_on: date | None
    special: str | None = None

    @property
    def way(self) -> tuple[int, str]:
        """The pillar by which it was let, and the group."""
        if self.special:
            return 4, self.special
        if self.to and self.to != STANDARD:
            return 2, self.to
        return (3, self.target_group) if self.target_group else (1, STANDARD)


@dataclass(frozen=True)
class Allocated:
    """How many homes were let by a pillar, to a group. None: of a target group there are fewer than five, here or in another
    such figure that could be worked out with this one."""

    pillar: int
    group: str
    count: int | None


@dataclass(frozen=True)
class Refused:
    """How many offers were refused or not answered, by how that was judged. None: fewer than five."""

    answer: str
    judged: str
    count: int | None


@dataclass(frozen=True)
class Ground:
    """For what offers were refused or not answered, by how that was judged. None: fewer than five, or with it others could be
    worked out of which there are fewer."""

    judged: str
    ground: str
    count: int | None


@dataclass(frozen=True)
class Waited:
    """In how many days from their registration the tenants of homes of a size had a lease: a quarter, half and three quarters of
    them at most, in tens, as of five each is the wait of one of them, which tells the day of his registration. None: they are
    fewer than five; count: or with it another size could be worked out of which there are fewer."""

    bedrooms: int
    count: int | None
    days_quarter: int | None = None
    days_median: int | None = None
    days_three_quarters: int | None = None


@dataclass(frozen=True)
class Figures:
    """A company's year."""

    company: str
    year: int
    allocations: list[Allocated]
    refusals: list[Refused]
    waiting: list[Waited]
    grounds: list[Ground]

    def as_csv(self) -> str:
        """A figure a row."""
        rows: list[tuple[str, str, int | None]]
        rows = [("allocations", f"{one.pillar} {one.group}", one.count) for one in self.allocations]
        rows += [("refusals", f"{one.answer} {one.judged}", one.count) for one in self.refusals]
        rows += [("refusal_grounds", f"{one.judged} {one.ground}", one.count) for one in self.grounds]
        for one in self.waiting:
            told = asdict(one)
            size = told.pop("bedrooms")
            rows += [(f"waiting_{name}", f"bedrooms {size}", value) for name, value in told.items()]
        text = StringIO()
        table = writer(text)
        table.writerow(("company", "year", "figure", "of", "value"))
        table.writerows((self.company, self.year, *of, WITHHELD if value is None else value) for *of, value in rows)
        return text.getvalue()


def of_year(
    company: str, year: int, leases: Iterable[Lease], judged: Iterable[tuple[str, bool | None, str | None]]
) -> Figures:
    """The figures of these leases, and of offers that were refused or not answered with their judgements and grounds."""
    ways, answers, by_size = Counter[tuple[int, str]](), Counter[tuple[str, str]](), defaultdict[int, list[int]](list)
    for one in leases:
        ways[one.way] += 1
        if one.registered_on is not None:
            by_size[one.bedrooms].append((one.let_on - one.registered_on).days)
    grounds = defaultdict[str, Counter[str]](Counter)
    for state, well_founded, ground in judged:
        answers[state, JUDGED[well_founded]] += 1
        if well_founded is not None:
            grounds[JUDGED[well_founded]][ground or NOT_NAMED] += 1
    standard = Counter({way: many for way, many in ways.items() if way[0] in (1, 3)})  # the ledger shows their sum
    kept = any(pillar == 3 for pillar, _ in standard)
    homes: dict[tuple[int, str], int | None] = {**ways, **dict(_told(standard, beside=False) if kept else ())}
    return Figures(
        company,
        year,
        [Allocated(*way, many) for way, many in sorted(homes.items())],
        [Refused(*answer, many if many >= FEWEST else None) for answer, many in sorted(answers.items())],
        [
            _waited(size, count, by_size[size])
            for size, count in _told(Counter({size: len(waits) for size, waits in by_size.items()}), beside=False)
        ],
        [
            Ground(how, ground, count)
            for how, counts in sorted(grounds.items())
            for ground, count in _told(counts, min(many for (_, of), many in answers.items() if of == how) < FEWEST)
        ],
    )


def _told(counts: Counter[Of], beside: bool) -> list[tuple[Of, int | None]]:
    """Which of these are told, where their sum may be known: not those of fewer than five, nor (from the smallest on) more of
    them until what is not told is of five or more together. beside: another figure of the same households is not told, so
    neither is their sum here."""
    hidden = 0
    found = dict[Of, int | None]()
    for of, count in sorted(counts.items(), key=lambda counted: (counted[1], counted[0])):
        hide = count < FEWEST or 0 < hidden < FEWEST or (beside and not hidden)
        hidden += count if hide else 0
        found[of] = None if hide else count
    return sorted(found.items())


def _waited(bedrooms: int, count: int | None, waits: list[int]) -> Waited:
    if len(waits) < FEWEST:
        return Waited(bedrooms, None)
    return Waited(bedrooms, count, *(10 * round(one / 10) for one in quantiles(waits, method="inclusive")))


def days(year: int) -> tuple[date, date]:
    """Its first and its last one."""
    return date(year, 1, 1), date(year, 12, 31)
