"""Households as units: what each condition decides by itself, the household, each candidate, or each thing of a candidate.

Co-residents are no units: those who are alike are interchangeable, so they are counted in groups.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from eligibility.domain.facts import UNKNOWN, Fact, day_number, lists
from eligibility.domain.rulebook import RuleBook

Household = Mapping[str, Any]
Person = Mapping[str, Any]
FILL = tuple[str, int, tuple[int, ...]]  # column, place, values
PROFILES = "profiles"


class Slot(NamedTuple):
    """One unknown of a unit: filling it with its n-th value puts each fill's n-th value in its column.

    kind: fact, amount, pending (interpreted first), or claim (not made first). A group of alike persons is one slot.
    """

    persons: tuple[str, ...]
    fact: str
    proofs: tuple[str, ...]
    kind: str
    fills: tuple[FILL, ...]

    @property
    def size(self) -> int:
        return len(self.fills[0][2])

    @property
    def filled(self) -> tuple[Any, ...]:
        """Which columns it fills, with how many values."""
        return self.size, *[(column, place) for column, place, _ in self.fills]

    def at(self, amounts: Sequence[int]) -> "Slot":
        """The slot of an amount, tried at these values; what else it fills stays as it is."""
        (column, place, _), *rest = self.fills
        fills = [(column, place, tuple(amounts)), *((c, p, v[:1] * len(amounts)) for c, p, v in rest)]
        return self._replace(fills=tuple(fills))

    def only(self, at: int) -> "Slot":
        """The slot with one of its values."""
        return self._replace(fills=tuple((column, place, (values[at],)) for column, place, values in self.fills))


class Unit(NamedTuple):
    """The household at this place of the batch, or this person, or this thing of the person."""

    household: int
    persons: Sequence[Person]
    thing: int | None = None

    def declared(self, fact: Fact, place: int) -> tuple[str, Any]:
        """What it is called in an answer, and what was declared of it."""
        of_person = self.persons[place][fact.name]
        return (fact.name, of_person) if self.thing is None else (f"{fact.name}[{self.thing}]", of_person[self.thing])


class Group(NamedTuple):
    """Co-residents who are alike. known: what they are, a bit a fact; unknown: the bits of what is not known of them."""

    ids: tuple[str, ...]
    known: int
    unknown: list[int]


class Batch:
    """Households, read once for all conditions.

    units: by subject, ascending by household; applicants: of each household, the place among the candidates; days: a row each;
    profiles: (households, combinations of the co-residents' facts); groups, open: of each household its co-residents, and what
    is unknown of them.
    """

    def __init__(self, households: Sequence[Household], rules: RuleBook) -> None:
        self.groups: list[list[Group]] = []
        whole: list[Unit] = []
        for n, household in enumerate(households):
            persons: list[Person] = []
            alike: dict[tuple[bool | None, ...], list[str]] = {}
            for member in household["members"]:
                if not member["moves_in"]:
                    continue
                if member["role"] == "co_resident":
                    alike.setdefault(tuple([member[name] for name in rules.profile]), []).append(member["id"])
                else:
                    persons.insert(0 if member["role"] == "applicant" else 1, member)
            whole.append(Unit(n, persons))
            self.groups.append([_group(facts, ids) for facts, ids in alike.items()])
        candidates = [Unit(unit.household, (person,)) for unit in whole for person in unit.persons]
        self.units = {"household": whole, "each_candidate": candidates}
        self.applicants = [row for row, unit in enumerate(candidates) if unit.persons[0]["role"] == "applicant"]
        for about, fact in lists(rules.facts).items():
            of_each = [(unit, unit.persons[0][fact.name]) for unit in candidates]
            self.units[about] = [  # where it is not known what there is, one for all
                unit._replace(thing=at) for unit, of in of_each for at in ((UNKNOWN,) if of is None else range(len(of)))
            ]
        self.days = np.array([[day_number(household["reference_date"])] for household in households], np.int64)
        self.profiles = np.zeros((len(households), 2 ** len(rules.profile)), np.int64)
        self.open = [self._count(n, groups, rules) if groups else [] for n, groups in enumerate(self.groups)]

    def _count(self, n: int, groups: Sequence[Group], rules: RuleBook) -> list[Slot]:
        """Count who has each combination of facts; who has an unknown one that some count tells apart goes in a slot."""
        slots: list[Slot] = []
        for ids, known, unknown in groups:
            counted = [bit for bit in unknown if rules.tells_apart(known, known | bit)]
            for bit in counted:
                fact, number = rules.facts[rules.profile[bit.bit_length() - 1]], range(len(ids) + 1)
                fills = ((PROFILES, known | bit, tuple(number)), (PROFILES, known, tuple(reversed(number))))
                slots.append(Slot(ids, fact.name, fact.settled_by(), "fact", fills))
            if not counted:
                self.profiles[n, known] += len(ids)
        return slots


def _group(facts: Sequence[bool | None], ids: Sequence[str]) -> Group:
    unknown = [1 << at for at, fact in enumerate(facts) if fact is None]
    return Group(tuple(ids), sum(1 << at for at, fact in enumerate(facts) if fact), unknown)
