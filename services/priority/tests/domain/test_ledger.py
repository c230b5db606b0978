"""Turns given, passed on, owed and repaid: nobody loses one, and the record alone says who owes whom."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from random import Random

import pytest

from priority.domain.ledger import Entry, Ledger, NotTheNextTurn
from priority.domain.turns import STANDARD, flat, turns

HALF = flat(
    Fraction(1, 2), {"a": Fraction(1, 2), "b": Fraction(1, 2)}
)  # turns: standard a b standard standard a b standard


def play(shares: dict[str, Fraction], *fitting: set[str]) -> list[tuple[str, str, str]]:
    ledger, said = Ledger(shares), list[tuple[str, str, str]]()
    for groups in fitting:
        entry = ledger.next(groups)
        ledger.book(entry)
        said.append((entry.of, entry.to, entry.how))
    return said


def test_a_turn_that_fits_nobody_of_a_group_goes_to_the_next_and_comes_back() -> None:
    assert play(HALF, {"b"}, {"b"}, {"a", "b"}) == [
        (STANDARD, STANDARD, "taken"), ("a", "b", "passed"), ("b", "a", "repaid"),
    ]  # fmt: skip


def test_where_no_group_has_anybody_standard_has_it_and_owes_it() -> None:
    assert play(HALF, set(), set(), set(), set(), {"a"}, {"b"}) == [
        (STANDARD, STANDARD, "taken"), ("a", STANDARD, "passed"), ("b", STANDARD, "passed"),
        (STANDARD, STANDARD, "taken"), (STANDARD, "a", "repaid"), ("a", "b", "passed"),
    ]  # fmt: skip


def test_of_the_groups_that_have_somebody_the_earliest_deadline_is_next() -> None:
    shares = flat(Fraction(1), {"a": Fraction(1, 2), "b": Fraction(1, 6), "c": Fraction(1, 3), "none": Fraction(0)})
    assert list(islice(turns(shares), 3)) == ["a", "c", "a"]
    assert play(shares, {"b", "c", "none"})[0] == ("a", "c", "passed")  # c by turn 3, b by turn 6
    assert play(shares, {"a"}, {"c"}, {"b", "c"})[2] == ("a", "b", "passed")  # b and c by turn 6: the one named first


def random_shares(random: Random) -> dict[str, Fraction]:
    many = random.randint(1, 12)
    cuts = [0, *sorted(random.randint(0, 60) for _ in range(many - 1)), 60]
    groups = {f"g{n}": Fraction(cuts[n + 1] - cuts[n], 60) for n in range(many)}
    return flat(Fraction(random.randint(0, 20), 20), groups)


@pytest.mark.parametrize("seed", range(60))
def test_no_turn_is_lost_whatever_fits(seed: int) -> None:
    random = Random(seed)
    shares = random_shares(random)
    likely = {name: random.choice((0, 0.2, 0.8, 1)) for name in shares if name != STANDARD}
    ledger, entries = Ledger(shares), list[Entry]()
    owed: list[tuple[str, str]] = []  # kept here apart, from the words of the law
    turns_of, given_to = Counter[str](), Counter[str]()
    for of in islice(turns(shares), random.randint(1, 400)):
        fitting = {name for name, chance in likely.items() if random.random() < chance}
        entry = ledger.next(fitting)
        assert entry == ledger.next(fitting), "asking changes nothing"
        ledger.book(entry)
        entries.append(entry)
        assert (entry.turn, entry.of) == (len(entries), of)
        repayable = [debt for debt in owed if debt[0] == of and debt[1] in fitting]
        if repayable:  # at the first turn at which it can be, the oldest first
            assert (entry.to, entry.how) == (repayable[0][1], "repaid")
            owed.remove(repayable[0])
        elif of == STANDARD or of in fitting:
            assert (entry.to, entry.how) == (of, "taken")
        else:
            assert entry.how == "passed"
            assert entry.to in fitting or not [name for name in fitting if shares[name]]
            owed.append((entry.to, of))
        turns_of[of] += 1
        given_to[entry.to] += 1
        balances = ledger.balances()
        assert ledger.debts == owed
        assert sum(balances.values()) == 0
        for name, share in shares.items():
            assert abs(turns_of[name] - share * len(entries)) < 1, "the promise about turns"
            assert given_to[name] == turns_of[name] - balances[name], "what he lacks, he is owed"
        assert not [debt for debt in owed if debt[::-1] in owed], "nobody owes him who owes him"
    again = Ledger(shares, entries)
    assert (again.debts, again.balances(), again.turn, again.of) == (
        ledger.debts, ledger.balances(), ledger.turn, ledger.of,
    )  # fmt: skip
    assert again.next(set(likely)) == ledger.next(set(likely))


@pytest.mark.parametrize(
    "wrong",
    [
        Entry(2, STANDARD, STANDARD, "taken"),  # the turn after
        Entry(1, "a", "a", "taken"),  # another's
        Entry(1, STANDARD, "a", "taken"),
        Entry(1, STANDARD, "a", "passed"),  # standard always has somebody
        Entry(1, STANDARD, "a", "repaid"),  # nothing is owed
        Entry(1, STANDARD, STANDARD, "passed"),
    ],
)
def test_what_does_not_follow_is_not_booked(wrong: Entry) -> None:
    ledger = Ledger(HALF)
    with pytest.raises(NotTheNextTurn):
        ledger.book(wrong)
    ledger.book(Entry(1, STANDARD, STANDARD, "taken"))
    assert (ledger.turn, ledger.of) == (2, "a")


def test_a_turn_is_booked_once() -> None:
    ledger = Ledger(HALF)
    first = ledger.next(set())
    ledger.book(first)
    with pytest.raises(NotTheNextTurn):
        ledger.book(first)
    with pytest.raises(NotTheNextTurn):
        ledger.book(replace(ledger.next({"b"}), to="nobody"))
