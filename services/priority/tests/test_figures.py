"""A company's year in figures, for its council and its case workers; nobody is recognised in them."""

import csv
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from cir_chassis.driver import transaction
from priority.domain.figures import Lease, of_year
from priority.offers import SHOWN

from .conftest import Priority, candidacy

YEAR = "/v1/figures?company=dijledal&year=2024"
COUNCIL: tuple[str, dict[str, Any]] = ("council", {"company": "dijledal"})
ENDED_ALIKE = sa.text("""
    INSERT INTO vacancies SELECT one.* FROM vacancies, generate_series(1, :many) AS n, jsonb_populate_record(
        vacancies, jsonb_build_object('id', 'like' || n, 'dwelling', 'like' || n, 'ended_at', clock_timestamp())) AS one
    WHERE vacancies.id = :id""")


async def a_year(priority: Priority) -> None:
    """Six homes let to who waited 0, 10, 20, 30, 40 and 50 days, one of them in a turn of the homeless, one kept for the elderly;
    and two refusals and a silence."""
    await priority.agreed(planned=100)
    numbers = [f"2024.04.{30 - n * 5:02}.0001" for n in range(6)]
    await priority.hear(*(candidacy(number) for number in numbers))
    await priority.refer(numbers[0])
    for n in range(6):
        await priority.free(f"w{n}", **({"target_group": "elderly"} if n == 5 else {}), bedrooms=2 if n == 1 else 1)
    for n in range(6):
        assert await priority.let(f"w{n}")
    await priority.hear(candidacy("2024.05.01.0001"), candidacy("2024.05.02.0001"))
    await priority.free("again")
    for judged in (False, None):
        offer = await priority.opened("again")
        assert await priority.act(offer, "answer", answer="refuse") == (200, "refused")
        if judged is not None:
            assert (await priority.act(offer, "judgement", well_founded=judged))[0] == 200


async def test_a_year_is_told_per_pillar_ground_and_size(priority: Priority) -> None:
    await a_year(priority)
    figures = (await priority.get(YEAR, role="council")).json()
    assert (figures["company"], figures["year"]) == ("dijledal", 2024)
    assert figures["allocations"] == [
        {"pillar": 1, "group": "standard", "count": None},
        {"pillar": 2, "group": "homeless", "count": 1},
        {"pillar": 3, "group": "elderly", "count": None},
    ]
    assert figures["refusals"] == [
        {"answer": "refused", "judged": "not_judged", "count": None},
        {"answer": "refused", "judged": "unfounded", "count": None},
    ]
    small = {"bedrooms": 2, "count": None, "days_quarter": None, "days_median": None, "days_three_quarters": None}
    [waited, fewer] = figures["waiting"]
    assert fewer == small
    assert (waited["bedrooms"], waited["count"]) == (1, None), "of six: else one of them is known to be larger"
    told = [waited["days_quarter"], waited["days_median"], waited["days_three_quarters"]]
    assert told == [40, 50, 50], "in tens: of five households each is the wait of one: 42, 47 and 52 days"
    none = {"company": "dijledal", "year": 2023, "allocations": [], "refusals": [], "waiting": [], "grounds": []}
    assert (await priority.get(YEAR.replace("2024", "2023"))).json() == none


async def test_the_same_as_csv(priority: Priority) -> None:
    await a_year(priority)
    headers = await priority.as_(*COUNCIL) | {"Accept": "text/csv"}
    answer = await priority.http.get(YEAR, headers=headers)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    read = list(csv.DictReader(answer.text.splitlines()))
    assert read[0] == {
        "company": "dijledal",
        "year": "2024",
        "figure": "allocations",
        "of": "1 standard",
        "value": "not told",
    }
    assert {"waiting_days_median", "waiting_count"} <= {row["figure"] for row in read}
    fewer = [row["value"] for row in read if row["of"] in ("refused unfounded", "bedrooms 2")]
    assert set(fewer) == {"not told"}
    page = await priority.page("GET", "/council/figures.csv?year=2024", COUNCIL[0], held=COUNCIL[1])
    assert (page.text, "attachment" in page.headers["content-disposition"]) == (answer.text, True)


async def test_a_judgement_may_name_what_a_refusal_was_for(priority: Priority) -> None:
    await priority.agreed()
    await priority.hear(*(candidacy(f"2024.05.0{n}.0001") for n in range(1, 7)))
    await priority.free("w1")
    offers = [await priority.opened("w1")]
    for n in range(5):
        assert await priority.act(offers[n], "answer", answer="refuse") == (200, "refused")
        offers.append(await priority.opened("w1"))
    unknown = await priority.act(offers[0], "judgement", well_founded=True, ground="weather")
    assert (unknown[0], "hospital, does_not_fit, other" in unknown[1]) == (422, True)
    for n, ground in enumerate(("hospital", "does_not_fit", "does_not_fit", "does_not_fit", None)):
        said: dict[str, Any] = {"well_founded": True} | ({"ground": ground} if ground else {})
        assert await priority.act(offers[n], "judgement", **said) == (200, "refused")
    figures = (await priority.get(YEAR)).json()
    assert figures["refusals"] == [{"answer": "refused", "judged": "well_founded", "count": 5}]
    assert [(one["ground"], one["count"]) for one in figures["grounds"]] == [
        ("does_not_fit", None), ("hospital", None), ("not_named", None),
    ]  # fmt: skip
    for offer in (offers[0], offers[4]):  # the newest judgement counts
        assert await priority.act(offer, "judgement", well_founded=True, ground="does_not_fit") == (200, "refused")
    figures = (await priority.get(YEAR)).json()
    assert figures["grounds"] == [{"judged": "well_founded", "ground": "does_not_fit", "count": 5}]
    csv_text = (
        await priority.http.get(
            YEAR, headers=await priority.as_("council", {"company": "dijledal"}) | {"Accept": "text/csv"}
        )
    ).text
    assert "refusal_grounds,well_founded does_not_fit,5" in csv_text
    page = (await priority.page("GET", "/council", COUNCIL[0], held=COUNCIL[1])).text
    assert "well-founded: the home does not fit" in page
    ours: dict[str, Any] = {"held": {"company": "dijledal"}}
    judge = (await priority.page("GET", f"/offers/{offers[0]}/judge", "case_worker", **ours)).text
    assert ('value="hospital"' in judge, "a stay in hospital" in judge) == (True, True)
    read = (await priority.page("GET", "/vacancies/w1", "case_worker", **ours)).text
    assert "the home does not fit" in read, "it stands with the reasons"


@pytest.mark.parametrize(
    ("counts", "beside", "told"),
    [
        ({"hospital": 5, "other": 9}, False, {"hospital": 5, "other": 9}),
        ({"hospital": 4, "other": 9, "does_not_fit": 30}, False, {"does_not_fit": 30}),  # 4 + 9: neither is known
        ({"hospital": 1, "other": 1, "does_not_fit": 30}, False, {}),  # else 2 would be known of 32
        ({"hospital": 3, "other": 2, "does_not_fit": 30}, False, {"does_not_fit": 30}),
        ({"hospital": 5, "other": 9}, True, {"other": 9}),  # of the silences among them there are fewer
    ],
)
def test_no_ground_of_fewer_than_five_is_worked_out_from_the_others(
    counts: dict[str, int], beside: bool, told: dict[str, int]
) -> None:
    judged = [("refused", True, ground) for ground, many in counts.items() for _ in range(many)]
    if beside:
        judged[0] = ("no_answer", *judged[0][1:])
    year = of_year("dijledal", 2024, [], judged)
    assert {one.ground: one.count for one in year.grounds if one.count is not None} == told
    assert len(year.grounds) == len(counts)


def leases(bedrooms: dict[int, int], kept: dict[str, int] | None = None) -> list[Lease]:
    """So many homes of each size, and so many of one bedroom kept for each group, each let after a hundred days."""
    day, since = date(2024, 6, 1), date(2024, 2, 22)
    homes: list[tuple[int, str | None]] = [(size, None) for size, many in bedrooms.items() for _ in range(many)]
    homes += [(1, group) for group, many in (kept or {}).items() for _ in range(many)]
    return [Lease(day, size, group, "standard", since) for size, group in homes]


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ({1: 8, 2: 9}, {1: 8, 2: 9}),
        ({1: 30, 2: 9, 3: 4}, {1: 30}),  # of 43: else there are 4 of three bedrooms
        ({1: 30, 2: 3, 3: 2}, {1: 30}),
    ],
)
def test_no_size_of_fewer_than_five_is_the_total_less_the_others(sizes: dict[int, int], told: dict[int, int]) -> None:
    year = of_year("dijledal", 2024, leases(sizes), [])
    assert {one.bedrooms: one.count for one in year.waiting if one.count is not None} == told
    waits = {one.bedrooms: one.days_median for one in year.waiting}
    assert waits == {size: 100 if many >= 5 else None for size, many in sizes.items()}, "their days tell no number"
    assert [one.count for one in year.allocations] == [sum(sizes.values())], "as the ledger shows it"


@pytest.mark.parametrize(
    ("plain", "kept", "told"),
    [
        (30, {"elderly": 7}, {"standard": 30, "elderly": 7}),
        (30, {"elderly": 1}, {}),  # the ledger shows 31 standard turns
        (30, {"elderly": 1, "adapted_dwelling": 6}, {"standard": 30}),
    ],
)
def test_no_target_group_of_fewer_than_five_is_the_turns_of_the_ledger_less_the_others(
    plain: int, kept: dict[str, int], told: dict[str, int]
) -> None:
    year = of_year("dijledal", 2024, leases({1: plain}, kept), [])
    assert {one.group: one.count for one in year.allocations if one.count is not None} == told
    assert len(year.allocations) == len(kept) + 1


async def test_nobody_is_recognised(priority: Priority) -> None:
    """Neither by a number, nor as the only one of whom a figure tells."""
    await a_year(priority)
    for read in (
        await priority.get(YEAR),
        await priority.page("GET", "/council?year=2024", COUNCIL[0], held=COUNCIL[1]),
    ):
        assert "2024.04" not in read.text
        assert "w1" not in read.text
    assert "fewer than five" in read.text


@pytest.mark.parametrize(
    ("role", "held", "status"),
    [
        ("council", {"company": "dijledal"}, 200),
        ("case_worker", {"company": "dijledal"}, 200),
        ("council", {"company": "kanvaz"}, 404),
        ("case_worker", {"company": "kanvaz"}, 404),
        ("candidate", {"person": "85622300138"}, 403),
        ("helper", {"organisation": "caw"}, 403),
        ("operator", {}, 403),
    ],
)
async def test_who_may_read_them(priority: Priority, role: str, held: dict[str, str], status: int) -> None:
    assert (await priority.http.get(YEAR, headers=await priority.as_(role, held))).status_code == status


async def test_a_home_counts_on_the_day_of_its_lease(priority: Priority) -> None:
    """Not by the moment at which it was recorded, which is now."""
    await priority.agreed(**{"from": "2023-01-01"})
    await priority.hear(candidacy("2023.01.02.0001"))
    await priority.free("w1")
    priority.service.clock.fixed = date(2023, 12, 31)
    offer = await priority.opened("w1")
    assert await priority.act(offer, "answer") == (200, "accepted")
    assert await priority.act(offer, "lease", signed_on="2023-12-31") == (200, "signed")
    assert (await priority.get(YEAR)).json()["allocations"] == []
    assert len((await priority.get(YEAR.replace("2024", "2023"))).json()["allocations"]) == 1
    page = (await priority.page("GET", "/council", COUNCIL[0], held=COUNCIL[1])).text
    assert ">2023-12<" in page


async def test_the_board_stops_nowhere_in_silence(priority: Priority) -> None:
    """What waits for a judgement stays there however many homes are let after it; what has ended goes on, page after page."""
    ours: dict[str, Any] = {"held": {"company": "dijledal"}}
    await priority.agreed(planned=100)
    await priority.hear(*(candidacy(f"2024.04.{n:02}.0001") for n in range(10, 16)))
    await priority.free("first")
    offer = await priority.opened("first")
    assert await priority.act(offer, "answer", answer="refuse") == (200, "refused")
    assert (await priority.post("/v1/vacancies/first/withdrawal", {"reasons": "Sold."})).status_code == 204
    await priority.free("w0")
    await priority.let("w0")
    async with transaction(priority.service.background.engine) as connection:
        await connection.execute(ENDED_ALIKE, {"id": "first", "many": SHOWN - 2})
    for n in (1, 2):
        await priority.free(f"w{n}")
        await priority.let(f"w{n}")
    await priority.free("last")
    board = (await priority.page("GET", "/vacancies", "case_worker", **ours)).text
    assert f"/offers/{offer}/judge" in board
    shown = [id_ for id_ in ("first", "w0", "w1", "w2", "last") if f'/vacancies/{id_}"' in board]
    assert shown == ["w1", "w2", "last"]
    assert 'href="/vacancies?page=2"' in board
    rest = (await priority.page("GET", "/vacancies?page=2", "case_worker", **ours)).text
    assert [id_ for id_ in ("first", "w0", "w1") if f'/vacancies/{id_}"' in rest] == ["first", "w0"]
    assert ("Let to" in rest, "page=3" in rest) == (True, False)
