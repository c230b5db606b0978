"""Every call that shows or changes something of a person is on record, whichever service answers it."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import pytest
from asyncpg.transaction import Transaction

from cir_chassis import audit

from .calls import CALLERS, OTHER, calls, set_scene
from .conftest import Services

NOBODYS = {  # shows and changes nothing of anybody
    "GET /health/live", "GET /metrics", "GET /asyncapi.json", "GET /v1/companies", "GET /v1/certificates/{code}",
    "POST /v1/preview", "GET /v1/assessments",
    "GET /v1/assessments/{number}/again", "GET /v1/agreements", "POST /v1/agreements", "POST /v1/agreements/{id}/adoption",
    "POST /v1/agreements/{id}/freezes", "GET /v1/priorities", "POST /v1/vacancies", "DELETE /v1/dossiers/{dossier}",
}  # fmt: skip
OF_NO_DOSSIER = {  # lists of numbers, whole: an entry for each would be thousands; and a company's year
    "GET /v1/waiting-list", "GET /v1/vacancies/{id}/next", "GET /v1/agreements/{id}/ledger", "GET /v1/figures",
    "GET /v1/special-allocations",
}  # fmt: skip


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "caller", ["nobody", "applicant", "asked", "helper", "referrer", "worker", "wanted", "council"]
)
async def test_every_call_that_is_answered_is_on_record(
    services: Services, monkeypatch: pytest.MonkeyPatch, caller: str
) -> None:
    scene, add = await set_scene(services), audit.add
    monkeypatch.setattr(Transaction, "commit", Transaction.rollback)  # each call meets the same scene
    found: list[audit.Audited] = []

    async def seen(connection: Any, audited: Collection[audit.Audited]) -> None:
        await add(connection, audited)
        found.extend(audited)

    monkeypatch.setattr(audit, "add", seen)
    role = CALLERS[caller]
    who = await services.as_(role[0], **role[1]) if role else {}
    answered = 0
    for service, lines in calls(scene).items():
        for line, call in lines.items():
            found.clear()
            name = line.partition(" · ")[0]
            method, path = name.split(" ", 1)
            url = path.format_map(scene | dict(call.at))
            sent = {"json": call.json, "data": call.form, "files": call.files, "params": dict(call.query)}
            answer = await services.call(service, method, url, who, headers=dict(call.headers), **sent)
            if answer.is_success and name not in NOBODYS and (found or answer.text != "[]"):
                answered += 1
                assert found, f"{line} by {caller} leaves no entry"
                assert {one.call for one in found} == {name}
                if answer.text != "[]":  # a search that found nothing is of nobody
                    assert (name in OF_NO_DOSSIER) == (found[0].dossier is None), line
                if role and name != "POST /v1/dossiers":
                    assert {one.dossier for one in found} <= {None, UUID(scene["dossier"]), OTHER}
            else:
                assert not found or name in NOBODYS, line
    assert answered or not role  # nothing is shown of anybody to who is not logged in
