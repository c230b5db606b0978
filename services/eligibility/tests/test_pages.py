"""*Would I qualify?*: anyone is told what `preview` would answer, and nothing of what he told stays anywhere."""

import re
from typing import Any

import httpx
import pytest

from eligibility import tables
from eligibility.texts import TEXTS

from .conftest import Eligibility

SAYS = {"met": "Voldaan", "not_met": "Niet voldaan", "to_investigate": "Nog niet zeker"}
WHOLE = {"met": "U komt in", "not_met": "Zo komt u niet", "to_investigate": "Dat hangt af van"}
ALONE = {
    "household": "alone", "you.age": "39", "you.residence": "population_register", "you.handicap": "false",
    "dependants": "0", "you.income": "€ 21.000,50", "you.year": "2023", "you.balances": "1 200", "owns": "nothing",
}  # fmt: skip
COUPLE = ALONE | {
    "household": "partner", "partner.age": "38", "partner.residence": "foreigners_register", "partner.income": "20000",
    "partner.year": "2022", "partner.balances": "0", "dependants": "2", "with_handicap": "1",
}  # fmt: skip


def person(role: str, **known: Any) -> dict[str, Any]:
    return {"id": role, "role": role, **known}


US = {"residence": "population_register", "real_rights": []}
ME = person("applicant", born_on="1985-01-01", recognised_handicap=False, balances="1200.00", **US)
ME |= {"incomes": [{"year": 2023, "jointly_taxable": "21000.50"}]}
PARTNER = person("partner", born_on="1986-01-01", balances="0", **US | {"residence": "foreigners_register"})
PARTNER |= {"incomes": [{"year": 2022, "jointly_taxable": "20000"}]}
CHILDREN = [person("co_resident", dependant=True, recognised_handicap=n < 1) | {"id": f"c{n}"} for n in range(2)]


@pytest.mark.parametrize(
    ("typed", "members"),
    [
        (ALONE, [ME]),
        (ALONE | {"partner.income": "900000"}, [ME]),  # typed by who then lives alone
        (ALONE | {"you.income": "29.515,01"}, [ME | {"incomes": [{"year": 2023, "jointly_taxable": "29515.01"}]}]),
        (ALONE | {"you.income": "0"}, [ME | {"incomes": [{"year": 2023}]}]),
        (ALONE | {"you.age": "17"}, [ME | {"born_on": "2007-01-01"}]),
        (ALONE | {"owns": "full_ownership"}, [ME | {"real_rights": [{"right": "full_ownership", "object": "dwelling"}]}]),
        (COUPLE, [ME, PARTNER, *CHILDREN]),
        ({"household": "partner"}, [person("applicant"), person("partner")]),
    ],
)  # fmt: skip
async def test_the_answer_is_that_of_preview(
    eligibility: Eligibility, typed: dict[str, str], members: list[dict[str, Any]]
) -> None:
    preview = {"reference_date": "2024-03-20", "members": members}
    answer = (await eligibility.http.post("/v1/preview", json=preview)).json()
    page = await sent(eligibility, typed)
    assert (page.status_code, page.url.query, page.history) == (200, b"", [])
    assert page.headers["cache-control"] == "no-store"
    assert f'<h1 class="govuk-heading-l">{WHOLE[answer["outcome"]]}' in page.text
    assert ("Leeftijd: aanvrager nog niet bekend" in page.text) == (not typed.get("you.age"))
    tags = re.findall(r'id="(\w+)">[^<]+</h2>\s*<p[^>]*><strong[^>]*>([^<]+)<', page.text)
    assert tags == [(name, SAYS[one["outcome"]]) for name, one in answer["conditions"].items()]
    asked = {said.split(":", 1)[0] for said in (TEXTS["nl"]["ask"], TEXTS["nl"]["claim"])}
    for sentence in answer["say"]["nl"]:  # what would be asked has words of the page's own
        assert sentence.split(":", 1)[0] in asked or sentence in page.text.replace("&#39;", "'")
    for ask in ("Wij zouden vragen", "asks"), ("Dit kan het veranderen", "could_claim"):
        assert page.text.count(f"<li>{ask[0]}") == len(answer[ask[1]])
    assert "Dit is geen beslissing" in page.text
    assert ("Voorlopig" in page.text) == bool(answer["provisional"])
    for table in (tables.households, tables.assessments, tables.outbox):
        assert await eligibility.rows(table) == []


async def sent(eligibility: Eligibility, typed: dict[str, str], **headers: str) -> httpx.Response:
    said = {"Accept": "text/html", "Accept-Language": "nl"} | headers
    return await eligibility.http.post("/check", data=typed, headers=said)


async def test_what_cannot_be_read_is_asked_again_and_an_answer_can_be_changed(
    eligibility: Eligibility, capfd: pytest.CaptureFixture[str]
) -> None:
    markup = "<script>alert(1)</script> {{ 7*7 }}"
    for typed, at in (
        ({}, "household"),
        (ALONE | {"you.income": markup}, "you.income"),
        (ALONE | {"you.age": "-1"}, "you.age"),
        (ALONE | {"dependants": "999999999"}, "dependants"),
        (ALONE | {"you.balances": "1e9"}, "you.balances"),
    ):
        wrong = await sent(eligibility, typed)
        assert (wrong.status_code, f'href="#{at}"' in wrong.text, "<script" in wrong.text) == (422, True, False), at
    assert (await sent(eligibility, ALONE | {"you.year": "2024"})).status_code == 422, "its assessment comes later"
    assert (await sent(eligibility, ALONE, **{"Sec-Fetch-Site": "cross-site"})).status_code == 403
    page = await sent(eligibility, ALONE)
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    assert hidden == ALONE
    again = await sent(eligibility, hidden | {"change": "yes"})
    assert (again.status_code, 'value="€ 21.000,50"' in again.text, 'data-page="check"' in again.text) == (
        200,
        True,
        True,
    )
    first = await eligibility.http.get("/check", headers={"Accept": "text/html"})
    assert ("21.000" in first.text, first.status_code) == (False, 200)
    logged = "".join(capfd.readouterr())
    assert [typed for typed in ("21.000", "21000", "1 200", "population_register") if typed in logged] == []
