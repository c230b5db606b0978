"""My dossier in a browser: the use-cases of the API, shown in words."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.session import logged_in
from cir_schemas.types import DossierRef
from dossier.certificates import http as certificates
from dossier.register import reading
from dossier.register.store import RegisterWork

Candidate = Annotated[Caller, Depends(logged_in("candidate"))]
Work = Annotated[RegisterWork, IN_WORK]


def routes(pages: Pages) -> APIRouter:
    """The pages of candidates."""
    router = pages.router()

    @router.get("/dossiers")
    async def mine(request: Request, caller: Candidate, work: Work) -> Response:
        """His only dossier, or which he has."""
        found = await reading.mine(caller, work)
        if len(found) == 1:
            return RedirectResponse(f"/dossiers/{found[0].id}", 303)
        return pages.show(request, "dossiers", dossiers=found)

    @router.get("/dossiers/{dossier}")
    async def show(dossier: DossierRef, request: Request, caller: Candidate, work: Work) -> Response:
        """Where it stands, what is asked of whom, what happened. Who has not confirmed sees that it waits for him."""
        read = await reading.read(dossier, caller, work)
        contacts = (await reading.read_file(dossier, caller, work)).contacts
        history = await reading.read_history(dossier, caller, work) if contacts else ()
        return pages.show(request, "dossier", dossier=read, contacts=contacts, history=history)

    @router.get("/dossiers/{dossier}/certificate")
    async def certificate(dossier: DossierRef, request: Request, caller: Candidate, work: Work) -> Response:
        """As the API gives it."""
        return await certificates.certificate(dossier, request, caller, work)

    return router
