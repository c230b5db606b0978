"""My dossier in a browser: the use-cases of the API, shown in words."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, Any, TypeVar
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from cir_chassis.forms import Form, read_form
from cir_chassis.http import IN_WORK
from cir_chassis.idempotency import idempotent
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.problems import Conflict, Problem
from cir_chassis.session import logged_in
from cir_schemas.types import DossierRef
from dossier.certificates import http as certificates
from dossier.documents.use_cases import list_documents
from dossier.register import actions, reading, use_cases
from dossier.register.appeals import terms_on
from dossier.register.forms import Action, ActionForm, ContactsForm
from dossier.register.requests import ActionRequest, Contacts, DossierRead
from dossier.register.store import RegisterWork

Candidate = Annotated[Caller, Depends(logged_in("candidate"))]
CandidateOrHelper = Annotated[Caller, Depends(logged_in("candidate", "helper"))]
Everybody = Annotated[Caller, Depends(logged_in("candidate", "helper", "case_worker"))]
Work = Annotated[RegisterWork, IN_WORK]
M = TypeVar("M", bound=BaseModel)
CLOSES = ("withdraw", "leave", "erase")  # for who does it: it is asked twice
ENTRIES = 50  # of the audit, on a page
Page = Annotated[int, Query(ge=1, le=1000)]


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
        found = await reading.read_audit(dossier, caller, work, before, ENTRIES + 1)
        more = len(found) > ENTRIES
        return pages.show(request, "audit", entries=found[:ENTRIES], more=more, companies=companies)

    @router.get("/dossiers/{dossier}/contacts")
    async def contacts(dossier: DossierRef, request: Request, caller: Candidate, work: Work) -> Response:
        """How the household is reached, and who helps: the form."""
        return await _contacts(dossier, request, caller, work)

    @router.post("/dossiers/{dossier}/contacts")
    async def change(dossier: DossierRef, request: Request, caller: Candidate) -> Response:
        """The same, sent. Where the facts are others meanwhile, what was typed stays."""
        form = await read_form(request, ContactsForm)
        if typed := form.data:
            body = Contacts(**{name: getattr(typed, name) for name in Contacts.model_fields})
            change = partial(use_cases.change_contacts, dossier, body, typed.version, caller)
            if not (refused := await _refused(form, request, change)):
                return RedirectResponse(f"/dossiers/{dossier}", 303)
            form = refused
        async with request.app.state.database.work() as work:
            return await _contacts(dossier, request, caller, work, form)

    async def _contacts(
        dossier: DossierRef, request: Request, caller: Caller, work: RegisterWork, form: Form[Any] | None = None
    ) -> Response:
        await _may("change_contacts", dossier, caller, work)
        file = await reading.read_file(dossier, caller, work)
        shown = form or Form(ContactsForm.typed(file.contacts or {}))
        status = int(form.errors.get("", 422)) if form else 200
        return pages.show(request, "contacts", status, file=file, form=shown)

    @router.get("/dossiers/{dossier}/actions/{action}")
    async def ask(dossier: DossierRef, action: Action, request: Request, caller: Candidate, work: Work) -> Response:
        """What an action does, and what of it cannot be undone."""
        return await _action(dossier, action, request, caller, work, Form())

    @router.post("/dossiers/{dossier}/actions/{action}")
    async def act(
        dossier: DossierRef, action: Action, request: Request, caller: Candidate, once: UUID | None = None
    ) -> Response:
        """The same, done. once: of the form, so that it counts once."""
        form = await read_form(request, ActionForm)
        sure = form.data and (form.data.sure or action not in CLOSES)
        if form.data and sure:
            given, gone = form.data.model_dump(exclude={"sure"}), list[UUID]()

            async def do(work: RegisterWork) -> None:
                if action == "erase":
                    gone.extend(await use_cases.erase(dossier, caller, work))
                    return
                body = ActionRequest(action=action, **given)

                async def effect() -> dict[str, Any]:
                    return (await actions.act(dossier, body, caller, work)).model_dump(mode="json")

                same = f"{dossier} {body.model_dump_json()}".encode()
                await idempotent(work.connection, caller.subject, str(once or uuid4()), same, effect)

            if not (refused := await _refused(form, request, do)):
                await request.app.state.files.delete(gone)
                return RedirectResponse(
                    f"/dossiers/{dossier}" if action not in ("leave", "erase") else "/dossiers", 303
                )
            form = refused
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
        read, status = await _may(action, dossier, caller, work), 422 if form.errors else 200
        about = {"dossier": read, "action": action, "form": form, "terms": terms_on(work.today)}
        return pages.show(request, "action", status, once=uuid4(), check=check, **about)

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


async def _refused(form: Form[M], request: Request, do: Callable[[RegisterWork], Awaitable[object]]) -> Form[M] | None:
    """Do what a form asks. Where it is refused, the form with what is wrong; nothing of it is stored then."""
    try:
        async with request.app.state.database.work() as work:
            await do(work)
    except Problem as problem:
        if problem.status not in (412, 422):
            raise
        return form.refused(problem)
    return None
