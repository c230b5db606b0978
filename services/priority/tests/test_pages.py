"""Priority's pages show to each what its API gives him, and nobody another's."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from cir_chassis.pseudonym import pseudonym
from priority import tables

from .conftest import AGREED, CANDIDATE, KEY, Priority, candidacy

ID, NUMBER = uuid4(), "2019.04.02.0007"
PARTNER, NAMED, FORMER = "86070110605", "87031512841", "90010112313"
MARKUP = "<script>alert(1)</script> {{ 7*7 }}\r\nThe roof leaks."
ACTORS: dict[str, tuple[str | None, dict[str, str]]] = {
    "the applicant": ("candidate", {"person": CANDIDATE}),
    "the partner": ("candidate", {"person": PARTNER}),
    "a partner who has not confirmed": ("candidate", {"person": NAMED}),
    "a former partner": ("candidate", {"person": FORMER}),
    "the referrer": ("helper", {"organisation": "caw"}),
    "the company": ("case_worker", {"company": "dijledal"}),
    "another company": ("case_worker", {"company": "kanvaz"}),
    "its council": ("council", {"company": "dijledal"}),
    "anyone": (None, {}),
}
HIS = {"the applicant": 200, "the partner": 200, "a partner who has not confirmed": 404, "a former partner": 404}
OURS = {"the company": 200, "another company": 404}
PAGES: list[tuple[str, int, dict[str, int], str]] = [
    # path, what a role is answered that is not named, who is answered what, and a page of it
    ("/place", 403, HIS | dict.fromkeys(("a partner who has not confirmed", "a former partner"), 200), "places?"),
    (f"/place/{ID}", 403, HIS, "place"),
    (f"/place/{NUMBER}", 403, HIS, "place"),
    (f"/place/{ID}/situation", 403, HIS, "situation"),
    ("/waiting-list", 403, OURS | {"another company": 200}, "waiting_list"),
    ("/waiting-list?municipality=24062", 403, OURS, "waiting_list"),
    ("/situations", 403, OURS | {"another company": 200}, "situations"),
    ("/situations/{waits}", 403, OURS, "review"),
    ("/priorities", 200, {}, "priorities"),
    ("/priorities?municipality=24062", 200, {}, "priorities"),
    ("/nowhere", 404, {}, "error"),
]


def key_of(page: httpx.Response) -> str:
    found = re.search(r'name="key" value="(\w+)"', page.text)
    assert found
    return found[1]


async def scene(priority: Priority) -> str:
    """A couple of whom the partner confirmed, in whose place another one was; its request waits. The id of the request."""
    couple = [pseudonym(number, KEY) for number in (CANDIDATE, PARTNER)]
    before = [pseudonym(number, KEY) for number in (CANDIDATE, FORMER)]
    await priority.hear(candidacy(NUMBER, 1, ID, candidates=before), candidacy(NUMBER, 2, ID, candidates=couple))
    await priority.agreed()
    await priority.refer(NUMBER)
    asked = await priority.post("/v1/situations", {"dossier": NUMBER, "text": MARKUP})
    return str(asked.json()["id"])


@pytest.mark.parametrize("who", ACTORS)
async def test_each_page_answers_each_role_in_each_relation_as_the_api_does(priority: Priority, who: str) -> None:
    (role, held), waits = ACTORS[who], await scene(priority)
    for path, unnamed, answers, name in PAGES:
        page = await priority.page("GET", path.format(waits=waits), role, held=held)
        if page.status_code == 303 and role:
            page = await priority.page("GET", page.headers["location"], role, held=held)
        expected = answers.get(who, unnamed)
        if role is None and unnamed == 403:
            assert page.headers["location"].startswith("/login?to=%2F"), path
            continue
        assert page.status_code == expected, f"{path}, by {who}: {page.text[-600:]}"
        assert re.search(f'data-page="({name if expected == 200 else "error"})"', page.text), path
        assert "<script" not in page.text
        if expected != 200:
            assert "The roof leaks." not in page.text
            assert NUMBER not in page.text.replace(f"/place/{NUMBER}", "")
    for path in (f"/place/{ID}/situation", f"/situations/{waits}"):
        answers = HIS if path.startswith("/place") else OURS
        sent = await priority.page("POST", path, role, held=held, data={"key": "k"})
        expected = 401 if role is None else 422 if answers.get(who) == 200 else answers.get(who, 403)
        assert sent.status_code == expected, f"{path}, sent by {who}"


async def test_a_place_and_the_reasons_are_read_in_words(priority: Priority) -> None:
    await scene(priority)
    await priority.hear(candidacy("2018.01.01.0001"))
    page = await priority.page("GET", f"/place/{ID}", "candidate", held={"person": CANDIDATE})
    given = (await priority.get(f"/v1/dossiers/{ID}/positions")).json()[0]
    assert f"Place {given['position']}" in page.text
    assert given["text"]["en"].removeprefix("f") in page.text
    assert "Accepted: there will be a home" in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }}" in page.text
    assert "A person is looking at it." in page.text
    assert f"/place/{ID}/situation" not in page.text, "one request at a time"
    empty = await priority.page("GET", "/place", "candidate", held={"person": FORMER})
    assert (empty.status_code, "http://127.0.0.1:8101/dossiers" in empty.text) == (200, True)
    top = await priority.page("GET", "/waiting-list?municipality=24062", "case_worker", held={"company": "dijledal"})
    assert top.text.index("2018.01.01.0001") < top.text.index(NUMBER)
    beyond = "/waiting-list?municipality=24062&page=2"
    assert NUMBER not in (await priority.page("GET", beyond, "case_worker", held={"company": "dijledal"})).text
    there = await priority.page("GET", "/priorities?municipality=24062", None, headers={"Accept-Language": "nl"})
    assert "daklozen" in there.text
    assert "CAW Oost-Brabant" in there.text, "an organisation is shown by its name"
    assert "mind-the-gap" in there.text, "or by its id, until dossier publishes it"


async def requests_made(priority: Priority) -> list[Any]:
    async with priority.service.database.engine.connect() as connection:
        return list(await connection.execute(sa.select(tables.situations)))


async def test_a_request_is_made_once_and_decided_once(priority: Priority) -> None:
    him, path = {"person": CANDIDATE}, f"/place/{ID}/situation"
    await priority.hear(candidacy(NUMBER, 1, ID))
    await priority.agreed()
    key = key_of(await priority.page("GET", path, "candidate", held=him))
    wrong = await priority.page("POST", path, "candidate", held=him, data={"text": " ", "key": key})
    assert (wrong.status_code, 'href="#text"' in wrong.text) == (422, True)
    form = {"text": MARKUP, "key": key_of(wrong)}
    other = {"Sec-Fetch-Site": "cross-site"}
    assert (await priority.page("POST", path, "candidate", held=him, data=form, headers=other)).status_code == 403
    ended = await priority.page("POST", path, "candidate", held=him, life=-1, data=form)
    assert (ended.status_code, "The roof leaks." in ended.text, await requests_made(priority)) == (401, False, [])
    found = re.search(r'name="sealed" value="([^"]+)"', ended.text)
    assert found
    for sent in ({"sealed": found[1]}, form):  # what was typed is kept, sealed; sent once more, it is the same request
        answer = await priority.page("POST", path, "candidate", held=him, data=sent)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/place/{ID}")
    (made,) = await requests_made(priority)
    assert (made.text, made.asked_by) == (MARKUP, "candidate")
    again = await priority.page("POST", path, "candidate", held=him, data=form | {"key": "another"})
    assert (again.status_code, len(await requests_made(priority))) == (409, 1)
    assert ("is being looked at already" in again.text, "The roof leaks." in again.text) == (True, True)
    ours, review = {"company": "dijledal"}, f"/situations/{made.id}"
    page = await priority.page("GET", review, "case_worker", held=ours)
    assert re.findall(r'value="([^"]+)"', page.text)[1:] == [
        "priority elderly",
        "forwarded homeless",
        "forwarded young",
        "refused",
    ]
    for wrong_form, said in (
        ({"reasons": "x"}, "Choose what you decide"),
        ({"decision": "refused"}, "Give your reasons"),
    ):
        wrong = await priority.page("POST", review, "case_worker", held=ours, data={"key": "k"} | wrong_form)
        assert (wrong.status_code, said in wrong.text) == (422, True)
    forged = {"decision": "priority homeless", "reasons": "x", "key": "k"}
    assert (await priority.page("POST", review, "case_worker", held=ours, data=forged)).status_code == 422
    form = {"decision": "priority elderly", "reasons": "Uninhabitable.", "key": key_of(page)}
    for _ in range(2):
        assert (await priority.page("POST", review, "case_worker", held=ours, data=form)).status_code == 303
    (decided,) = await requests_made(priority)
    assert (decided.decision, decided.group, decided.reasons) == ("priority", "elderly", ["Uninhabitable."])
    assert (await priority.page("GET", review, "case_worker", held=ours)).status_code == 409
    read = await priority.page("GET", f"/place/{ID}", "candidate", held=him)
    assert ("Uninhabitable." in read.text, f"/place/{ID}/situation" in read.text) == (True, True)
    assert len([event for event in await priority.said() if event["type"] == "SituationReviewed"]) == 1
    assert AGREED["groups"]
