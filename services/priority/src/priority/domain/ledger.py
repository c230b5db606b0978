"""The ledger of turns: whose turn each was, who was given it and why, and so who owes whom a turn.

What happened is on record, the debts are not: they are folded from it, and a ledger rebuilt from its entries is the same.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Literal

from priority.domain.turns import STANDARD, turns


class NotTheNextTurn(ValueError):
    """An entry that does not follow from the agreement and the entries before it."""


@dataclass(frozen=True)
class Entry:
    """One turn. taken: by him whose turn it was; passed: he had nobody fitting, so he is owed a turn by who was given it;
    repaid: he owed one to who was given it, and had no choice."""

    turn: int
    of: str
    to: str
    how: Literal["taken", "passed", "repaid"]


class Ledger:
    """The ledger of one agreement; a new agreement begins a new one, and debts end with it.

    shares: name → share, `standard` among them, as for `turns`. given: the entries on record, by turn. Raises `SharesDoNotAddUp`,
    `NotTheNextTurn`.
    """

    def __init__(self, shares: Mapping[str, Fraction], given: Iterable[Entry] = ()) -> None:
        self._shares, self._turns = dict(shares), turns(shares)
        self._had: Counter[str] = Counter()
        self.turn, self.of = 1, next(self._turns)
        self.debts: list[tuple[str, str]] = []
        """(who owes, whom), a turn each, the oldest first."""
        for entry in given:
            self.book(entry)

    def next(self, fitting: Collection[str]) -> Entry:
        """To whom this turn goes, and why; nothing is booked. fitting: the groups that have a referral that fits the dwelling;
        `standard` needs none.

        A debt of his whose turn it is comes first, the oldest that can be repaid. Else it is his if he has somebody, else it
        goes to the accelerated group with the earliest deadline that has, else to `standard`.
        """
        for owes, whom in self.debts:
            if owes == self.of and whom in fitting:
                return Entry(self.turn, self.of, whom, "repaid")
        if self.of == STANDARD or self.of in fitting:
            return Entry(self.turn, self.of, self.of, "taken")
        groups = [name for name in self._shares if name != STANDARD and name in fitting and self._has_turns(name)]
        return Entry(self.turn, self.of, min(groups, key=self._deadline, default=STANDARD), "passed")

    def book(self, entry: Entry) -> None:
        """Put on record what became of a turn. Raises `NotTheNextTurn`."""
        debt = (entry.of, entry.to)
        possible = {
            "taken": entry.of == entry.to,
            "passed": entry.of not in (STANDARD, entry.to) and debt not in self.debts and self._has_turns(entry.to),
            "repaid": debt in self.debts,
        }
        if (entry.turn, entry.of) != (self.turn, self.of) or not possible[entry.how]:
            raise NotTheNextTurn(f"turn {self.turn} is of {self.of}, so this cannot be on record: {entry}")
        if entry.how == "passed":
            self.debts.append((entry.to, entry.of))
        elif entry.how == "repaid":
            self.debts.remove(debt)  # the oldest of this pair
        self._had[self.of] += 1
        self.turn, self.of = self.turn + 1, next(self._turns)

    def balances(self) -> dict[str, int]:
        """How many turns each is owed, less what he owes: together nothing."""
        owed = Counter(whom for _, whom in self.debts)
        owed.subtract(owes for owes, _ in self.debts)
        return {name: owed[name] for name in self._shares}

    def _has_turns(self, name: str) -> bool:
        return name == STANDARD or self._shares.get(name, 0) > 0

    def _deadline(self, name: str) -> int:
        """The turn by which he must have his next one after this."""
        return ceil((self._had[name] + 1) / self._shares[name])
