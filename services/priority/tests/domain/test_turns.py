"""Nobody is ever a whole turn away from his share, at any point of the list, nor is the accelerated share as a whole."""

from fractions import Fraction
from itertools import islice
from random import Random

import pytest

from priority.domain.turns import STANDARD, SharesDoNotAddUp, flat, turns

DECK = {"homeless": "0.40", "young": "0.20", "mental_health": "0.20", "bad_housing": "0.10", "special": "0.10"}


def agreed(accelerated: str, **groups: str) -> dict[str, Fraction]:
    return flat(Fraction(accelerated), {name: Fraction(share) for name, share in groups.items()})


def test_fifty_turns_of_the_council_add_up_to_the_dwelling() -> None:
    given = list(islice(turns(agreed("0.20", **DECK)), 50))
    assert {name: given.count(name) for name in set(given)} == {
        STANDARD: 40, "homeless": 4, "young": 2, "mental_health": 2, "bad_housing": 1, "special": 1,
    }  # fmt: skip
    assert given[:5] == [STANDARD] * 4 + ["homeless"]


@pytest.mark.parametrize("seed", range(40))
def test_nobody_is_a_whole_turn_off_at_any_point(seed: int) -> None:
    random = Random(seed)
    many, parts = random.randint(1, 12), random.choice((20, 1000))  # of 20 the sequence begins anew within 400 turns
    cuts = [0, *sorted(random.randint(0, parts) for _ in range(many - 1)), parts]
    groups = {f"g{n}": str(Fraction(cuts[n + 1] - cuts[n], parts)) for n in range(many)}
    shares = agreed(str(Fraction(random.randint(0, parts), parts)), **groups)
    had = dict.fromkeys(shares, 0)
    for turn, name in enumerate(islice(turns(shares), 2000), 1):
        had[name] += 1
        assert all(abs(had[one] - turn * share) < 1 for one, share in shares.items()), (turn, name)
        assert abs(sum(had.values()) - had[STANDARD] - turn * (1 - shares[STANDARD])) < 1


def test_a_sequence_begins_anew_once_everybody_had_his_share_exactly() -> None:
    shares = agreed("0.20", **DECK)
    given = list(islice(turns(shares), 250))
    assert given == given[:50] * 5
    assert {name: given[:50].count(name) for name in shares} == {name: 50 * share for name, share in shares.items()}


def test_who_has_no_share_has_no_turn() -> None:
    assert set(islice(turns(agreed("0", a="1")), 100)) == {STANDARD}
    assert set(islice(turns(agreed("1", a="1", b="0")), 100)) == {"a"}


@pytest.mark.parametrize(
    ("accelerated", "groups", "words"),
    [
        ("1.2", {"a": "1"}, "accelerated_share: 1.2 is no share"),
        ("0.2", {"a": "0.5", "b": "0.4"}, "90 % together"),
        ("0.2", {}, "0 % together"),
        ("0.2", {"standard": "1"}, "may not be called `standard`"),
        ("0.2", {"a": "1.1", "b": "-0.1"}, "a: 1.1 is no share"),
    ],
)
def test_shares_that_do_not_add_up_are_refused(accelerated: str, groups: dict[str, str], words: str) -> None:
    with pytest.raises(SharesDoNotAddUp, match=words):
        agreed(accelerated, **groups)
    with pytest.raises(SharesDoNotAddUp, match="not to 1"):
        turns({"a": Fraction(1, 2)})
