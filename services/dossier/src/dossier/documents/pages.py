"""A paper that is asked, brought in a browser; and one that was brought, read again."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.problems import Conflict, NotFound, Problem
from cir_chassis.session import logged_in
from cir_schemas.types import DossierRef
from dossier.documents import http, use_cases
from dossier.documents.requests import DocumentListed
from dossier.register import reading
from dossier.register.requests import Paper
from dossier.register.store import RegisterWork

Reader = Annotated[Caller, Depends(logged_in("candidate", "helper"))]
Bringer = Annotated[Caller, Depends(logged_in("candidate", "helper", "case_worker"))]
Work = Annotated[RegisterWork, IN_WORK]
Text = Annotated[str, Query(max_length=100)]
AT_THE_FIELD = (400, 408, 413, 415, 422, 503)


def routes(pages: Pages) -> APIRouter:
    """The pages of who brings documents."""
    router = pages.router()

    @router.get("/dossiers/{dossier}/documents/new")
    async def ask(
        dossier: DossierRef, member: Text, fact: Text, request: Request, caller: Bringer, work: Work
    ) -> Response:
        """The form of a paper that is asked, or of another one in the place of that which waits."""
        return await _form(dossier, member, fact, request, caller, work)

    @router.post("/dossiers/{dossier}/documents/new", max_body_size=http.LARGEST_BODY)
    async def bring(
        dossier: DossierRef, member: Text, fact: Text, request: Request, caller: Bringer, once: UUID | None = None
    ) -> Response:
        """As the API takes it, at the counter for who hands it in there. once: of the form, so that it counts once."""
        try:
            await http.upload(dossier, request, caller, str(once) if once else None)
            return RedirectResponse(f"/dossiers/{dossier}", 303)
        except (Problem, HTTPException) as error:
            status = error.status if isinstance(error, Problem) else error.status_code
            if status not in AT_THE_FIELD:
                raise
            place = error.errors[0][0] if isinstance(error, Problem) and error.errors else ""
        async with request.app.state.database.work() as work:
            return await _form(dossier, member, fact, request, caller, work, f"{place}.{status}")

    @router.get("/dossiers/{dossier}/documents/{document}")
    async def read(dossier: DossierRef, document: UUID, request: Request, caller: Reader) -> Response:
        """The file, as the API gives it."""
        return await http.read(dossier, document, request, caller)

    async def _form(
        dossier: DossierRef,
        member: str,
        fact: str,
        request: Request,
        caller: Caller,
        work: RegisterWork,
        wrong: str = "",
    ) -> Response:
        found = await reading.read(dossier, caller, work)
        if "upload" not in found.actions:
            raise Conflict("Nothing is brought now.", available=found.actions)
        brought = await use_cases.list_documents(dossier, caller, work)
        possible: list[Paper | DocumentListed] = [*found.papers, *(one for one in brought if one.state == "uploaded")]
        about = next((one for one in possible if (one.member, one.fact) == (member, fact)), None)
        if about is None:
            raise NotFound("This is not asked, or no longer.")
        most = use_cases.LARGEST // 10**6
        return pages.show(
            request, "bring", 422 if wrong else 200, dossier=found, about=about, wrong=wrong, once=uuid4(), most=most
        )

    return router
