"""Each list at its cap is taken, and nothing that follows from it is too large; one more is refused, and named."""

from typing import Any

import pytest

from cir_chassis.outbox import LARGEST
from cir_schemas.municipalities import NAMES

from .conftest import Services

ANNA, BRAM = "85622300173", "86670100113"
AMOUNTS = ("jointly_taxable", "separately_taxable", "replacement_allowance", "living_wage", "foreign_exempt")
RIGHT = {
    "right": "granted_building_right",
    "object": "building_plot",
    "country": "BE",
    "exception": "not_adapted_to_handicap",
    "proof": "uploaded",
}


def person(n: int, *, incomes: int = 20, rights: int = 20, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{n:040d}",
        "role": "co_resident",
        "born_on": "1970-01-01",
        "recognised_handicap": True,
        "residence": "population_register",
        "incomes": [{"year": 2023 - k} | dict.fromkeys(AMOUNTS, "9000000.00") for k in range(incomes)],
        "recent_income": {"months": 6, "amount": "9000000.00", "proof": "uploaded"},
        "balances": "9000000.00",
        "real_rights": [RIGHT] * rights,
        "language": "not_known",
    } | more


def members(count: int = 50, **of_the_first: Any) -> list[dict[str, Any]]:
    applicant = person(0, role="applicant", born_on="1985-02-23", **of_the_first)
    return [applicant, person(1, role="partner", born_on="1986-07-01"), *map(person, range(2, count))]


def start(household: list[dict[str, Any]], *, wants: int = 50, stays: int = 30, care: int = 50) -> dict[str, Any]:
    numbers = [{"number": ANNA}, {"number": BRAM}, *[{}] * len(household)]
    places = list(NAMES)
    return {
        "household": {"members": [member | number for member, number in zip(household, numbers, strict=False)]},
        "municipality": "24062",
        "language": "nl",
        "email": f"{'a' * 64}@{'b' * 63}.{'c' * 63}.example.org",
        "help": {"kind": "ocmw", "organisation": "o" * 200, "email": "help@ocmw.example", "inform": True},
        "wants": places[:wants],
        "residence": [{"municipality": "24062", "area": "a" * 200, "from": f"{1990 + n}-01-01"} for n in range(stays)],
        "informal_care_in": places[:care],
    }


async def test_the_largest_household_goes_through_all_services(services: Services) -> None:
    """At the counter, where proofs may be entered and every fact counts."""
    worker, whole = await services.as_("case_worker", company="dijledal"), members()
    started = await services.call(
        "dossier", "POST", "/v1/dossiers", worker, json=start(whole), headers={"Idempotency-Key": "k"}
    )
    assert started.status_code == 201, started.text
    dossier = f"/v1/dossiers/{started.json()['id']}"
    assert (await services.call("dossier", "POST", f"{dossier}/submission", worker)).status_code == 202
    await services.pass_on("dossier")
    await services.pass_on("eligibility")
    assert (await services.call("dossier", "GET", dossier, worker)).status_code == 200
    sizes = {
        type(event).__name__: size
        for name in services.by_name.keys() - {"notifications"}
        for event, size in await services.outbox(name)
    }
    assert {"HouseholdRecorded", "HouseholdAssessed", "CandidacyRecorded", "ContactsRecorded"} <= sizes.keys()
    assert {kind: size for kind, size in sizes.items() if size > LARGEST} == {}


async def test_the_largest_preview_is_answered(services: Services) -> None:
    asked = {"reference_date": "2024-03-20", "members": members()}
    answer = await services.call("eligibility", "POST", "/v1/preview", {}, json=asked)
    assert (answer.status_code, len(answer.content) < LARGEST) == (200, True)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (start(members(51)), "household.members"),
        (start(members(2, incomes=21)), "household.members[0].incomes"),
        (start(members(2, rights=21)), "household.members[0].real_rights"),
        (start(members(2), wants=51), "wants"),
        (start(members(2), stays=31), "residence"),
        (start(members(2), care=51), "informal_care_in"),
        (start(members(2)) | {"wants": ["24062", "21004"]}, "wants[1]"),  # Brussels
        (start(members(2)) | {"wants": ["24062", "٢٤٠٦٢"]}, "wants[1]"),
        (start(members(2)) | {"informal_care_in": ["٢٤٠٦٢"]}, "informal_care_in[0]"),
        (start(members(2)) | {"help": {"kind": "ocmw", "organisation": "o" * 201}}, "help.organisation"),
        (
            start(members(2)) | {"residence": [{"municipality": "24062", "area": "a" * 201, "from": "2000-01-01"}]},
            "residence[0].area",
        ),
        (start(members(2)) | {"email": "::=?utf-8?b?QmNjOiB4QHk=?=':x@y.be"}, "email"),
        (start(members(2)) | {"help": {"kind": "ocmw", "email": "a(b)@c.be"}}, "help.email"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_one_more_is_refused_and_named(services: Services, body: dict[str, Any], path: str) -> None:
    anna = await services.as_("candidate", person=ANNA)
    answer = await services.call("dossier", "POST", "/v1/dossiers", anna, json=body, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, [path])
    assert [event for event, _ in await services.outbox("dossier") if event.keyed_by == "dossier"] == []


@pytest.mark.parametrize(
    ("household", "path"),
    [
        (members(51), "members"),
        (members(2, incomes=21), "members[0].incomes"),
        (members(2, rights=21), "members[0].real_rights"),
    ],
    ids=["members", "incomes", "rights"],
)
async def test_a_preview_has_the_same_caps(services: Services, household: list[dict[str, Any]], path: str) -> None:
    asked = {"reference_date": "2024-03-20", "members": household}
    answer = await services.call("eligibility", "POST", "/v1/preview", {}, json=asked)
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, [path])
