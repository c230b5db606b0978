"""My dossier in a browser: the use-cases of the API, shown in words."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from cir_chassis.forms import Form, read_form, send
from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.problems import Conflict
from cir_chassis.session import logged_in
from cir_schemas.types import DossierRef
from dossier.certificates import http as certificates
from dossier.documents.use_cases import list_documents
from dossier.register import actions, reading, use_cases
from dossier.register.appeals import terms_on
from dossier.register.forms import Action, ActionForm
from dossier.register.requests import ActionRequest, DossierRead
from dossier.register.store import RegisterWork

Candidate = Annotated[Caller, Depends(logged_in("candidate"))]
CandidateOrHelper = Annotated[Caller, Depends(logged_in("candidate", "helper"))]
Everybody = Annotated[Caller, Depends(logged_in("candidate", "helper", "case_worker"))]
Work = Annotated[RegisterWork, IN_WORK]
CLOSES = ("withdraw", "leave", "erase")  # for who does it: it is asked twice
ENTRIES = 50  # of the audit, on a page
Page = Annotated[int, Query(ge=1, le=1000)]


async def audited(dossier: DossierRef, caller: Caller, work: RegisterWork, before: int | None) -> dict[str, Any]:
    """A page of entries, and whether there are older ones."""
    found = await reading.read_audit(dossier, caller, work, before, ENTRIES + 1)
    return {"entries": found[:ENTRIES], "more": len(found) > ENTRIES}


def routes(pages: Pages, companies: Mapping[str, str]) -> APIRouter:
    """The pages of candidates and of who helps them. companies: id → name."""
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

    @router.get("/dossiers/{dossier}/facts")
    async def facts(dossier: DossierRef, request: Request, caller: Candidate, work: Work) -> Response:
        """What was declared, what counts, and by whom it is known."""
        return pages.show(request, "facts", file=await reading.read_file(dossier, caller, work))

    @router.get("/dossiers/{dossier}/audit")
    async def audit(
        dossier: DossierRef, request: Request, caller: Candidate, work: Work, before: int | None = None
    ) -> Response:
        """Who read or changed it, the newest first."""
        return pages.show(request, "audit", **await audited(dossier, caller, work, before), companies=companies)

    @router.get("/dossiers/{dossier}/actions/{action}")
    async def ask(dossier: DossierRef, action: Action, request: Request, caller: Candidate, work: Work) -> Response:
        """What an action does, and what of it cannot be undone."""
        return await _action(dossier, action, request, caller, work, Form())

    @router.post("/dossiers/{dossier}/actions/{action}")
    async def act(dossier: DossierRef, action: Action, request: Request, caller: Candidate) -> Response:
        """The same, done."""
        form, gone = await read_form(request, ActionForm), list[UUID]()

        async def do(given: ActionForm, work: RegisterWork) -> None:
            if action == "erase":
                gone.extend(await use_cases.erase(dossier, caller, work))
            else:
                body = ActionRequest(action=action, **given.model_dump(exclude={"sure"}))
                await actions.act(dossier, body, caller, work)

        if form.data and (form.data.sure or action not in CLOSES):
            form = await send(request, form, do)
        if form.done is not None:
            await request.app.state.files.delete(gone)
            return RedirectResponse(f"/dossiers/{dossier}" if action not in ("leave", "erase") else "/dossiers", 303)
        async with request.app.state.database.work() as work:
            return await _action(dossier, action, request, caller, work, form, check=form.data is not None)

    async def _action(
        dossier: DossierRef,
        action: str,
        request: Request,
        caller: Caller,
        work: RegisterWork,
        form: Form[Any],
        *,
        check: bool = False,
    ) -> Response:
        about: dict[str, Any] = {"dossier": await _may(action, dossier, caller, work), "action": action, "form": form}
        return pages.show(request, "action", check=check, terms=terms_on(work.today), **about)

    @router.get("/dossiers/{dossier}/certificate")
    async def certificate(dossier: DossierRef, request: Request, caller: Candidate, work: Work) -> Response:
        """As the API gives it."""
        return await certificates.certificate(dossier, request, caller, work)

    return router


async def _may(action: str, dossier: DossierRef, caller: Caller, work: RegisterWork) -> DossierRead:
    """The dossier, in which the caller may do this now. Raises `Conflict`."""
    found = await reading.read(dossier, caller, work)
    if action not in found.actions:
        raise Conflict(f"This is not the time for {action}: see available.", available=found.actions)
    return found
