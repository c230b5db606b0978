"""The register in a browser: the use-cases of the API, shown in words."""

import json
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from cir_chassis.clock import Clock
from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.session import logged_in, whoever
from cir_schemas.types import DossierRef
from dossier.certificates import http as certificates
from dossier.register import reading
from dossier.register.store import RegisterWork

Candidate = Annotated[Caller, Depends(logged_in("candidate"))]
Work = Annotated[RegisterWork, IN_WORK]


def routes(pages: Pages, clock: Clock, people: Path | None) -> APIRouter:
    """people: of the demo, whom one may look as: subject → name, and who that is in each language. Raises OSError."""
    router = pages.router()
    offered: dict[str, Any] = json.loads(people.read_text("utf-8")) if people else {}

    @router.get("/")
    async def start(request: Request, caller: Annotated[Caller | None, Depends(whoever)]) -> Response:
        """The door: what this is, and the login."""
        return pages.show(request, "start", people=offered, today=clock.today())

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
