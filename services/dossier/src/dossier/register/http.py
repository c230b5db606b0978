"""The register's HTTP edge: who calls, in which transaction; the use-cases hold every rule."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response

from cir_chassis.database import Database
from cir_chassis.http import if_match_version
from cir_chassis.idempotency import idempotent
from cir_chassis.login import Caller, may
from cir_schemas.types import DossierRef
from dossier.documents.files import Files
from dossier.register import actions, reading, use_cases
from dossier.register.requests import (
    ActionRequest,
    ActionTaken,
    Changed,
    Confirmation,
    Contacts,
    DossierListed,
    DossierRead,
    DossierStart,
    FileRead,
    HistoryItem,
    HouseholdDeclared,
    Started,
    Submitted,
    Wishes,
)
from dossier.register.store import RegisterWork

Candidate = Annotated[Caller, Depends(may("candidate"))]
OwnOrCompany = Annotated[Caller, Depends(may("candidate", "case_worker"))]
OwnCompanyOrHelper = Annotated[Caller, Depends(may("candidate", "case_worker", "helper"))]
Version = Annotated[int, Depends(if_match_version)]


def routes(database: Database[RegisterWork], files: Files) -> APIRouter:
    """The register's API."""
    router = APIRouter(prefix="/v1/dossiers", tags=["dossiers"])

    @router.post("", status_code=201)
    async def start(
        body: DossierStart,
        request: Request,
        caller: OwnOrCompany,
        idempotency_key: Annotated[str, Header(min_length=1, max_length=200)],
    ) -> Started:
        """Start a dossier: the candidate himself, or a case worker of the municipality's company at the counter."""
        async with database.work() as work:

            async def effect() -> dict[str, str]:
                return (await use_cases.start(body, caller, work)).model_dump(mode="json")

            answer = await idempotent(work.connection, caller.subject, idempotency_key, await request.body(), effect)
        return Started.model_validate(answer)

    @router.get("")
    async def mine(caller: Candidate) -> list[DossierListed]:
        """The candidate's dossiers, and those where he is asked to confirm."""
        async with database.work() as work:
            return await reading.mine(caller, work)

    @router.get("/{dossier}")
    async def read(dossier: DossierRef, response: Response, caller: OwnCompanyOrHelper) -> DossierRead:
        """Where the dossier stands, why, what it waits for, and what the caller may do now."""
        async with database.work() as work:
            found = await reading.read(dossier, caller, work)
        response.headers["ETag"] = f'"{found.facts_version}"'
        return found

    @router.delete("/{dossier}", status_code=204)
    async def erase(dossier: UUID, caller: Candidate) -> None:
        """Erase a draft, by its applicant."""
        async with database.work() as work:
            erased = await use_cases.erase(dossier, caller, work)
        await files.delete(erased)

    @router.get("/{dossier}/file")
    async def read_file(dossier: DossierRef, response: Response, caller: OwnOrCompany) -> FileRead:
        """What is on record of the household."""
        async with database.work() as work:
            found = await reading.read_file(dossier, caller, work)
        response.headers["ETag"] = f'"{found.facts_version}"'
        return found

    @router.get("/{dossier}/history")
    async def read_history(dossier: DossierRef, caller: OwnOrCompany) -> list[HistoryItem]:
        """Every act on the dossier, the oldest first."""
        async with database.work() as work:
            return await reading.read_history(dossier, caller, work)

    @router.put("/{dossier}/household")
    async def change_household(
        dossier: UUID, body: HouseholdDeclared, response: Response, caller: OwnOrCompany, version: Version
    ) -> Changed:
        """Put other facts in the place of those on record, if they are still the ones that were read."""
        async with database.work() as work:
            return _tagged(await use_cases.change_household(dossier, body, version, caller, work), response)

    @router.put("/{dossier}/contacts")
    async def change_contacts(
        dossier: UUID, body: Contacts, response: Response, caller: OwnOrCompany, version: Version
    ) -> Changed:
        """Change how the household is reached, and who helps."""
        async with database.work() as work:
            return _tagged(await use_cases.change_contacts(dossier, body, version, caller, work), response)

    @router.put("/{dossier}/wishes")
    async def change_wishes(
        dossier: UUID, body: Wishes, response: Response, caller: OwnOrCompany, version: Version
    ) -> Changed:
        """Change where the household wants to live, and what ties it there."""
        async with database.work() as work:
            return _tagged(await use_cases.change_wishes(dossier, body, version, caller, work), response)

    @router.post("/{dossier}/submission", status_code=202)
    async def submit(dossier: UUID, caller: OwnOrCompany) -> Submitted:
        """Apply: the dossier gets its number and its date, and the conditions are tested."""
        async with database.work() as work:
            return await use_cases.submit(dossier, caller, work)

    @router.post("/{dossier}/members/{member}/confirmation", status_code=204)
    async def confirm(dossier: UUID, member: str, caller: OwnOrCompany, body: Confirmation | None = None) -> None:
        """A member confirms that he takes part: himself, logged in, or on paper at the case worker's."""
        async with database.work() as work:
            await use_cases.confirm(dossier, member, bool(body and body.on_paper), caller, work)

    @router.delete("/{dossier}/members/{member}/confirmation", status_code=204)
    async def decline(dossier: UUID, member: str, caller: OwnOrCompany) -> None:
        """An adult declines to take part, or leaves the household."""
        async with database.work() as work:
            await use_cases.decline(dossier, member, caller, work)

    @router.post("/{dossier}/actions", status_code=201)
    async def act(dossier: UUID, body: ActionRequest, caller: OwnOrCompany) -> ActionTaken:
        """Decide about a submitted dossier, or record what happened to it."""
        async with database.work() as work:
            return await actions.act(dossier, body, caller, work)

    return router


def _tagged(changed: Changed, response: Response) -> Changed:
    response.headers["ETag"] = f'"{changed.facts_version}"'
    return changed
