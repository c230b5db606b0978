"""Who is registered and wants to live there stands on the list, by registration date, then number; nobody else does."""

from uuid import uuid4

import pytest

from .conftest import Priority, candidacy


async def test_the_list_is_in_the_order_of_registration_then_number(priority: Priority) -> None:
    numbers = ["2024.03.20.0010", "2024.03.20.0009", "2019.04.02.0007", "2024.03.20.10001"]
    await priority.hear(*(candidacy(number) for number in numbers))
    await priority.hear(candidacy("2024.03.21.0001", registered_on="2018-01-01"))  # as an import may have it
    places = (await priority.ask()).json()
    order = ["2024.03.21.0001", "2019.04.02.0007", "2024.03.20.0009", "2024.03.20.0010", "2024.03.20.10001"]
    assert [place["dossier"] for place in places] == order
    assert [place["position"] for place in places] == [1, 2, 3, 4, 5]
    assert {tuple(place["because"]) for place in places} == {("registration_date",)}


@pytest.mark.parametrize(
    "status", ["draft", "submitted", "under_investigation", "refused", "struck", "withdrawn", "housed"]
)
async def test_who_is_not_registered_is_not_on_it(priority: Priority, status: str) -> None:
    number = None if status == "draft" else "2024.03.20.0001"
    await priority.hear(candidacy(number, status=status), candidacy("2024.03.20.0002"))
    assert await priority.list() == ["2024.03.20.0002"]


async def test_each_municipality_that_is_wanted_has_its_own_list(priority: Priority) -> None:
    both = [{"municipality": "24062", "company": "dijledal"}, {"municipality": "23088", "company": "woontrots"}]
    await priority.hear(candidacy("2024.03.20.0001", wants=both), candidacy("2024.03.20.0002"))
    assert await priority.list() == ["2024.03.20.0001", "2024.03.20.0002"]
    assert await priority.list("23088", "woontrots") == ["2024.03.20.0001"]
    assert (await priority.ask("23088", "dijledal")).status_code == 404


async def test_the_newest_candidacy_counts_whatever_came_last(priority: Priority) -> None:
    one, other = uuid4(), uuid4()
    await priority.hear(
        candidacy("2024.03.20.0001", 3, one, status="under_investigation"), candidacy("2024.03.20.0001", 2, one),
        candidacy("2024.03.20.0002", 1, other),
    )  # fmt: skip
    await priority.hear(candidacy("2024.03.20.0001", 3, one), candidacy("2024.03.20.0002", 1, other, status="struck"))
    assert await priority.list() == ["2024.03.20.0002"]
    await priority.hear(candidacy("2024.03.20.0001", 4, one))
    assert await priority.list() == ["2024.03.20.0001", "2024.03.20.0002"]


async def test_without_a_token_nothing_is_told(priority: Priority) -> None:
    assert (await priority.http.get("/v1/waiting-list?municipality=24062")).status_code == 401
    assert (await priority.ask("Leuven")).status_code == 422
