"""Recomputes a year of turns from what happened alone: an outsider's check, which knows no code of priority.

The law as docs/law tells it: unit i of a share w may be given from turn ⌊(i−1)/w⌋+1 on and must be by turn ⌈i/w⌉; a group
that has nobody fitting is owed its turn by who got it, and is given it back at the first turn of that one at which it has. A
vacancy keeps its turn, and its group while that has somebody whom this home was not offered to; withdrawn, it gives it back.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any

Turn = tuple[int, str, str, str]
"""Its number, of whom, given to whom, how."""


@dataclass
class Audit:
    """agreement: as proposed. candidates: dossier number → (persons, has a lasting tie), in the order of registration."""

    agreement: dict[str, Any]
    candidates: dict[str, tuple[int, bool]]
    open: list[tuple[str, str]] = field(default_factory=list)  # (group, number), the oldest first
    gone: set[str] = field(default_factory=set)  # is offered a home, or has one
    said_no: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # to a vacancy
    live: dict[str, Turn] = field(default_factory=dict)  # by vacancy
    final: dict[int, Turn] = field(default_factory=dict)  # by number
    back: set[int] = field(default_factory=set)
    whose: list[str] = field(default_factory=list)  # each turn that was drawn
    entries: list[tuple[Turn, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        accelerated = Fraction(self.agreement["accelerated_share"])
        groups = self.agreement["groups"]
        self.shares = {name: accelerated * Fraction(group["share"]) for name, group in groups.items()}
        self.shares["standard"] = 1 - accelerated

    def refer(self, group: str, number: str) -> str:
        """A referral; its answer."""
        given = sum(to == group for _, _, to, _ in self.final.values())
        places = floor(self.agreement["planned"] * self.shares[group] + Fraction(1, 2))
        if given + sum(name == group for name, _ in self.open) >= places:
            return "refused"
        self.open.append((group, number))
        return "accepted"

    def debts(self, but: str = "") -> list[tuple[str, str]]:
        """(who owes, whom), net, the oldest first. but: a vacancy whose turn does not count."""
        stand = [*self.final.values(), *(turn for vacancy, turn in self.live.items() if vacancy != but)]
        given, seen, owed = Counter((of, to) for _, of, to, _ in stand), Counter[tuple[str, str]](), []
        for _, of, to, _ in sorted(stand):
            seen[of, to] += 1
            if of != to and seen[of, to] > given[to, of]:
                owed.append((to, of))
        return owed

    def propose(self, vacancy: str, smallest: int, largest: int) -> tuple[Turn, str]:
        """A vacancy is proposed to who is first: its turn, and the dossier."""
        held, had, fresh = self.live.get(vacancy), Counter(self.whose), len(self.whose) + 1
        due = {name: ceil((had[name] + 1) / share) for name, share in self.shares.items()}
        out = self.gone | self.said_no[vacancy]
        fits = [n for n, (persons, _) in self.candidates.items() if smallest <= persons <= largest and n not in out]
        first = {group: number for group, number in reversed(self.open) if number in fits}
        by_law = sorted(fits, key=lambda number: not self.candidates[number][1])  # stable: else as registered
        turn = held[0] if held else min(self.back, default=fresh)
        if turn == fresh:
            may = (name for name, w in self.shares.items() if floor(had[name] / w) < turn)
            self.whose.append(min(may, key=lambda name: due[name]))
        of, able = self.whose[turn - 1], {*first, "standard"}
        if held and held[2] in able:
            to, how = held[2:]
        elif whom := next((to for owes, to in self.debts(vacancy) if owes == of and to in able), None):
            to, how = whom, "repaid"
        elif of in able:
            to, how = of, "taken"
        else:
            of_groups = list(self.shares).index
            to = min(first, key=lambda group: (due[group], of_groups(group)), default="standard")
            how = "passed"
        now = (turn, of, to, how)
        if now != held:
            self.back.discard(turn)
            self.live[vacancy] = now
            self.entries.append((now, "live"))
        number = first[to] if to != "standard" else by_law[0]
        self.gone.add(number)
        return now, number

    def fails(self, vacancy: str, number: str, *, refused: bool) -> None:
        """The offer is refused, or taken back."""
        self.gone.discard(number)
        if refused:
            self.said_no[vacancy].add(number)

    def let(self, vacancy: str, number: str) -> None:
        """The lease is signed."""
        turn = self.live.pop(vacancy)
        self.final[turn[0]] = turn
        self.entries.append((turn, "final"))
        self.open = [one for one in self.open if one[1] != number]

    def withdraw(self, vacancy: str, number: str) -> None:
        """The vacancy is withdrawn while it is offered."""
        turn = self.live.pop(vacancy)
        self.back.add(turn[0])
        self.entries.append((turn, "returned"))
        self.gone.discard(number)
