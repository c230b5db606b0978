"""Who is first for a dwelling: the standard ranking, criterion by criterion, and the reason for each place.

Size comes first: a household that does not fit is not ranked at all. Then, one after the other, so that a later criterion only
decides among those whom the earlier ones leave equal: for a home that is kept for a target group, who is of it (pillar 3); the
stricter local tie (where the municipality has one), the lasting
tie, the tie with the area (where agreed), informal care, the date of registration, the dossier number.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

ON_THE_LIST = "registered"
BECAUSE = ("registration_date",)
YEARS = 5  # of a lasting tie: without a break, within the ten years before (standard allocation)


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
    """What the municipalities chose. stricter_tie_years: without a break up to the day; area_tie: the area's tie counts."""

    stricter_tie_years: int | None = None
    area_tie: bool = False
    frozen_until: date | None = None


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


def rank(
    on: date, dwelling: Dwelling, regulation: Regulation, candidates: Iterable[Candidate]
) -> tuple[list[tuple[str, list[str]]], list[tuple[str, str]]]:
    """The ranking, the first one first, with the criteria that each meets; and those left out, with the first reason why."""
    ranked: list[tuple[tuple[object, ...], Candidate, list[str]]] = []
    left_out: list[tuple[str, str]] = []
    for candidate in candidates:
        if why := left_out_because(on, dwelling, regulation, candidate):
            left_out.append((candidate.dossier, why))
        else:
            ties = _ties(on, dwelling, regulation, candidate)
            key = (*(not held for _, held in ties), candidate.registered_on, *number_parts(candidate.dossier))
            because = ["fitting_size", *(name for name, held in ties if held), *BECAUSE]
            ranked.append((key, candidate, because))
    ranked.sort(key=lambda one: one[0])
    return [(candidate.dossier, because) for _, candidate, because in ranked], left_out


def left_out_because(on: date, dwelling: Dwelling, regulation: Regulation, candidate: Candidate) -> str | None:
    """The first reason that applies."""
    reasons = {
        "not_registered": candidate.status not in (ON_THE_LIST, "under_investigation"),
        "under_investigation": candidate.status == "under_investigation",
        "frozen": regulation.frozen_until is not None and on < regulation.frozen_until,
        "not_wanted": dwelling.municipality not in candidate.wants,
        "wrong_size": not dwelling.min_persons <= candidate.persons <= dwelling.max_persons,
        "paused": candidate.paused_until is not None and on < candidate.paused_until,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _ties(on: date, dwelling: Dwelling, regulation: Regulation, candidate: Candidate) -> Sequence[tuple[str, bool]]:
    """The criteria before the registration date that count for this dwelling, in sequence, and whether they are met."""
    here = [stay for stay in candidate.residence if stay.municipality == dwelling.municipality]
    ties = []
    if dwelling.target_group is not None:
        ties.append(("target_group", dwelling.target_group in candidate.priorities))
    if regulation.stricter_tie_years is not None:
        ties.append(("stricter_tie", _lives_there(joined(here), on, regulation.stricter_tie_years)))
    ties.append(("lasting_tie", _lasts(here, on)))
    if regulation.area_tie:
        in_area = [stay for stay in candidate.residence if stay.area is not None and stay.area == dwelling.area]
        ties.append(("area_tie", _lasts(in_area, on)))
    ties.append(("informal_care", dwelling.municipality in candidate.informal_care_in))
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


def lasting_tie(start: date, end: date) -> tuple[date, date] | None:
    """The days on which a stay [start, end) gives a lasting tie, both included; none where it is shorter than five years."""
    since = later(start, YEARS)
    return (since, later(end, YEARS)) if since <= end else None


def lasting_ties(stays: Iterable[Stay]) -> list[tuple[date, date]]:
    """The days on which these stays give a lasting tie: intervals by their start, both ends included."""
    return sorted(tie for stay in joined(stays) if (tie := lasting_tie(*stay)))


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


def _lasts(stays: Iterable[Stay], on: date) -> bool:
    return any(since <= on <= through for since, through in lasting_ties(stays))


def _lives_there(stays: Iterable[tuple[date, date]], on: date, years: int) -> bool:
    """Lived there without a break for so many years up to that day, that day included."""
    return any(later(start, years) <= on < end for start, end in stays)


def number_parts(number: str) -> tuple[date, int]:
    """A dossier number, YYYY.MM.DD.NNNN, as what orders it: its day and its place on that day."""
    year, month, day, nth = (int(part) for part in number.split("."))
    return date(year, month, day), nth
