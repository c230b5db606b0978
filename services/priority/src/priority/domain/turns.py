"""Whose turn it is: one flat sequence over the accelerated groups and `standard`, in which nobody is ever a whole turn off."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from heapq import heappop, heappush
from itertools import count, cycle, islice
from math import lcm
from sys import maxsize

STANDARD = "standard"


class SharesDoNotAddUp(ValueError):
    """The groups' percentages are not 100 % together, or a share is not between 0 and 1."""


def flat(accelerated: Fraction, groups: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """The share of each group (accelerated × its percentage) and of `standard`, the rest.

    Raises `SharesDoNotAddUp`. Nesting the two levels instead puts a group up to one and a half turns off (tried).
    """
    if STANDARD in groups:
        raise SharesDoNotAddUp(f"a group may not be called `{STANDARD}`: that is the rest")
    for name, share in {"accelerated_share": accelerated, **groups}.items():
        if not 0 <= share <= 1:
            raise SharesDoNotAddUp(f"{name}: {decimal(share)} is no share: it lies between 0 and 1")
    if sum(groups.values()) != 1:
        raise SharesDoNotAddUp(
            f"the groups are {decimal(sum(groups.values(), Fraction()) * 100)} % together, not 100 %"
        )
    return {name: accelerated * share for name, share in groups.items()} | {STANDARD: 1 - accelerated}


def decimal(share: Fraction) -> str:
    """A share as a decimal string, exactly: those that people write are decimals, and so are their products."""
    with localcontext(prec=100):
        return f"{(Decimal(share.numerator) / share.denominator).normalize():f}"


def room(planned: int, share: Fraction, given: int, open_: int) -> int:
    """How many more referrals a group can take with certainty; none: 0. planned: allocations in the period; share: of all of
    them; given: turns that the group was given; open_: referrals accepted and not housed yet. Half a place is a whole one (K)."""
    return max(0, int(planned * share + Fraction(1, 2)) - given - open_)


def turns(shares: Mapping[str, Fraction]) -> Iterator[str]:
    """Give out turns so that nobody is ever a whole turn away from its share.

    shares: name → share, summing to 1. Yields one name a turn, without end. After n turns each name has had strictly between
    n·share − 1 and n·share + 1. Earliest deadline first: unit i of a share w may go from turn ⌊(i−1)/w⌋+1 and must by ⌈i/w⌉;
    of equal deadlines the one named first.
    Raises `SharesDoNotAddUp`. Source: Tijdeman, The chairman assignment problem (1980).
    """
    if sum(shares.values()) != 1:
        raise SharesDoNotAddUp(f"the shares add up to {sum(shares.values())}, not to 1")
    # Once everybody had his share exactly, and no unit is released that was not given, all is as before the first turn.
    period = min(lcm(*(share.denominator for share in shares.values())), maxsize)
    return cycle(islice(_turns([(name, *share.as_integer_ratio()) for name, share in shares.items() if share]), period))


def _turns(shares: list[tuple[str, int, int]]) -> Iterator[str]:
    due: list[tuple[int, int, int]] = []  # deadline, place in `shares`, which unit
    released = defaultdict(list, {1: [(-(-q // p), at, 1) for at, (_, p, q) in enumerate(shares)]})
    for turn in count(1):
        for unit in released.pop(turn, ()):
            heappush(due, unit)
        _, at, nth = heappop(due)
        name, p, q = shares[at]
        yield name
        released[max(nth * q // p, turn) + 1].append((-(-(nth + 1) * q // p), at, nth + 1))
