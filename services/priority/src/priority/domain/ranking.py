"""Who is first for a dwelling: the standard ranking, criterion by criterion, and the reason for each place.

Size comes first: a household that does not fit is not ranked at all. Then the criteria in the law's sequence, so that a later one
only decides among those whom the earlier ones leave equal, and the dossier number.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple, TypeVar

V = TypeVar("V")
Dated = Sequence[tuple[date | None, V]]
"""Values of the law, each with the day since which it holds, the oldest first; that one holds before as well."""
ON_THE_LIST = "registered"
BECAUSE = ("registration_date",)
VLABINVEST = "vlabinvest"  # the criterion, and the priority that a company gives


class LastingTie(NamedTuple):
    """So many years lived there without a break, within so many years before."""

    years: int
    within: int


@dataclass(frozen=True)
class Stay:
    """A stay in a municipality; until: the first day not lived there, none lasts. member: whose, none: the applicant's."""

    municipality: str
    area: str | None
    start: date
    until: date | None
    member: str | None = None


@dataclass(frozen=True)
class Dwelling:
    municipality: str
    area: str | None
    min_persons: int
    max_persons: int
    target_group: str | None = None
    """Kept for this one: whom the company gave that priority comes first."""


@dataclass(frozen=True)
class Regulation:
    """What the municipalities chose. stricter_tie_years: without a break up to the day; area_tie: the area's tie counts;
    vlabinvest: the company by whose word somebody has Vlabinvest's priority, where that holds."""

    stricter_tie_years: int | None = None
    area_tie: bool = False
    frozen_until: date | None = None
    vlabinvest: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A dossier as the ranking sees it. registered_on: none as long as it is not registered."""

    dossier: str
    status: str
    registered_on: date | None
    persons: int
    wants: tuple[str, ...]
    residence: tuple[Stay, ...] = ()
    informal_care_in: tuple[str, ...] = ()
    paused_until: date | None = None
    priorities: tuple[str, ...] = ()


def value_on(rows: Dated[V], on: date) -> V:
    """The value that holds that day."""
    return next((value for since, value in reversed(rows) if since is None or since <= on), rows[0][1])


def rank(
    on: date,
    dwelling: Dwelling,
    regulation: Regulation,
    candidates: Iterable[Candidate],
    criteria: Dated[tuple[str, ...]],
    tie: Dated[LastingTie],
) -> tuple[list[tuple[str, list[str]]], list[tuple[str, str]]]:
    """The ranking, the first one first, with the criteria that each meets; and those left out, with the first reason why."""
    sequence = value_on(criteria, on)
    ranked: list[tuple[tuple[object, ...], Candidate, list[str]]] = []
    left_out: list[tuple[str, str]] = []
    for candidate in candidates:
        if why := left_out_because(on, dwelling, regulation, candidate):
            left_out.append((candidate.dossier, why))
        else:
            held = _ties(on, dwelling, regulation, candidate, tie)
            ties = [(name, held[name]) for name in sequence if name in held]
            key = (*(not held for _, held in ties), candidate.registered_on, *number_parts(candidate.dossier))
            because = ["fitting_size", *(name for name, held in ties if held), *BECAUSE]
            ranked.append((key, candidate, because))
    ranked.sort(key=lambda one: one[0])
    return [(candidate.dossier, because) for _, candidate, because in ranked], left_out


def left_out_because(on: date, dwelling: Dwelling, regulation: Regulation, candidate: Candidate) -> str | None:
    """The first reason that applies."""
    return next(iter(reasons_against(on, dwelling, regulation, candidate)), None)


def reasons_against(on: date, dwelling: Dwelling, regulation: Regulation, candidate: Candidate) -> list[str]:
    """Why this dwelling cannot be offered to somebody that day."""
    reasons = {
        "not_registered": candidate.status not in (ON_THE_LIST, "under_investigation"),
        "under_investigation": candidate.status == "under_investigation",
        "frozen": regulation.frozen_until is not None and on < regulation.frozen_until,
        "not_wanted": dwelling.municipality not in candidate.wants,
        "wrong_size": not dwelling.min_persons <= candidate.persons <= dwelling.max_persons,
        "paused": candidate.paused_until is not None and on < candidate.paused_until,
    }
    return [reason for reason, applies in reasons.items() if applies]


def _ties(
    on: date, dwelling: Dwelling, regulation: Regulation, candidate: Candidate, tie: Dated[LastingTie]
) -> dict[str, bool]:
    """The criteria before the registration date that count for this dwelling, and whether they are met."""
    here = [stay for stay in candidate.residence if stay.municipality == dwelling.municipality]
    ties = {
        "lasting_tie": _lasts(here, on, tie),
        "informal_care": dwelling.municipality in candidate.informal_care_in,
    }
    if regulation.vlabinvest is not None:
        ties[VLABINVEST] = VLABINVEST in candidate.priorities
    if dwelling.target_group is not None:
        ties["target_group"] = dwelling.target_group in candidate.priorities
    if regulation.stricter_tie_years is not None:
        ties["stricter_tie"] = _lives_there(joined(here), on, regulation.stricter_tie_years)
    if regulation.area_tie:
        in_area = [stay for stay in candidate.residence if stay.area is not None and stay.area == dwelling.area]
        ties["area_tie"] = _lasts(in_area, on, tie)
    return ties


def joined(stays: Iterable[Stay]) -> Iterator[tuple[date, date]]:
    """Stays as [start, end). Those of one candidate that touch or overlap are one; those of two never are (K).

    One that lasts ends on the last day there is."""
    start: date | None = None
    end, member = date.min, None
    for stay in sorted(stays, key=lambda stay: (stay.member or "", stay.start)):
        if start is None or stay.member != member or stay.start > end:
            if start is not None:
                yield start, end
            start, end, member = stay.start, stay.until or date.max, stay.member
        else:
            end = max(end, stay.until or date.max)
    if start is not None:
        yield start, end


def lasting_tie(start: date, end: date, tie: LastingTie) -> tuple[date, date] | None:
    """The days on which a stay [start, end) gives a lasting tie, both included; none where it is too short."""
    since = later(start, tie.years)
    return (since, later(end, tie.within - tie.years)) if since <= end else None


def lasting_ties(stays: Iterable[Stay], rows: Dated[LastingTie]) -> list[tuple[date, date]]:
    """The days on which these stays give a lasting tie: intervals by their start, both ends included."""
    lived, ties = list(joined(stays)), []
    for nth, (since, tie) in enumerate(rows):
        last = rows[nth + 1][0] if nth + 1 < len(rows) else None  # the first day of the next row
        for days in filter(None, (lasting_tie(*stay, tie) for stay in lived)):
            first, through = max(days[0], since or date.min), min(days[1], last - timedelta(1) if last else date.max)
            if first <= through:
                ties.append((first, through))
    return sorted(ties)


def later(day: date, years: int) -> date:
    """The same day, years later; 29 February becomes 1 March. The last day there is stays that."""
    if day.year + years > date.max.year:
        return date.max
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def earlier(day: date, years: int) -> date | None:
    """The last day of which `later` is no later than this day; none where there is none."""
    if day.year - years < date.min.year:
        return None
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)


def _lasts(stays: Iterable[Stay], on: date, tie: Dated[LastingTie]) -> bool:
    return any(since <= on <= through for since, through in lasting_ties(stays, tie))


def _lives_there(stays: Iterable[tuple[date, date]], on: date, years: int) -> bool:
    """Lived there without a break for so many years up to that day, that day included."""
    return any(later(start, years) <= on < end for start, end in stays)


def number_parts(number: str) -> tuple[date, int]:
    """A dossier number, YYYY.MM.DD.NNNN, as what orders it: its day and its place on that day."""
    year, month, day, nth = (int(part) for part in number.split("."))
    return date(year, month, day), nth
