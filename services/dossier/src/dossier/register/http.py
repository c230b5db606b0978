"""The register's HTTP edge: who calls, in which transaction; the use-cases hold every rule."""

from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Header, Query, Request, Response

from cir_chassis.http import IN_WORK, if_match_version
from cir_chassis.idempotency import idempotent
from cir_chassis.login import Caller, may
from cir_schemas.types import DossierRef
from dossier.desk import use_cases as desk
from dossier.desk.http import Cursor, link
from dossier.register import actions, reading, requests, use_cases
from dossier.register.store import RegisterWork

Candidate = Annotated[Caller, Depends(may("candidate"))]
OwnOrCompany = Annotated[Caller, Depends(may("candidate", "case_worker"))]
OwnCompanyOrHelper = Annotated[Caller, Depends(may("candidate", "case_worker", "helper"))]
Sought = Annotated[str | None, Query(max_length=100)]
Version = Annotated[int, Depends(if_match_version)]
Work = Annotated[RegisterWork, IN_WORK]
Versioned = TypeVar("Versioned", requests.DossierRead, requests.FileRead, requests.Changed)
router = APIRouter(prefix="/v1/dossiers", tags=["dossiers"])


@router.post("", status_code=201)
async def start(
    body: requests.DossierStart,
    request: Request,
    caller: OwnOrCompany,
    idempotency_key: Annotated[str, Header(min_length=1, max_length=200)],
    work: Work,
) -> requests.Started:
    """Start a dossier: the candidate himself, or a case worker of the municipality's company at the counter."""

    async def effect() -> dict[str, str]:
        return (await use_cases.start(body, caller, work)).model_dump(mode="json")

    answer = await idempotent(work.connection, caller.subject, idempotency_key, await request.body(), effect)
    return requests.Started.model_validate(answer)


@router.get("")
async def list_dossiers(
    response: Response, caller: OwnCompanyOrHelper, work: Work, q: Sought = None, cursor: Cursor = None
) -> list[requests.DossierListed] | list[requests.DossierHelped]:
    """The candidate's dossiers, and those where he is asked to confirm. To a helper those that his organisation helps with, by
    consent. To a case worker those of his company that he looks for: by `q`, a number, name, birth date or national number."""
    if caller.role == "candidate":
        return await reading.mine(caller, work)
    if caller.role == "helper":
        page = int(cursor) if cursor and cursor.isdecimal() and len(cursor) < 5 else 1
        helped, more = await reading.helped(max(page, 1), caller, work)
        link(response, str(page + 1) if more else None)
        return helped
    found, then = await desk.search(q or "", cursor, caller, work)
    link(response, then, q=q or "")
    return found


@router.get("/{dossier}")
async def read(dossier: DossierRef, response: Response, caller: OwnCompanyOrHelper, work: Work) -> requests.DossierRead:
    """Where the dossier stands, why, what it waits for, and what the caller may do now."""
    return _tagged(await reading.read(dossier, caller, work), response)


@router.delete("/{dossier}", status_code=204)
async def erase(dossier: UUID, request: Request, after: BackgroundTasks, caller: Candidate, work: Work) -> None:
    """Erase a draft, by its applicant."""
    after.add_task(request.app.state.files.delete, await use_cases.erase(dossier, caller, work))


@router.get("/{dossier}/file")
async def read_file(dossier: DossierRef, response: Response, caller: OwnOrCompany, work: Work) -> requests.FileRead:
    """What is on record of the household."""
    return _tagged(await reading.read_file(dossier, caller, work), response)


@router.get("/{dossier}/history")
async def read_history(dossier: DossierRef, caller: OwnOrCompany, work: Work) -> list[requests.HistoryItem]:
    """Every act on the dossier, the oldest first."""
    return await reading.read_history(dossier, caller, work)


@router.get("/{dossier}/audit")
async def read_audit(
    dossier: DossierRef,
    caller: OwnOrCompany,
    work: Work,
    before: Annotated[int | None, Query(description="The id of the last entry that was read")] = None,
    most: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[requests.AuditItem]:
    """Who read or changed the dossier, the newest first."""
    return await reading.read_audit(dossier, caller, work, before, most)


@router.put("/{dossier}/household")
async def change_household(
    dossier: UUID,
    body: requests.HouseholdDeclared,
    response: Response,
    caller: OwnOrCompany,
    version: Version,
    work: Work,
) -> requests.Changed:
    """Put other facts in the place of those on record, if they are still the ones that were read."""
    return _tagged(await use_cases.change_household(dossier, body, version, caller, work), response)


@router.put("/{dossier}/contacts")
async def change_contacts(
    dossier: UUID, body: requests.Contacts, response: Response, caller: OwnOrCompany, version: Version, work: Work
) -> requests.Changed:
    """Change how the household is reached, and who helps."""
    return _tagged(await use_cases.change_contacts(dossier, body, version, caller, work), response)


@router.put("/{dossier}/wishes")
async def change_wishes(
    dossier: UUID, body: requests.Wishes, response: Response, caller: OwnOrCompany, version: Version, work: Work
) -> requests.Changed:
    """Change where the household wants to live, and what ties it there."""
    return _tagged(await use_cases.change_wishes(dossier, body, version, caller, work), response)


@router.post("/{dossier}/submission", status_code=202)
async def submit(dossier: UUID, caller: OwnOrCompany, work: Work) -> requests.Submitted:
    """Apply: the dossier gets its number and its date, and the conditions are tested."""
    return await use_cases.submit(dossier, caller, work)


@router.post("/{dossier}/members/{member}/confirmation", status_code=204)
async def confirm(
    dossier: UUID, member: str, caller: OwnOrCompany, work: Work, body: requests.Confirmation | None = None
) -> None:
    """A member confirms that he takes part: himself, logged in, or on paper at the case worker's."""
    await use_cases.confirm(dossier, member, bool(body and body.on_paper), caller, work)


@router.delete("/{dossier}/members/{member}/confirmation", status_code=204)
async def decline(dossier: UUID, member: str, caller: OwnOrCompany, work: Work) -> None:
    """An adult declines to take part, or leaves the household."""
    await use_cases.decline(dossier, member, caller, work)


@router.post("/{dossier}/actions", status_code=201)
async def act(dossier: UUID, body: requests.ActionRequest, caller: OwnOrCompany, work: Work) -> requests.ActionTaken:
    """Decide about a submitted dossier, or record what happened to it."""
    return await actions.act(dossier, body, caller, work)


def _tagged(found: Versioned, response: Response) -> Versioned:
    response.headers["ETag"] = f'"{found.facts_version}"'
    return found
