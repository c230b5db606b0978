"""Every door refuses the same contradictions, at the same place, with the same words."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from cir_schemas.household import HouseholdToAssess, impossible_on
from cir_schemas.household import Test as OpenTest
from cir_schemas.types import cents, euro


def household(*more: dict[str, Any], **applicant: Any) -> dict[str, Any]:
    return {"reference_date": "2024-03-20", "members": [{"id": "p1", "role": "applicant"} | applicant, *more]}


def test_what_is_left_out_is_unknown_and_a_claim_left_out_is_not_made() -> None:
    member = HouseholdToAssess.model_validate(household()).members[0]
    assert member.incomes is None
    assert member.recognised_handicap is None
    assert member.emancipated is False
    assert member.moves_in is True


def test_money_is_cents_inside_and_a_decimal_string_outside() -> None:
    asked = HouseholdToAssess.model_validate(household(balances="29515.01"))
    assert asked.members[0].balances == 2951501
    assert asked.model_dump(mode="json")["members"][0]["balances"] == "29515.01"
    assert (euro(-31200), euro(5), cents("7.5"), cents("7")) == ("-312.00", "0.05", 750, 700)


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        (household(colour="blue"), "members.0.colour", "Extra inputs"),
        (household(role="tenant"), "members.0.role", "applicant"),
        (household(balances=12.5), "members.0.balances", "decimal string"),
        (household(balances="12.505"), "members.0.balances", "decimal string"),
        (household(balances="-1"), "members.0.balances", "decimal string"),
        (household(balances="9000000.01"), "members.0.balances", "less than or equal"),
        (household(born_on=0), "members.0.born_on", "YYYY-MM-DD"),
        (household(born_on="1700006400"), "members.0.born_on", "YYYY-MM-DD"),  # seconds since 1970
        (household(incomes=[{"year": 2023}, {"year": 2023}]), "members.0.incomes", "two incomes of 2023"),
        (household(moves_in=False), "members", "the applicant moves in"),
        (household({"id": "p1", "role": "co_resident"}), "members", "two members are called p1"),
        (household({"id": "p2", "role": "applicant"}), "members", "exactly one applicant, not 2"),
        (household({"id": "a", "role": "partner"}, {"id": "b", "role": "partner"}), "members", "at most one partner"),
        (household(recent_income={"months": 2}), "members.0.recent_income.months", "greater than or equal to 3"),
        (
            household(real_rights=[{"right": "full_ownership", "proof": "uploaded"}]),
            "members.0.real_rights.0",
            "a proof without an exception",
        ),
        (household() | {"reference_date": "2018-12-31"}, "reference_date", "the rules begin on 2019-01-01"),
    ],
)
def test_a_contradiction_is_refused_with_its_path(data: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HouseholdToAssess.model_validate(data)
    assert [(".".join(map(str, e["loc"])), words in e["msg"]) for e in caught.value.errors()] == [(place, True)]


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        (household(born_on="2024-03-21"), ("members", 0, "born_on"), "born after 2024-03-20"),
        (
            household(incomes=[{"year": 2024}]),
            ("members", 0, "incomes", 0, "year"),
            "an income's year lies before 2024",
        ),
    ],
)
def test_what_cannot_be_true_on_the_day_has_its_path(data: dict[str, Any], place: Any, words: str) -> None:
    assert impossible_on(HouseholdToAssess.model_validate(data), date(2024, 3, 20)) == [(place, words)]


@pytest.mark.parametrize("value", [0, 0.0, "2024", 20240320])
def test_a_day_is_a_day_in_an_event_too(value: Any) -> None:
    test = {"id": str(UUID(int=1)), "moment": "update", "reference_date": "2024-03-20", "registered_on": value}
    with pytest.raises(ValidationError, match="YYYY-MM-DD"):
        OpenTest.model_validate(test)
