"""Recomputes a year of turns from what happened alone: an outsider's check, which knows no code of priority.

The law as docs/law tells it: unit i of a share w may be given from turn ⌊(i−1)/w⌋+1 on and must be by turn ⌈i/w⌉; a group
that has nobody fitting is owed its turn by who got it, and is given it back at the first turn of that one at which it has.
"""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any


@dataclass
class Audit:
    """agreement: as proposed. candidates: dossier number → (persons, has a lasting tie), in the order of registration."""

    agreement: dict[str, Any]
    candidates: dict[str, tuple[int, bool]]
    open: list[tuple[str, str]] = field(default_factory=list)  # (group, number), the oldest first
    gone: set[str] = field(default_factory=set)
    turns: list[tuple[str, str, str, str]] = field(default_factory=list)  # of, to, how, number
    debts: list[tuple[str, str]] = field(default_factory=list)  # owes, to

    def __post_init__(self) -> None:
        accelerated = Fraction(self.agreement["accelerated_share"])
        groups = self.agreement["groups"]
        self.shares = {name: accelerated * Fraction(group["share"]) for name, group in groups.items()}
        self.shares["standard"] = 1 - accelerated

    def refer(self, group: str, number: str) -> str:
        """A referral; its answer."""
        given = sum(to == group for _, to, _, _ in self.turns)
        places = floor(self.agreement["planned"] * self.shares[group] + Fraction(1, 2))
        if given + sum(name == group for name, _ in self.open) >= places:
            return "refused"
        self.open.append((group, number))
        return "accepted"

    def dwelling(self, smallest: int, largest: int) -> tuple[str, str, str, str]:
        """A dwelling comes free: whose turn, who is given it, how, and the dossier."""
        turn, had = len(self.turns) + 1, Counter(of for of, *_ in self.turns)
        due = {name: ceil((had[name] + 1) / share) for name, share in self.shares.items()}
        of = min((name for name, w in self.shares.items() if floor(had[name] / w) < turn), key=lambda name: due[name])
        fits = [
            n for n, (persons, _) in self.candidates.items() if smallest <= persons <= largest and n not in self.gone
        ]
        first = {group: number for group, number in reversed(self.open) if number in fits}
        if whom := next((to for owes, to in self.debts if owes == of and to in first), None):
            to, how = whom, "repaid"
            self.debts.remove((of, to))
        elif of == "standard" or of in first:
            to, how = of, "taken"
        else:
            to, how = (
                min(first, key=lambda group: (due[group], list(self.shares).index(group)), default="standard"),
                "passed",
            )
        by_law = sorted(fits, key=lambda number: not self.candidates[number][1])  # stable: else as registered
        number = first[to] if to != "standard" else by_law[0]
        if how == "passed":
            self.debts.append((to, of))
        self.gone.add(number)
        self.open = [one for one in self.open if one[1] != number]
        self.turns.append((of, to, how, number))
        return self.turns[-1]
