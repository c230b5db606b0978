"""The desk's HTTP edge: case workers alone."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Response

from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller, may
from cir_schemas.types import DossierRef
from dossier.desk import use_cases
from dossier.register.store import RegisterWork

CaseWorker = Annotated[Caller, Depends(may("case_worker"))]
Work = Annotated[RegisterWork, IN_WORK]
Cursor = Annotated[str | None, Query(max_length=200, description="Of the link `next` of the page before")]
router = APIRouter(prefix="/v1", tags=["desk"])


@router.get("/queue")
async def queue(response: Response, caller: CaseWorker, work: Work, cursor: Cursor = None) -> list[use_cases.QueueItem]:
    """What waits for a human eye in the dossiers of the company and could still decide something, and who has it."""
    found, then = await use_cases.queue(cursor, caller, work)
    link(response, then)
    return found


@router.post("/queue/{item}/claim")
async def claim(item: str, caller: CaseWorker, work: Work) -> use_cases.QueueItem:
    """Take it: nobody else has it for a day. 409 says who has it."""
    return await use_cases.claim(item, caller, work)


@router.delete("/queue/{item}/claim", status_code=204)
async def give_back(item: str, caller: CaseWorker, work: Work) -> None:
    """Leave it to colleagues. 409 says who else has it."""
    await use_cases.give_back(item, caller, work)


@router.post("/queue/{item}/dismissal", status_code=204)
async def dismiss(item: str, body: use_cases.Dismissal, caller: CaseWorker, work: Work) -> None:
    """Let an interpretation stand against a source: it waits again once a source answers differently. Or a striking for a second
    refusal, though one counts no more."""
    await use_cases.dismiss(item, body, caller, work)


@router.get("/dossiers/{dossier}/notes")
async def read_notes(dossier: DossierRef, caller: CaseWorker, work: Work) -> list[use_cases.Note]:
    """What case workers of the treating company wrote down for each other: no candidate or helper sees it."""
    return await use_cases.read_notes(dossier, caller, work)


@router.post("/dossiers/{dossier}/notes", status_code=201)
async def add_note(dossier: DossierRef, body: use_cases.NoteWritten, caller: CaseWorker, work: Work) -> use_cases.Note:
    """Write a note for colleagues."""
    return await use_cases.add_note(dossier, body, caller, work)


def link(response: Response, cursor: str | None, **query: str) -> None:
    """Where the next page is, if there is one (RFC 8288)."""
    if cursor:
        response.headers["Link"] = f'<?{urlencode({**query, "cursor": cursor})}>; rel="next"'
