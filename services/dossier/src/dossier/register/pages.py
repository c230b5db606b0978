"""My dossier in a browser: the use-cases of the API, shown in words."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.session import logged_in
from cir_schemas.types import DossierRef
from dossier.certificates import http as certificates
from dossier.documents.use_cases import list_documents
from dossier.register import reading
from dossier.register.store import RegisterWork

Candidate = Annotated[Caller, Depends(logged_in("candidate"))]
CandidateOrHelper = Annotated[Caller, Depends(logged_in("candidate", "helper"))]
Everybody = Annotated[Caller, Depends(logged_in("candidate", "helper", "case_worker"))]
Work = Annotated[RegisterWork, IN_WORK]
Page = Annotated[int, Query(ge=1, le=1000)]


def routes(pages: Pages) -> APIRouter:
    """The pages of candidates and of who helps them."""
    router = pages.router()

    @router.get("/dossiers")
    async def mine(request: Request, caller: CandidateOrHelper, work: Work, page: Page = 1) -> Response:
        """His only dossier, or which he has; of a helper those with consent."""
        if caller.role == "helper":
            helped, more = await reading.helped(page, caller, work)
            return pages.show(request, "helped", dossiers=helped, number=page, more=more)
        found = await reading.mine(caller, work)
        if len(found) == 1:
            return RedirectResponse(f"/dossiers/{found[0].id}", 303)
        return pages.show(request, "dossiers", dossiers=found)

    @router.get("/dossiers/{dossier}")
    async def show(dossier: DossierRef, request: Request, caller: Everybody, work: Work) -> Response:
        """Where it stands, what is asked of whom, what happened. Who has not confirmed sees that it waits for him; a helper
        sees what is asked."""
        if caller.role == "case_worker":
            return RedirectResponse(f"/desk/{dossier}", 303)
        read, file = await reading.read(dossier, caller, work), None
        if caller.role == "candidate":
            file = await reading.read_file(dossier, caller, work)
        whole = file and file.contacts
        history = await reading.read_history(dossier, caller, work) if whole else ()
        documents = await list_documents(dossier, caller, work) if whole or not file else ()
        return pages.show(request, "dossier", dossier=read, file=file, history=history, documents=documents)

    @router.get("/dossiers/{dossier}/certificate")
    async def certificate(dossier: DossierRef, request: Request, caller: Candidate, work: Work) -> Response:
        """As the API gives it."""
        return await certificates.certificate(dossier, request, caller, work)

    return router
