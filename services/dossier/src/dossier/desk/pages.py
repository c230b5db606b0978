"""The desk in a browser: what waits, and a dossier on one page. It shows what the API gives a case worker, and no more."""

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.problems import NotAllowed, Problem
from cir_chassis.session import logged_in
from cir_schemas.municipalities import NAMES
from cir_schemas.types import DossierRef
from dossier.desk import use_cases as desk
from dossier.desk.http import Cursor
from dossier.documents import use_cases as documents
from dossier.register import reading
from dossier.register.store import RegisterWork

CaseWorker = Annotated[Caller, Depends(logged_in("case_worker"))]
Work = Annotated[RegisterWork, IN_WORK]
Sought = Annotated[str, Query(max_length=100)]


def routes(pages: Pages) -> APIRouter:
    """Every page of the desk."""
    router = pages.router()

    @router.get("/desk")
    async def queue(request: Request, caller: CaseWorker, work: Work, cursor: Cursor = None) -> Response:
        """What waits, the longest first, and who has it."""
        found, then = await desk.queue(cursor, caller, work)
        return pages.show(request, "desk", items=found, place=place, more=then and urlencode({"cursor": then}))

    @router.get("/desk/search")
    async def search(
        request: Request, caller: CaseWorker, work: Work, q: Sought = "", cursor: Cursor = None
    ) -> Response:
        """Dossiers by number, name, birth date or national number; one that is too short to look for is said so."""
        found, then, short = list[Any](), None, False
        try:
            if q.strip():
                found, then = await desk.search(q, cursor, caller, work)
        except Problem as problem:
            if problem.status != 422:
                raise
            short = True
        more = then and urlencode({"q": q, "cursor": then})
        return pages.show(request, "desk_search", 422 if short else 200, q=q, found=found, short=short, more=more)

    @router.get("/desk/{dossier}")
    async def show(dossier: DossierRef, request: Request, caller: CaseWorker, work: Work) -> Response:
        """All of one dossier; to a company that is only wanted, how it stands."""
        return pages.show(request, "desk_dossier", **await whole(dossier, caller, work))

    @router.get("/desk/{dossier}/audit")
    async def audit(
        dossier: DossierRef, request: Request, caller: CaseWorker, work: Work, before: int | None = None
    ) -> Response:
        """Who read or changed it."""
        found = await reading.read_audit(dossier, caller, work, before, AUDITED)
        more = found[-1].id if len(found) == AUDITED else None
        return pages.show(request, "desk_audit", dossier=dossier, entries=found, more=more)

    return router


AUDITED = 100  # entries on a page


async def whole(dossier: DossierRef, caller: Caller, work: RegisterWork) -> dict[str, Any]:
    """What the caller may see of a dossier: `file` and what hangs on it are none to a company that is only wanted."""
    found: dict[str, Any] = {"dossier": await reading.read(dossier, caller, work), "file": None, "places": NAMES, "dated": datetime.fromisoformat}
    with suppress(NotAllowed):
        found["file"] = file = await reading.read_file(dossier, caller, work)
        found["history"] = await reading.read_history(dossier, caller, work)
        found["documents"] = await documents.list_documents(dossier, caller, work)
        found["notes"] = await desk.read_notes(dossier, caller, work)
        found["people"] = {one["id"]: one for one in file.declared["members"]}
    return found


def place(item: str) -> str:
    """Where a case worker does what waits."""
    dossier, kind, *which = item.split(".")
    of = {"document": "documents/", "contradiction": "contradictions/"}.get(kind)
    return f"/desk/{dossier}/{of}{which[0]}" if of else f"/desk/{dossier}"
