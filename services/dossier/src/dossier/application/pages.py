"""The application in a browser, for who applies, and at the counter for who cannot: nothing is kept there; each page saves what
it asks, on the version that it was shown with.

What a form changes is a unit of work of its own: one that is refused is rolled back, and the page is read anew.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Annotated, Any, Literal
from uuid import UUID

from babel import Locale
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from cir_chassis.clock import Clock
from cir_chassis.database import Database
from cir_chassis.forms import Form, read_form, send
from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.problems import NotAllowed, NotFound, Problem
from cir_chassis.session import logged_in
from cir_schemas.municipalities import NAMES
from cir_schemas.types import DossierRef
from dossier.application.screens import AT_COUNTER, SCREENS, START, Place, Screen, as_typed, bare, established, places
from dossier.directory.files import Directory
from dossier.domain.acts import CLOSING
from dossier.domain.household import CANDIDATES
from dossier.domain.numbers import told_by
from dossier.register import reading, use_cases
from dossier.register.requests import (
    Contacts,
    DossierListed,
    DossierRead,
    DossierStart,
    FileRead,
    HouseholdDeclared,
    Wishes,
)
from dossier.register.store import RegisterWork

Candidate = Annotated[Caller, Depends(logged_in("candidate"))]
CaseWorker = Annotated[Caller, Depends(logged_in("case_worker"))]
Teller = Annotated[Caller, Depends(logged_in("candidate", "case_worker"))]
Work = Annotated[RegisterWork, IN_WORK]
Seen = tuple[DossierRead, FileRead]
AT = "/dossiers/{dossier}/application"
THEN = {"check": "/application/check", "dossier": ""}
"""Where somebody came from to change one thing, and goes back to."""
PARTS = {"contacts": "change_contacts", "wishes": "change_wishes"}
"""Of the file → the action that changes them; all else is `change_household`."""


class _Sent(BaseModel):
    version: int = -1


class _Answer(BaseModel):
    answer: Literal["confirm", "decline"]


def routes(pages: Pages, clock: Clock, database: Database[RegisterWork], directory: Directory) -> APIRouter:
    """Where an application is made, and changed."""
    router, companies = pages.router(), directory.treats

    def show(request: Request, page: str, status: int | None = None, **context: Any) -> Response:
        countries = {code: name for code, name in Locale(pages.language(request)).territories.items() if code.isalpha()}
        begins = context.get("begins", {*NAMES, *companies})
        named = {code: NAMES.get(code, code) for code in begins}
        context |= {
            name: dict(sorted(of.items(), key=lambda one: one[1]))
            for name, of in (("places", named), ("countries", countries))
        }
        context |= {"organisations": sorted(one.name for one in directory.organisations.values())}
        meanwhile = 412 in (status, getattr(context.get("form"), "status", status))
        return pages.show(request, page, status, text=as_typed, meanwhile=meanwhile, **context)

    async def opened(dossier: UUID, caller: Caller, part: str = "members") -> Seen:
        async with database.work() as work:
            read = await reading.read(dossier, caller, work)
            if PARTS.get(part, "change_household") not in read.actions:
                raise NotAllowed("the facts of a household that takes part are changed by its candidates who confirmed")
            file = await reading.read_file(dossier, caller, work)
        return read, established(file) if caller.role == "case_worker" else file

    async def led(caller: Caller) -> tuple[Response | None, list[DossierListed]]:
        """To the dossier that he has; and those that wait for him to confirm."""
        async with database.work() as work:
            found = [one for one in await reading.mine(caller, work) if one.status not in CLOSING]
        waits = [one for one in found if f"confirmation:{one.member}" in one.pending]
        for one in found:
            if one.role == "applicant" or (one.role == "partner" and one not in waits):
                address = f"/dossiers/{one.id}" + "/application" * (one.status == "draft")
                return RedirectResponse(address, 303), waits
        return None, waits

    @router.get("/start")
    async def start(request: Request, caller: Candidate) -> Response:
        """The little that a dossier needs. Who has one is led to it."""
        to, waits = await led(caller)
        form = Form[Any]({"language": pages.language(request)})
        return to or show(request, "begin", form=form, asks=START.fields, begins=companies, waits=waits)

    @router.post("/start")
    async def begin(request: Request, caller: Candidate) -> Response:
        """A draft with the applicant alone. Twice is once: by starting it he is bound to it."""
        to, waits = await led(caller)
        form = await read_form(request, START.form)
        if not to:
            form = await started(request, form, START, caller)
            to, waits = await led(caller)  # also where the same form was faster
        return to or show(request, "begin", form=form, asks=START.fields, begins=companies, waits=waits)

    def at_counter(request: Request, caller: Caller, form: Form[Any]) -> Response:
        own = [place for place, company in companies.items() if company == caller.relation("company")]
        return show(request, "begin", form=form, asks=AT_COUNTER.fields, begins=own, waits=())

    @router.get("/desk/start")
    async def start_at_counter(request: Request, caller: CaseWorker) -> Response:
        """The same, for somebody who cannot log in."""
        return at_counter(request, caller, Form())

    @router.post("/desk/start")
    async def begin_at_counter(request: Request, caller: CaseWorker) -> Response:
        """Started once, however often the form is sent. Then the others and the facts are entered, page by page."""
        form = await started(request, await read_form(request, AT_COUNTER.form), AT_COUNTER, caller)
        if form.done is None:
            return at_counter(request, caller, form)
        return RedirectResponse(f"/dossiers/{form.done['id']}/application", 303)

    async def started(request: Request, form: Form[Any], screen: Screen, caller: Caller) -> Form[Any]:
        async def do(said: BaseModel, work: RegisterWork) -> Mapping[str, Any]:
            given = said.model_dump(mode="json", include=set(screen.fields), exclude_none=True)
            of = {name: given.pop(name, None) for name in AT_COUNTER.fields if name not in START.fields}
            number = of["number"] if caller.role == "case_worker" else caller.relation("number")
            applicant = {**of, "id": "p1", "role": "applicant", "number": number, "born_on": told_by(number)}
            body = DossierStart.model_validate({**given, "household": {"members": [applicant]}})
            return (await use_cases.start(body, caller, work)).model_dump(mode="json")

        return _placed(await send(request, form, do), screen.fields)

    def overview(request: Request, page: str, seen: Seen, status: int = 200) -> Response:
        steps: dict[str, dict[str, list[Place]]] = {}
        for place in places(seen[1], clock.today()):
            steps.setdefault(place.screen.step, {}).setdefault(place.member, []).append(place)
        return show(request, page, status, dossier=seen[0], version=seen[1].facts_version, steps=steps)

    @router.get(AT)
    async def tasks(dossier: UUID, request: Request, caller: Teller, work: Work) -> Response:
        """What is to be told, step by step. Who has not confirmed is asked that first."""
        actions = (await reading.read(dossier, caller, work)).actions
        if "change_household" not in actions:
            return RedirectResponse(f"/dossiers/{dossier}" + "/confirmation" * ("confirm" in actions), 303)
        return overview(request, "application", await opened(dossier, caller))

    @router.get(AT + "/check")
    async def check(dossier: UUID, request: Request, caller: Candidate) -> Response:
        """All that was declared, before it is sent."""
        return overview(request, "check", await opened(dossier, caller))

    @router.post(AT + "/check")
    async def submit(dossier: UUID, request: Request, caller: Candidate) -> Response:
        """Confirm for himself, and apply: for what he has just seen, and nothing newer."""
        form, (read, file) = await read_form(request, _Sent), await opened(dossier, caller)
        if not form.data or form.data.version != file.facts_version:
            return overview(request, "check", (read, file), 412)
        if "confirm" in read.actions:
            async with database.work() as work:
                await use_cases.confirm(dossier, _himself(file, caller), False, caller, work)
        async with database.work() as work:
            await use_cases.submit(dossier, caller, work)
        return RedirectResponse(f"/dossiers/{dossier}/application/sent", 303)

    @router.get(AT + "/sent")
    async def sent(dossier: UUID, request: Request, caller: Candidate) -> Response:
        """The number, what happens next, and who has yet to confirm."""
        read, file = await opened(dossier, caller)
        if not read.number:
            return RedirectResponse(f"/dossiers/{dossier}/application", 303)
        waits = [one for one in file.declared["members"] if f"confirmation:{one['id']}" in read.pending]
        return show(request, "sent", dossier=read, waits=waits)

    async def at(
        dossier: UUID, screen: str, member: str, caller: Caller, then: str = ""
    ) -> tuple[DossierRead, Place, str]:
        """The screen, and where it leads: back (then), or to the next one of its step about the same person."""
        read, file = await opened(dossier, caller, SCREENS[screen].part if screen in SCREENS else "")
        found = places(file, clock.today())
        if not (here := next((one for one in found if (one.name, one.member) == (screen, member)), None)):
            raise NotFound("There is no such page in this application, or it asks nothing of this member.")
        same = [one for one in found if (one.screen.step, one.member) == (here.screen.step, member)]
        following = next((after.address for one, after in pairwise(same) if one is here), "")
        return read, here, THEN.get(then, "/application" + following)

    def ask(request: Request, read: DossierRead, place: Place, onward: str, form: Form[Any]) -> Response:
        item = form.typed.get("item", "")
        context: dict[str, Any] = {
            "dossier": read,
            "place": place,
            "onward": onward,
            "item": item,
            "row": place.row(item),
            "version": form.typed.get("version", "") if form.status == 422 else place.file.facts_version,
            "then": form.typed.get("then", ""),
            "candidates": [one for one in place.file.declared["members"] if one["role"] in CANDIDATES],
        }
        page = "answers" if place.screen.many and not item else "answer"
        return show(request, page, form=form, **context)

    @router.get(AT + "/{screen}")
    @router.get(AT + "/{screen}/{member}")
    async def one(
        dossier: UUID,
        screen: str,
        request: Request,
        caller: Teller,
        member: str = "",
        item: str = "",
        then: str = "",
    ) -> Response:
        """One screen, or a list; item: one of it, or a new one."""
        read, place, onward = await at(dossier, screen, member, caller, then)
        if item not in ("", "new", *place.rows):  # changed since he saw it: the list says how
            return RedirectResponse(f"/dossiers/{dossier}/application{place.address}", 303)
        typed = {name: as_typed(place.row(item).get(name), name) for name in place.screen.fields}
        return ask(request, read, place, onward, Form(typed | {"item": item, "then": then}))

    @router.post(AT + "/{screen}")
    @router.post(AT + "/{screen}/{member}")
    async def save(dossier: UUID, screen: str, request: Request, caller: Teller, member: str = "") -> Response:
        """What one screen asked, and nothing else."""
        _, place, _ = await at(dossier, screen, member, caller)
        form: Form[Any] = await read_form(request, place.screen.form)
        data, many, item, version, then = (
            form.data,
            place.screen.many,
            *(form.typed.get(name, "") for name in ("item", "version", "then")),
        )
        read, place, onward = await at(dossier, screen, member, caller, then)
        back = f"/dossiers/{dossier}{onward}"
        if many:
            back = f"/dossiers/{dossier}/application{place.address}" + f"?then={then}" * (then in THEN)

        async def do(after: dict[str, Any], work: RegisterWork) -> None:
            if many and item not in ("", "new", *place.rows):
                raise Problem(412, "What was shown is no longer there.")
            if bare(after) != bare(place.held):
                known = int(version) if re.fullmatch("[0-9]{1,18}", version) else -1
                await _save(place, after, dossier, known, caller, work)

        if (after := place.after(form.typed, data, item)) is not None:
            form = _placed(await send(request, replace(form, data=after, errors={}), do), place.screen.fields)
        if form.done is not None:
            return RedirectResponse(back, 303)
        if form.status == 412:
            read, place, onward = await at(dossier, screen, member, caller, then)
            if {"remove", "none"} & form.typed.keys():
                item = ""
            elif data and item == "new" and place.says(data):  # it was sent twice
                return RedirectResponse(back, 303)
            elif many and item not in place.rows:
                item = "new"
            form = replace(form, typed={**form.typed, "item": item})
        return ask(request, read, place, onward, form)

    async def confirmation(dossier: DossierRef, request: Request, caller: Caller, form: Form[Any]) -> Response:
        async with database.work() as work:
            read = await reading.read(dossier, caller, work)
            file = await reading.read_file(dossier, caller, work)
        if not {"confirm", "decline"} & {*read.actions}:
            return RedirectResponse(f"/dossiers/{read.id}", 303)
        himself = _himself(file, caller)
        told = [place for place in places(file, clock.today()) if place.member == himself]
        return show(request, "confirmation", dossier=read, file=file, himself=himself, told=told, form=form)

    @router.get("/dossiers/{dossier}/confirmation")
    async def asked_to_confirm(dossier: DossierRef, request: Request, caller: Candidate) -> Response:
        """Who is in the household, what is declared of him, and what it is to confirm."""
        return await confirmation(dossier, request, caller, Form())

    @router.post("/dossiers/{dossier}/confirmation")
    async def confirm(dossier: DossierRef, request: Request, caller: Candidate) -> Response:
        """He takes part, or he does not."""
        async with database.work() as work:
            id_ = (await reading.read(dossier, caller, work)).id
            himself = _himself(await reading.read_file(dossier, caller, work), caller)

        async def do(said: _Answer, work: RegisterWork) -> None:
            if said.answer == "decline":
                await use_cases.decline(id_, himself, caller, work)
            else:
                await use_cases.confirm(id_, himself, False, caller, work)

        form = await send(request, await read_form(request, _Answer), do)
        if form.problem:
            form = replace(form, errors={"answer": next(iter(_placed(form, ()).errors.values()))})
        if form.data and form.done is not None:
            return RedirectResponse("/declined" if form.data.answer == "decline" else f"/dossiers/{id_}", 303)
        return await confirmation(dossier, request, caller, form)

    @router.get("/declined")
    async def declined(request: Request, caller: Candidate) -> Response:
        """He takes no part (any more)."""
        return pages.show(request, "declined")

    return router


def _himself(file: FileRead, caller: Caller) -> str:
    number = caller.relation("number")
    return next(str(one["id"]) for one in file.declared["members"] if one.get("number") == number)


async def _save(
    place: Place, after: dict[str, Any], dossier: UUID, version: int, caller: Caller, work: RegisterWork
) -> None:
    if place.screen.part == "wishes":  # a list that is empty and was not shown is no word
        said = {name: one for name, one in after.items() if one or name == place.screen.key}
        await use_cases.change_wishes(dossier, Wishes.model_validate(said), version, caller, work)
    elif place.screen.part == "contacts":
        await use_cases.change_contacts(dossier, Contacts.model_validate(after), version, caller, work)
    else:
        everybody = [after if one["id"] == place.member else one for one in place.file.declared["members"]]
        body = HouseholdDeclared.model_validate({"members": after.get("members", everybody)})
        await use_cases.change_household(dossier, body, version, caller, work)


def _placed(form: Form[Any], fields: Iterable[str]) -> Form[Any]:
    """The same, with what a use-case says at its field; under "" what is about none of them. Raises a problem without a place."""
    if form.problem is None:
        return form
    if not form.problem.errors and form.status != 412:
        raise form.problem
    wrong = {(re.findall("[a-z_]+", path) or [""])[-1]: kind for path, kind in form.problem.errors}
    return replace(form, errors={name if name in fields else "": kind for name, kind in wrong.items()})
