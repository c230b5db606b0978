"""Turns given, passed on, owed and repaid: nobody loses one, and the record alone says who owes whom."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from priority.domain.ledger import Entry, Ledger, NotTheNextTurn
from priority.domain.turns import STANDARD, flat, turns

HALF = flat(
    Fraction(1, 2), {"a": Fraction(1, 2), "b": Fraction(1, 2)}
)  # turns: standard a b standard standard a b standard


def play(shares: dict[str, Fraction], *fitting: set[str]) -> list[tuple[str, str, str]]:
    ledger, said = Ledger(shares), list[tuple[str, str, str]]()
    for n, groups in enumerate(fitting):
        entry = ledger.next(groups, f"w{n}")
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


@st.composite
def shares(draw: st.DrawFn) -> dict[str, Fraction]:
    cuts = [0, *sorted(draw(st.lists(st.integers(0, 60), max_size=6))), 60]
    groups = {f"g{n}": Fraction(cuts[n + 1] - cuts[n], 60) for n in range(len(cuts) - 1)}
    return flat(Fraction(draw(st.integers(0, 20)), 20), groups)


@settings(deadline=None)
@given(shares(), st.data())
def test_no_turn_is_lost_whatever_fails_or_is_withdrawn_beside_one_another(
    shares: dict[str, Fraction], data: st.DataObject
) -> None:
    """What stands is kept here apart, in the words of the law: turn → of, to, vacancy, state."""
    ledger, entries, now = Ledger(shares), list[Entry](), dict[int, Entry]()
    sequence = list(islice(turns(shares), 41))
    some = st.sets(st.sampled_from(sorted(name for name in shares if name != STANDARD)))
    for _ in range(data.draw(st.integers(1, 40))):
        vacancy, what = (
            data.draw(st.sampled_from("abcd")),
            data.draw(st.sampled_from(("next", "next", "returned", "final"))),
        )
        [*held] = [one for one in now.values() if (one.vacancy, one.state) == (vacancy, "live")]
        if what == "next":
            fitting = data.draw(some)
            entry = ledger.next(fitting, vacancy)
            assert entry == ledger.next(fitting, vacancy), "asking changes nothing"
            others = [one for one in now.values() if one.state != "returned" and one not in held]
            owes = Counter((one.to, one.of) for one in others)
            net = {pair: many - owes[pair[::-1]] for pair, many in owes.items()}
            repayable = {
                whom
                for (who, whom), many in net.items()
                if who == entry.of and many > 0 and whom in {*fitting, STANDARD}
            }
            back = [turn for turn, one in now.items() if one.state == "returned"]
            assert entry.turn == (held[0].turn if held else min(back, default=len(now) + 1)), (
                "the lowest returned first"
            )
            assert entry.of == sequence[entry.turn - 1]
            if held and (held[0].to in fitting or held[0].to == STANDARD):
                assert entry == held[0], "it stays with its group while that has somebody"
                continue
            if repayable:
                assert (entry.how, entry.to in repayable) == ("repaid", True)
            elif entry.of == STANDARD or entry.of in fitting:
                assert (entry.how, entry.to) == ("taken", entry.of)
            else:
                assert entry.how == "passed"
                assert entry.to in fitting or not [name for name in fitting if shares[name]]
        elif not held:
            continue
        else:
            entry = replace(held[0], state="returned" if what == "returned" else "final")
        ledger.book(entry)
        entries.append(entry)
        now[entry.turn] = entry
        balances, debts, given_to = ledger.balances(), Counter(ledger.debts), Counter[str]()
        assert sum(balances.values()) == 0
        assert not [debt for debt in debts if debt[::-1] in debts], "nobody owes him who owes him"
        stands = [one for one in now.values() if one.state != "returned"]
        given_to.update(one.to for one in stands)
        of = Counter(one.of for one in stands)
        assert balances == {name: of[name] - given_to[name] for name in shares}, "what he lacks, he is owed"
        assert sum(debts.values()) == sum(max(0, many) for many in _net(stands).values())
        live = Counter(one.vacancy for one in stands if one.state == "live")
        assert not [vacancy for vacancy, many in live.items() if many > 1], "one live turn a vacancy"
        if len(stands) == len(now):
            assert all(abs(of[name] - share * len(now)) < 1 for name, share in shares.items()), (
                "the promise about turns"
            )
    again = Ledger(shares, entries)
    assert (again.debts, again.balances(), again.turn, again.of) == (
        ledger.debts, ledger.balances(), ledger.turn, ledger.of,
    )  # fmt: skip


def _net(stands: list[Entry]) -> Counter[tuple[str, str]]:
    """(who owes, whom) → how many turns, less those the other way."""
    owes = Counter((one.to, one.of) for one in stands if one.to != one.of)
    return Counter({pair: many - owes[pair[::-1]] for pair, many in owes.items()})


def test_a_turn_stays_with_its_group_then_passes_on_and_both_are_on_record() -> None:
    ledger = Ledger(HALF, [Entry(1, STANDARD, STANDARD, "taken", "w1")])
    first, second = Entry(2, "a", "a", "taken", "w2"), Entry(2, "a", "b", "passed", "w2")
    assert ledger.next({"a", "b"}, "w2") == first
    ledger.book(first)
    assert ledger.next({"a", "b"}, "w2") == first
    assert ledger.next({"b"}, "w2") == second
    ledger.book(second)
    assert ledger.debts == [("b", "a")]
    assert ledger.next({"a", "b"}, "w3") == Entry(3, "b", "a", "repaid", "w3")
    ledger.book(replace(second, state="returned"))
    assert (ledger.debts, ledger.turn, ledger.of) == ([], 2, "a")
    assert ledger.next(set(), "w4") == Entry(2, "a", STANDARD, "passed", "w4")


def test_debts_are_net_whatever_the_order() -> None:
    """The turn of b is given to a before that of a, given to b later: neither owes anything."""
    first = [
        Entry(1, STANDARD, STANDARD, "taken", "w1"),
        Entry(2, "a", "a", "taken", "w2"),
        Entry(3, "b", "a", "passed", "w3"),
    ]
    ledger = Ledger(HALF, first)
    assert ledger.debts == [("a", "b")]
    assert ledger.next({"b"}, "w2") == Entry(2, "a", "b", "repaid", "w2")
    ledger.book(Entry(2, "a", "b", "repaid", "w2"))
    assert (ledger.debts, set(ledger.balances().values())) == ([], {0})


@pytest.mark.parametrize(
    "wrong",
    [
        Entry(2, STANDARD, STANDARD, "taken"),  # the turn after
        Entry(1, "a", "a", "taken"),  # another's
        Entry(1, STANDARD, "a", "taken"),
        Entry(1, STANDARD, "a", "passed"),  # standard always has somebody
        Entry(1, STANDARD, "a", "repaid"),  # nothing is owed
        Entry(1, STANDARD, STANDARD, "passed"),
        Entry(1, STANDARD, STANDARD, "taken", state="final"),  # it was never kept for this vacancy
        Entry(1, STANDARD, STANDARD, "taken", state="returned"),
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
    for again in (first, replace(first, vacancy="w2"), replace(first, vacancy="w2", state="final")):
        with pytest.raises(NotTheNextTurn):
            ledger.book(again)
    ledger.book(replace(first, state="final"))
    with pytest.raises(NotTheNextTurn):
        ledger.book(replace(first, state="returned"))
    with pytest.raises(NotTheNextTurn):
        ledger.book(replace(ledger.next({"b"}), to="nobody"))
