"""Who may see what became of the messages of a dossier, and what he sees."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from cir_chassis.login import anyone
from notifications import tables
from notifications.http import routes

from .conftest import Notifications, answered, contacts, helped, moved


async def test_the_case_worker_of_the_company_sees_every_message_without_addresses(
    notifications: Notifications, dossier: UUID
) -> None:
    event = moved(dossier)
    await notifications.hear(contacts(dossier, email=None, help=helped()), event, moved(dossier, "registered"))
    answer = await notifications.ask(dossier, company="dijledal")
    assert answer.status_code == 200
    first, second, *rest = answer.json()
    assert len(rest) == 2
    assert first["at"]
    assert first | {"at": None} == {
        "event": str(event.id),
        "kind": "submitted",
        "audience": "candidate",
        "channel": "email",
        "state": "no_address",
        "message_id": None,
        "at": None,
    }
    assert (second["audience"], second["state"]) == ("helper", "waiting")
    assert second["message_id"] == f"<{event.id}.helper.email@cir.example>"
    assert "ocmw" not in answer.text


async def test_of_who_referred_he_sees_that_it_was_told_but_not_who_it_is(
    notifications: Notifications, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier), answered(dossier))
    answer = await notifications.ask(dossier, company="dijledal")
    assert [(one["audience"], one["state"]) for one in answer.json()] == [
        ("candidate", "waiting"),
        ("referrer", "waiting"),
    ]
    assert "diletti" not in answer.text


async def test_a_dossier_of_which_nothing_was_told_has_no_messages(notifications: Notifications, dossier: UUID) -> None:
    await notifications.hear(contacts(dossier))
    answer = await notifications.ask(dossier, company="dijledal")
    assert (answer.status_code, answer.json()) == (200, [])


async def test_a_case_worker_of_another_company_learns_nothing(notifications: Notifications, dossier: UUID) -> None:
    await notifications.hear(contacts(dossier), moved(dossier))
    other = await notifications.ask(dossier, company="kanvaz")
    unknown = await notifications.ask(uuid4(), company="kanvaz")
    assert other.status_code == unknown.status_code == 404
    assert other.json() == unknown.json()


async def test_a_malformed_id_is_named(notifications: Notifications) -> None:
    answer = await notifications.ask("1", company="dijledal")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "query.dossier")


async def test_without_a_token_or_with_another_role_nothing_is_answered(
    notifications: Notifications, dossier: UUID
) -> None:
    assert (await notifications.http.get(f"/v1/messages?dossier={dossier}")).status_code == 401
    assert (await notifications.ask(dossier, "operator")).status_code == 403


def who_may(dependant: Dependant) -> Iterator[Any]:
    for dependency in dependant.dependencies:
        if hasattr(dependency.call, "roles") or dependency.call is anyone:
            yield dependency.call
        yield from who_may(dependency)


async def test_every_endpoint_names_who_may(notifications: Notifications) -> None:
    there = {path for path in notifications.service.app.openapi()["paths"] if path.startswith("/v1")}
    ours = [route for route in routes(notifications.links).routes if isinstance(route, APIRoute)]
    assert {route.path for route in ours if any(who_may(route.dependant))} == there
    assert there == {"/v1/messages", "/v1/addresses/confirmation", "/v1/addresses/restoration"}


@pytest.mark.parametrize("statement", ["UPDATE audit SET dossier = NULL", "DELETE FROM audit"])
async def test_who_reads_the_messages_of_a_dossier_is_on_record_for_good(
    notifications: Notifications, dossier: UUID, statement: str
) -> None:
    await notifications.hear(contacts(dossier), moved(dossier))
    assert (await notifications.ask(dossier, company="dijledal")).status_code == 200
    assert (await notifications.ask(dossier, company="kanvaz")).status_code == 404
    async with notifications.service.database.engine.connect() as connection:
        with pytest.raises(sa.exc.DBAPIError, match="the audit is never changed or deleted"):
            await connection.execute(sa.text(statement))
    [row] = await notifications.rows(tables.audit)
    assert (row.dossier, row.role, row.works_for, row.relation) == (dossier, "case_worker", "dijledal", "treating")
    assert row.call == "GET /v1/messages"
