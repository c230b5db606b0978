"""A preview is the answer of the rules in force, and leaves nothing behind."""

import copy
from typing import Any

import pytest

from eligibility import tables

from .conftest import Eligibility
from .test_contract import ANSWER, EXAMPLE


async def test_a_preview_needs_no_login_and_stores_nothing(eligibility: Eligibility) -> None:
    response = await eligibility.http.post("/v1/preview", json=EXAMPLE)
    assert response.status_code == 200
    answer = response.json()
    assert {name: answer[name] for name in ANSWER} == ANSWER
    assert set(answer) - set(ANSWER) == {"rules", "say"}
    for table in (tables.households, tables.assessments, tables.outbox):
        assert await eligibility.rows(table) == []


@pytest.mark.parametrize(
    ("place", "value", "path"),
    [
        (("members", 1, "born_on"), "2025-01-01", "members[1].born_on"),
        (("members", 0, "incomes", 0, "year"), 2024, "members[0].incomes[0].year"),
        (("members", 0, "balances"), 1200.0, "members[0].balances"),
        (("members", 2, "handicap"), True, "members[2].handicap"),
        (("reference_date",), "2018-12-31", "reference_date"),
    ],
)
async def test_what_is_wrong_is_named_with_its_path(
    eligibility: Eligibility, place: tuple[Any, ...], value: object, path: str
) -> None:
    spoiled: Any = copy.deepcopy(EXAMPLE)
    *above, key = place
    inner = spoiled
    for part in above:
        inner = inner[part]
    inner[key] = value
    response = await eligibility.http.post("/v1/preview", json=spoiled)
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert path in [error["path"] for error in response.json()["errors"]]


async def test_the_description_tells_what_is_asked_and_answered(eligibility: Eligibility) -> None:
    described = (await eligibility.http.get("/openapi.json")).json()
    post = described["paths"]["/v1/preview"]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/HouseholdToAssess")
    assert post["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Assessment")
    assert "security" not in post
