"""Who is first: every criterion in its turn, ties to the day, and nothing that overtakes without a reason."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from priority.domain.ranking import Candidate, Dwelling, LastingTie, Regulation, Stay, lasting_tie, lasting_ties, rank
from priority.rules import CRITERIA, LASTING_TIE

LAW = (CRITERIA, LASTING_TIE)

ON = date(2024, 6, 1)
LEUVEN = Dwelling("24062", "leuven-centrum", min_persons=2, max_persons=4)
PLAIN = Regulation()


def stay(
    start: str,
    until: str | None = None,
    municipality: str = "24062",
    area: str | None = None,
    member: str | None = None,
) -> Stay:
    return Stay(municipality, area, date.fromisoformat(start), date.fromisoformat(until) if until else None, member)


def candidate(nth: int = 1, **changed: Any) -> Candidate:
    """Registered on 2 April 2019, three persons, wants to live in Leuven."""
    given: dict[str, Any] = {
        "status": "registered",
        "registered_on": date(2019, 4, 2),
        "persons": 3,
        "wants": ("24062",),
    } | changed
    return Candidate(dossier=f"2019.04.02.{nth:04d}", **given)


def order(*candidates: Candidate, regulation: Regulation = PLAIN, on: date = ON) -> list[str]:
    return [dossier[-4:].lstrip("0") for dossier, _ in rank(on, LEUVEN, regulation, candidates, *LAW)[0]]


def because(one: Candidate, regulation: Regulation = PLAIN, on: date = ON) -> list[str]:
    return rank(on, LEUVEN, regulation, [one], *LAW)[0][0][1]


def test_the_first_reason_that_applies_leaves_out() -> None:
    frozen = Regulation(frozen_until=date(2024, 6, 2))
    wrong = candidate(status="struck", wants=(), persons=9, paused_until=date(2024, 6, 2))
    for change, regulation, why in (
        ({}, frozen, "not_registered"),
        ({"status": "under_investigation"}, frozen, "under_investigation"),
        ({"status": "registered"}, frozen, "frozen"),
        ({}, PLAIN, "not_wanted"),
        ({"wants": ("24062",)}, PLAIN, "wrong_size"),
        ({"persons": 4}, PLAIN, "paused"),
    ):
        wrong = replace(wrong, **change)
        assert rank(ON, LEUVEN, regulation, [wrong], *LAW) == ([], [(wrong.dossier, why)])
    assert order(wrong, on=date(2024, 6, 2)) == ["1"]  # paused as long as it is before the date


@pytest.mark.parametrize("status", ["draft", "submitted", "refused", "struck", "withdrawn", "housed"])
def test_only_the_registered_are_in_the_order(status: str) -> None:
    assert rank(ON, LEUVEN, PLAIN, [candidate(status=status)], *LAW)[1][0][1] == "not_registered"


@pytest.mark.parametrize(("persons", "fits"), [(1, False), (2, True), (4, True), (5, False)])
def test_size_is_a_filter_that_comes_first(persons: int, fits: bool) -> None:
    assert bool(rank(ON, LEUVEN, PLAIN, [candidate(persons=persons)], *LAW)[0]) is fits


@pytest.mark.parametrize(
    ("stays", "on", "holds"),
    [
        ([stay("2019-06-01")], "2024-05-31", False),
        ([stay("2019-06-01")], "2024-06-01", True),  # five years, that day included
        ([stay("2010-01-01", "2019-06-01")], "2024-06-01", True),  # within ten years, that day included
        ([stay("2010-01-01", "2019-06-01")], "2024-06-02", False),
        ([stay("2015-01-01", "2019-12-31")], "2024-06-01", False),  # a day short of five years
        ([stay("2015-01-01", "2020-01-01")], "2024-06-01", True),
        ([stay("2015-01-01", "2017-01-01"), stay("2017-01-01", "2020-01-01")], "2024-06-01", True),  # stays that touch
        ([stay("2015-01-01", "2017-01-01"), stay("2017-01-02", "2020-01-03")], "2024-06-01", False),
        ([stay("2016-02-29")], "2021-02-28", False),
        ([stay("2016-02-29")], "2021-03-01", True),
        ([stay("2000-01-01", municipality="23088")], "2024-06-01", False),
    ],
)
def test_a_lasting_tie_to_the_day(stays: list[Stay], on: str, holds: bool) -> None:
    criteria = because(candidate(residence=tuple(stays)), on=date.fromisoformat(on))
    assert ("lasting_tie" in criteria) is holds


def test_a_lasting_tie_is_an_interval() -> None:
    assert lasting_tie(date(2015, 1, 1), date(2020, 1, 1), LAW[1][0][1]) == (date(2020, 1, 1), date(2025, 1, 1))
    assert lasting_tie(date(2015, 1, 1), date(2019, 12, 31), LAW[1][0][1]) is None
    assert lasting_tie(date(2019, 1, 1), date.max, LAW[1][0][1]) == (date(2024, 1, 1), date.max)


def test_the_criteria_come_one_after_the_other() -> None:
    """Each beats the next by one criterion alone, though it registered later."""
    strict = Regulation(stricter_tie_years=3, area_tie=True)
    by_tie = [
        candidate(1, residence=(stay("2020-01-01", area="elsewhere"),), registered_on=date(2024, 1, 5)),
        candidate(2, residence=(stay("2010-01-01", "2020-01-01", area="elsewhere"),), registered_on=date(2024, 1, 4)),
        candidate(
            3, residence=(stay("2010-01-01", "2020-01-01", "23088", "leuven-centrum"),), registered_on=date(2024, 1, 3)
        ),
        candidate(4, informal_care_in=("24062",), registered_on=date(2024, 1, 2)),
        candidate(5, registered_on=date(2024, 1, 1)),
        candidate(6, registered_on=date(2024, 1, 1)),
    ]
    assert order(*reversed(by_tie), regulation=strict) == ["1", "2", "3", "4", "5", "6"]
    assert [because(one, strict)[1:-1] for one in by_tie] == [
        ["stricter_tie"], ["lasting_tie"], ["area_tie"], ["informal_care"], [], [],
    ]  # fmt: skip
    assert order(*by_tie) == ["2", "4", "5", "6", "3", "1"]  # where no stricter and no area tie was chosen


def test_the_stricter_tie_is_lived_without_a_break_up_to_the_day() -> None:
    three = Regulation(stricter_tie_years=3)
    for stays, holds in (
        ([stay("2021-06-01")], True),
        ([stay("2021-06-02")], False),
        ([stay("2000-01-01", "2024-06-02")], True),
        ([stay("2000-01-01", "2024-06-01")], False),  # that day he does not live there any more
        ([stay("2000-01-01", "2023-01-01"), stay("2023-01-02")], False),
    ):
        assert ("stricter_tie" in because(candidate(residence=tuple(stays)), three)) is holds, stays


@pytest.mark.parametrize(
    ("his", "hers", "holds"),
    [
        (("2018-06-01", "2021-06-01"), ("2021-06-01", None), False),  # three years each, the one after the other
        (("2021-06-01", None), ("2018-06-01", "2021-06-01"), False),
        (("2019-06-02", None), ("2018-06-01", "2021-06-01"), False),  # they lived there together for a while
        (("2019-06-02", None), ("2019-06-01", None), True),  # one has five years
        (("2019-06-01", None), ("2021-06-01", None), True),
    ],
)
@pytest.mark.parametrize("members", [(None, "p2"), ("p1", "p2")])
def test_a_tie_is_of_one_candidate(
    members: tuple[str | None, str], his: tuple[str, str | None], hers: tuple[str, str | None], holds: bool
) -> None:
    there = {"municipality": "24062", "area": "leuven-centrum"}
    residence = tuple(stay(*of, **there, member=member) for member, of in zip(members, (his, hers), strict=True))
    criteria = because(candidate(residence=residence), Regulation(stricter_tie_years=5, area_tie=True))
    assert criteria[1:-1] == (["stricter_tie", "lasting_tie", "area_tie"] if holds else [])


def test_numbers_are_compared_as_numbers() -> None:
    numbers = ["2019.04.02.10000", "2019.04.02.9999", "2019.04.01.10001"]
    there = [replace(candidate(), dossier=number) for number in numbers]
    assert [dossier for dossier, _ in rank(ON, LEUVEN, PLAIN, there, *LAW)[0]] == list(reversed(numbers))


def anybody(random: Random, nth: int) -> Candidate:
    stays = []
    for _ in range(random.choice((0, 1, 1, 2))):
        start = ON - timedelta(days=random.choice((365, 365 * 3 + 1, 365 * 5 + 1, 365 * 5 + 2, 4000)))
        until = random.choice((None, start + timedelta(days=random.choice((300, 1826, 1827, 3000)))))
        place, area = random.choice(("24062", "23088")), random.choice((None, "leuven-centrum"))
        stays.append(Stay(place, area, start, until, random.choice((None, "p2"))))
    return candidate(
        nth,
        status=random.choice(("registered",) * 8 + ("under_investigation", "struck")),
        registered_on=date(2019, 1, 1) + timedelta(days=random.choice((0, 1, 700, 1400))),
        persons=random.choice((1, 2, 3)),
        residence=tuple(stays),
        informal_care_in=random.choice(((), ("24062",))),
        paused_until=random.choice((None, None, ON, ON + timedelta(days=1))),
    )


@pytest.mark.parametrize("seed", range(50))
def test_the_order_is_total_and_owes_nothing_to_who_else_is_there(seed: int) -> None:
    random = Random(seed)
    regulation = Regulation(random.choice((None, 3)), random.choice((True, False)))
    candidates = [anybody(random, nth) for nth in range(1, 31)]
    first = order(*candidates, regulation=regulation)
    random.shuffle(candidates)
    assert order(*candidates, regulation=regulation) == first, "the order of the file matters"
    fewer = random.sample(candidates, 20)
    names = {one.dossier[-4:].lstrip("0") for one in fewer}
    assert order(*fewer, regulation=regulation) == [name for name in first if name in names], "others change the order"
    late = random.randrange(30)
    since: date = candidates[late].registered_on or ON
    later = replace(candidates[late], registered_on=since + timedelta(days=random.randint(1, 900)))
    name = later.dossier[-4:].lstrip("0")
    if name in first:
        changed = order(*(later if n == late else one for n, one in enumerate(candidates)), regulation=regulation)
        assert changed.index(name) >= first.index(name), "a later registration helped"


def test_a_rule_holds_from_its_day_on() -> None:
    """Four years are enough from June on, and then informal care comes before the tie."""
    june, four = date(2024, 6, 1), [(None, LastingTie(5, 10)), (date(2024, 6, 1), LastingTie(4, 10))]
    order = [(None, CRITERIA[0][1]), (june, ("informal_care", "lasting_tie", "registration_date"))]
    stay = Stay("24062", None, date(2020, 3, 1), date(2024, 5, 1))
    tied, cared = candidate(residence=(stay,)), candidate(2, informal_care_in=("24062",))
    assert lasting_ties([stay], four) == [(june, date(2030, 5, 1))]
    five = [Stay("24062", None, date(2010, 1, 1), date(2015, 1, 1))]
    assert lasting_ties(five, four) == [(date(2015, 1, 1), date(2020, 1, 1))]
    for day in (date(2024, 5, 31), june):
        ranked, _ = rank(day, LEUVEN, PLAIN, [tied, cared], order, four)
        assert [dossier for dossier, _ in ranked] == [cared.dossier, tied.dossier], "informal care comes first"
        assert ("lasting_tie" in ranked[1][1]) is (day == june)
    assert rank(june, LEUVEN, PLAIN, [tied, cared], CRITERIA, four)[0][0][0] == tied.dossier
