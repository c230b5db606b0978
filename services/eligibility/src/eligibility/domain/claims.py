"""What could still be claimed: the claims in some smallest set of claims that would make a condition met."""

from collections.abc import Container, Mapping, Sequence
from itertools import chain, compress

import numpy as np

from eligibility.domain.completions import BOUND, Layout, size
from eligibility.domain.facts import PROOF, UNKNOWN, Column, profile
from eligibility.domain.figures import Bools
from eligibility.domain.rulebook import MET, NOT_MET, TO_INVESTIGATE
from eligibility.domain.units import PROFILES, Group, Slot, Unit


def could_claim(
    layout: Layout, low: Sequence[int], nil_if_rejected: Container[int], outcomes: Mapping[int, int]
) -> tuple[dict[int, list[Slot]], int]:
    """By household, the claims that are in some smallest set that, interpreted, would (or could) make the condition met.

    What is unknown is taken at its best; only where the condition is nil are pending claims taken as rejected, since with
    them it may be met already. low: of each unit its most favourable outcome; nil_if_rejected: the units that stay to be
    investigated where their pending claims are rejected, whatever else is known; outcomes: of the households in which it is
    not met. The second number is of the units that had more claims than can be tried: they are all named.
    """
    if not (layout.condition.claimable or layout.condition.co_residents):
        return {}, 0
    could: dict[int, list[Slot]] = {}
    trials: dict[int, list[Slot]] = {}
    too_many = 0
    for n, outcome in outcomes.items():
        for at in layout.of_household(n):
            nil = outcome == TO_INVESTIGATE and at in nil_if_rejected
            if nil or (outcome == NOT_MET and low[at] != MET):
                slots = layout.slots.get(at, [])
                known = [slot.only(-1) if nil and slot.kind == "pending" else slot for slot in slots]
                could[at] = _claims(layout, layout.units[at])
                if size(trial := known + could[at]) > BOUND:
                    too_many += 1
                elif could[at]:
                    trials[at] = trial
    for part in layout.portions(trials):
        tried = layout.decide_layout(part, {n: trials[at] for n, at in enumerate(part)})
        for units in tried.alike:
            claims = could[part[units[0]]]
            settled = len(trials[part[units[0]]]) - len(claims)
            met = (tried.grids(units) == MET).any(axis=tuple(range(1, 1 + settled)))
            for axis, slot in enumerate(claims, 1):
                met = _or_fewer(met, axis, len(slot.persons) if slot.fills[0][0] == PROFILES else 1)
            # a claim is named where it, made, makes met what is not met without it, all else equal
            either = [(met.take(-1, axis), met.take(0, axis)) for axis in range(1, met.ndim)]
            made = [(with_it & ~without).reshape(len(met), -1).any(axis=1) for with_it, without in either]
            for n, by_claim in zip(units, zip(*made, strict=True), strict=True):
                could[part[n]] = list(compress(could[part[n]], by_claim))
    of = {n: [could[at] for at in layout.of_household(n) if at in could] for n in outcomes}
    return {n: list(chain.from_iterable(found)) for n, found in of.items() if all(found)}, too_many


def _claims(layout: Layout, unit: Unit) -> list[Slot]:
    """The claims of a unit that are not made, or rejected, and could be made."""
    condition = layout.condition
    claims = [
        _claim(layout, unit, column, place)
        for place in (range(len(unit.persons)) if unit.thing != UNKNOWN else ())
        for column in condition.claimable
        if not (place and column.name in condition.applicant_only)
    ]
    if condition.co_residents:
        claims += [claim for group in layout.batch.groups[unit.household] for claim in _group_claims(layout, group)]
    return [claim for claim in claims if claim]


def _claim(layout: Layout, unit: Unit, column: Column, place: int) -> Slot | None:
    """Not made (or rejected), then each way of making it: without an amount given, one of nil or a cent."""
    fact = layout.condition.facts[column.fact]
    label, made = unit.declared(fact, place)
    who = (unit.persons[place]["id"],)
    if fact.type == "claim":
        return None if made else Slot(who, label, fact.settled_by(), "claim", ((column.name, place, (0, 1)),))
    before, (other, ways) = PROOF["none"], column.ways or ("", (0,))
    if made and (not fact.claim or made[fact.claim]):
        if made["proof"] != "rejected":
            return None
        before, other, ways = PROOF["rejected"], "", (0,)
    fills = [(column.name, place, (before, *[PROOF["interpreted"]] * len(ways)))]
    if other:
        fills.append((other, place, (0, *ways)))
    return Slot(who, f"{label}.proof", fact.settled_by(made), "claim", tuple(fills))


def _group_claims(layout: Layout, group: Group) -> list[Slot]:
    """The claim that so many of these alike persons are, say, dependants; what is unknown of them, at either end."""
    claims, counts = [], tuple(range(len(group.ids) + 1))
    for at, name in enumerate(profile(layout.condition.facts)):
        fact, bit = layout.condition.facts[name], 1 << at
        if fact.type != "claim" or group.known & bit:
            continue
        none = (0,) * len(counts)
        fills = [(PROFILES, group.known, tuple(-n for n in counts) * (1 + len(group.unknown)))]
        fills.append((PROFILES, group.known | bit, counts + none * len(group.unknown)))
        fills += [(PROFILES, group.known | bit | u, none + counts) for u in group.unknown]
        claims.append(Slot(group.ids, name, fact.settled_by(), "claim", tuple(fills)))
    return claims


def _or_fewer(met: Bools, axis: int, most: int) -> Bools:
    """Whether so many of a claim, in whatever way, or fewer of it would do: more may undo it (a second, high recent income).

    The values of the axis: not made, then each way of making it; of `most` persons, 0 … most for each way.
    """
    ways = met.swapaxes(0, axis)
    made = [ways[0], ways[1:].any(axis=0)] if most == 1 else ways.reshape(-1, most + 1, *ways.shape[1:]).any(axis=0)
    fewer: Bools = np.logical_or.accumulate(made, axis=0).swapaxes(0, axis)
    return fewer
