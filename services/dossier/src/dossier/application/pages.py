"""The application in a browser: nothing is kept there; each page saves what it asks, on the version that it was shown with.

What a form changes is a unit of work of its own: one that is refused is rolled back, and the page is read anew.
"""

import re
from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Annotated, Any, Literal
from uuid import UUID

from babel import Locale
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ValidationError

from cir_chassis.clock import Clock
from cir_chassis.database import Database
from cir_chassis.forms import Form, read_form
from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.problems import NotAllowed, NotFound, Problem
from cir_chassis.session import logged_in
from cir_schemas.municipalities import NAMES
from cir_schemas.types import DossierRef
from dossier.application.screens import START, Place, as_typed, bare, places
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
Work = Annotated[RegisterWork, IN_WORK]
Seen = tuple[DossierRead, FileRead]
AT = "/dossiers/{dossier}/application"


class _Sent(BaseModel):
    version: int = -1


class _Answer(BaseModel):
    answer: Literal["confirm", "decline"]


def routes(pages: Pages, clock: Clock, database: Database[RegisterWork], companies: Collection[str]) -> APIRouter:
    """companies: the municipalities that have one."""
    router = pages.router()

    def show(request: Request, page: str, status: int = 200, **context: Any) -> Response:
        countries = {code: name for code, name in Locale(pages.language(request)).territories.items() if code.isalpha()}
        named = {code: NAMES.get(code, code) for code in (companies if page == "begin" else {*NAMES, *companies})}
        context |= {
            name: dict(sorted(of.items(), key=lambda one: one[1]))
            for name, of in (("places", named), ("countries", countries))
        }
        return pages.show(request, page, status, text=as_typed, meanwhile=status == 412, **context)

    async def opened(dossier: UUID, caller: Caller) -> Seen:
        async with database.work() as work:
            read = await reading.read(dossier, caller, work)
            if "change_household" not in read.actions:
                raise NotAllowed("the facts of a household that takes part are changed by its candidates who confirmed")
            return read, await reading.read_file(dossier, caller, work)

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
        return to or show(request, "begin", form=Form({"language": pages.language(request)}), waits=waits)

    @router.post("/start")
    async def begin(request: Request, caller: Candidate) -> Response:
        """A draft with the applicant alone. Twice is once: by starting it he is bound to it."""
        form, number = await read_form(request, START.form), caller.relation("number")
        to, waits = await led(caller)
        if form.data and not to:
            applicant = {"id": "p1", "role": "applicant", "number": number, "born_on": told_by(number)}
            said = form.data.model_dump(mode="json", include=set(START.fields))
            try:
                body = DossierStart.model_validate({**said, "household": {"members": [applicant]}})
                async with database.work() as work:
                    id_ = (await use_cases.start(body, caller, work)).id
                return RedirectResponse(f"/dossiers/{id_}/application", 303)
            except (ValidationError, Problem) as error:
                form = Form(form.typed, errors=_wrong(error, START.fields))
            to, waits = await led(caller)  # the same form may have been faster
        return to or show(request, "begin", 422, form=form, waits=waits)

    def overview(request: Request, page: str, seen: Seen, status: int = 200) -> Response:
        steps: dict[str, dict[str, list[Place]]] = {}
        for place in places(seen[1], clock.today()):
            steps.setdefault(place.screen.step, {}).setdefault(place.member, []).append(place)
        return show(request, page, status, dossier=seen[0], version=seen[1].facts_version, steps=steps)

    @router.get(AT)
    async def tasks(dossier: UUID, request: Request, caller: Candidate, work: Work) -> Response:
        """What is to be told, step by step. Who has not confirmed is asked that first."""
        actions = (await reading.read(dossier, caller, work)).actions
        if "change_household" not in actions and "confirm" in actions:
            return RedirectResponse(f"/dossiers/{dossier}/confirmation", 303)
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

    async def at(dossier: UUID, screen: str, member: str, caller: Caller) -> tuple[DossierRead, Place, str]:
        """The screen, and the next one of its step about the same person."""
        read, file = await opened(dossier, caller)
        found = places(file, clock.today())
        if not (here := next((one for one in found if (one.name, one.member) == (screen, member)), None)):
            raise NotFound("There is no such page in this application, or it asks nothing of this member.")
        same = [one for one in found if (one.screen.step, one.member) == (here.screen.step, member)]
        return read, here, next((then.address for one, then in pairwise(same) if one is here), "")

    def ask(
        request: Request, read: DossierRead, place: Place, onward: str, form: Form[Any], status: int = 200
    ) -> Response:
        item = form.typed.get("item", "")
        context = {
            "dossier": read,
            "place": place,
            "onward": onward,
            "item": item,
            "row": place.row(item),
            "version": form.typed.get("version", "") if status == 422 else place.file.facts_version,
            "candidates": [one for one in place.file.declared["members"] if one["role"] in CANDIDATES],
        }
        page = "answers" if place.screen.many and not item else "answer"
        return show(request, page, status, form=form, **context)

    @router.get(AT + "/{screen}")
    @router.get(AT + "/{screen}/{member}")
    async def one(
        dossier: UUID, screen: str, request: Request, caller: Candidate, member: str = "", item: str = ""
    ) -> Response:
        """One screen, or a list; item: one of it, or a new one."""
        read, place, onward = await at(dossier, screen, member, caller)
        if item not in ("", "new", *place.rows):  # changed since he saw it: the list says how
            return RedirectResponse(f"/dossiers/{dossier}/application{place.address}", 303)
        typed = {name: as_typed(place.row(item).get(name), name) for name in place.screen.fields}
        return ask(request, read, place, onward, Form(typed | {"item": item}))

    @router.post(AT + "/{screen}")
    @router.post(AT + "/{screen}/{member}")
    async def save(dossier: UUID, screen: str, request: Request, caller: Candidate, member: str = "") -> Response:
        """What one screen asked, and nothing else."""
        read, place, onward = await at(dossier, screen, member, caller)
        form, status = await read_form(request, place.screen.form), 422
        item, version, data = form.typed.get("item", ""), form.typed.get("version", ""), form.data
        if (after := place.after(form.typed, form.data, item)) is not None:
            try:
                if place.screen.many and item not in ("", "new", *place.rows):
                    raise Problem(412, "What was shown is no longer there.")
                if bare(after) != bare(place.held):
                    async with database.work() as work:
                        known = int(version) if re.fullmatch("[0-9]{1,18}", version) else -1
                        await _save(place, after, dossier, known, caller, work)
                onward = place.address if place.screen.many else onward
                return RedirectResponse(f"/dossiers/{dossier}/application{onward}", 303)
            except (ValidationError, Problem) as error:
                form = Form(form.typed, errors=_wrong(error, place.screen.fields))
                status = 412 if isinstance(error, Problem) and error.status == 412 else 422
        if status == 412:
            read, place, onward = await at(dossier, screen, member, caller)
            if {"remove", "none"} & form.typed.keys():
                item = ""
            elif data and item == "new" and place.says(data):  # it was sent twice
                return RedirectResponse(f"/dossiers/{dossier}/application{place.address}", 303)
            elif place.screen.many and item not in place.rows:
                item = "new"
            form = Form({**form.typed, "item": item})
        return ask(request, read, place, onward, form, status)

    async def confirmation(
        dossier: DossierRef, request: Request, caller: Caller, form: Form[Any], status: int = 200
    ) -> Response:
        async with database.work() as work:
            read = await reading.read(dossier, caller, work)
            file = await reading.read_file(dossier, caller, work)
        if not {"confirm", "decline"} & {*read.actions}:
            return RedirectResponse(f"/dossiers/{read.id}", 303)
        return show(request, "confirmation", status, dossier=read, file=file, himself=_himself(file, caller), form=form)

    @router.get("/dossiers/{dossier}/confirmation")
    async def asked_to_confirm(dossier: DossierRef, request: Request, caller: Candidate) -> Response:
        """Who is in the household, what is declared of him, and what it is to confirm."""
        return await confirmation(dossier, request, caller, Form())

    @router.post("/dossiers/{dossier}/confirmation")
    async def confirm(dossier: DossierRef, request: Request, caller: Candidate) -> Response:
        """He takes part, or he does not."""
        form = await read_form(request, _Answer)
        try:
            async with database.work() as work:
                file, id_ = (
                    await reading.read_file(dossier, caller, work),
                    (await reading.read(dossier, caller, work)).id,
                )
            async with database.work() as work:
                if form.data and form.data.answer == "decline":
                    await use_cases.decline(id_, _himself(file, caller), caller, work)
                elif form.data:
                    await use_cases.confirm(id_, _himself(file, caller), False, caller, work)
        except Problem as error:
            form = Form(form.typed, errors={"answer": next(iter(_wrong(error, ()).values()))})
        if form.data:
            return RedirectResponse("/declined" if form.data.answer == "decline" else f"/dossiers/{id_}", 303)
        return await confirmation(dossier, request, caller, form, 422)

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


def _wrong(error: ValidationError | Problem, fields: Iterable[str]) -> dict[str, str]:
    """Field → what is wrong with it; under "" what is wrong with none of them. Raises the problem that is about no field."""
    if isinstance(error, Problem):
        if not error.errors and error.status != 412:
            raise error
        found = [(re.findall("[a-z_]+", path), message) for path, message in error.errors]
    else:
        found = [
            (
                [part for part in one["loc"] if isinstance(part, str)],
                one["msg"].removeprefix("Value error, ") if one["type"] == "value_error" else one["type"],
            )
            for one in error.errors(include_url=False)
        ]
    return {names[-1] if names and names[-1] in fields else "": kind for names, kind in found}
