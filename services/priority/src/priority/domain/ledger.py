"""The ledger of turns: whose turn each was, for which vacancy, who was given it and why, and so who owes whom a turn.

What happened is on record, entry after entry; what stands now and the debts are folded from it, and a ledger rebuilt from its
entries is the same.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Literal

from priority.domain.turns import STANDARD, turns

State = Literal["live", "returned", "final"]


class NotTheNextTurn(ValueError):
    """An entry that does not follow from the agreement and the entries before it."""


@dataclass(frozen=True)
class Entry:
    """A turn, as it stood from then on. taken: given to him whose turn it was; passed: he had nobody fitting, so he is owed a
    turn by who was given it; repaid: he owed one to who was given it, and had no choice.

    state: live, kept for its vacancy while that is offered (live again with another `to`: nobody of that group was left; after
    final: the lease was taken back); returned, its vacancy was withdrawn; final, the home is let.
    """

    turn: int
    of: str
    to: str
    how: Literal["taken", "passed", "repaid"]
    vacancy: str = ""
    state: State = "live"


class Ledger:
    """The ledger of one agreement; a new agreement begins a new one, and debts end with it.

    shares: name → share, `standard` among them, as for `turns`. entries: on record, in order. Raises `SharesDoNotAddUp`,
    `NotTheNextTurn`.
    """

    def __init__(self, shares: Mapping[str, Fraction], entries: Iterable[Entry] = ()) -> None:
        self._shares, self._turns = dict(shares), turns(shares)
        self._whose = [next(self._turns)]  # of every turn that was drawn, and of the next one
        self._had: Counter[str] = Counter()  # turns drawn
        self._given: Counter[tuple[str, str]] = Counter()  # turns of, given to; those returned are not
        self._now: dict[int, Entry] = {}
        self._live: dict[str, int] = {}
        self._returned: set[int] = set()
        for entry in entries:
            self.book(entry)

    @property
    def turn(self) -> int:
        """The turn to be given next: the lowest that was returned, else the first that was not drawn yet."""
        return min(self._returned, default=len(self._whose))

    @property
    def of(self) -> str:
        """Whose that is."""
        return self._whose[self.turn - 1]

    def live(self, vacancy: str) -> Entry | None:
        """The turn that is kept for a vacancy."""
        return self._now[self._live[vacancy]] if vacancy in self._live else None

    def next(self, fitting: Collection[str], vacancy: str = "") -> Entry:
        """The turn of a vacancy, to whom it goes, and why; nothing is booked. fitting: the groups that have a referral that
        the vacancy can be offered to; `standard` needs none, as whoever fits is on its list too.

        A turn that is kept for it stays with its group while that has somebody. Else a debt of him whose turn it is comes
        first, the oldest that can be repaid. Else it is his if he has somebody, else it goes to the accelerated group with the
        earliest deadline that has, else to `standard`.
        """
        held, fitting = self.live(vacancy), {*fitting, STANDARD}
        if held and held.to in fitting:
            return held
        turn, of = (held.turn, held.of) if held else (self.turn, self.of)
        for owes, whom in self._debts(but=held):
            if owes == of and whom in fitting:
                return Entry(turn, of, whom, "repaid", vacancy)
        if of in fitting:
            return Entry(turn, of, of, "taken", vacancy)
        groups = [name for name in self._shares if name != STANDARD and name in fitting and self._has_turns(name)]
        return Entry(turn, of, min(groups, key=self._deadline, default=STANDARD), "passed", vacancy)

    def book(self, entry: Entry) -> None:
        """Put on record what became of a turn. Raises `NotTheNextTurn`."""
        held = self.live(entry.vacancy)
        if entry.state == "live" and self._now.get(entry.turn) == replace(entry, state="final"):
            self._now[entry.turn], self._live[entry.vacancy] = entry, entry.turn  # its lease was taken back
            return
        if not (self._may_give(entry, held) if entry.state == "live" else held == replace(entry, state="live")):
            raise NotTheNextTurn(f"this cannot be on record after the entries before it: {entry}")
        if held:
            self._given[held.of, held.to] -= 1
            del self._live[held.vacancy]
        elif entry.turn == len(self._whose):
            self._had[entry.of] += 1
            self._whose.append(next(self._turns))
        self._returned.discard(entry.turn)
        self._now[entry.turn] = entry
        if entry.state == "returned":
            self._returned.add(entry.turn)
        else:
            self._given[entry.of, entry.to] += 1
        if entry.state == "live":
            self._live[entry.vacancy] = entry.turn

    def _may_give(self, entry: Entry, held: Entry | None) -> bool:
        whose = (held.turn, held.of) if held else (self.turn, self.of)
        owed = self._owes(entry.of, entry.to, but=held) > 0
        possible = {
            "taken": entry.of == entry.to,
            "passed": entry.of not in (STANDARD, entry.to) and not owed and self._has_turns(entry.to),
            "repaid": owed,
        }
        return (entry.turn, entry.of) == whose and possible[entry.how] and (held is None or held.to != entry.to)

    @property
    def debts(self) -> list[tuple[str, str]]:
        """(who owes, whom), a turn each, the oldest first."""
        return self._debts()

    def balances(self) -> dict[str, int]:
        """How many turns each is owed, less what he owes: together nothing."""
        return {name: sum(self._owes(other, name) for other in self._shares) for name in self._shares}

    def _debts(self, but: Entry | None = None) -> list[tuple[str, str]]:
        """Net, whatever the order: of the turns of X given to Y, the first are set off against those of Y given to X."""
        debts, seen = list[tuple[str, str]](), Counter[tuple[str, str]]()
        back = self._given - Counter([(but.of, but.to)] if but else [])
        for _, entry in sorted(self._now.items()):
            if entry.state != "returned" and entry.of != entry.to and entry != but:
                seen[entry.of, entry.to] += 1
                if seen[entry.of, entry.to] > back[entry.to, entry.of]:
                    debts.append((entry.to, entry.of))
        return debts

    def _owes(self, who: str, whom: str, but: Entry | None = None) -> int:
        """How many turns he owes him, less those that he owes him in turn. but: a turn that does not count."""
        without = (but.of, but.to) if but else None
        return (self._given[whom, who] - (without == (whom, who))) - (self._given[who, whom] - (without == (who, whom)))

    def _has_turns(self, name: str) -> bool:
        return name == STANDARD or self._shares.get(name, 0) > 0

    def _deadline(self, name: str) -> int:
        """The turn by which he must have his next one after those drawn."""
        return ceil((self._had[name] + 1) / self._shares[name])
