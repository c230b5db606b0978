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
        territories = Locale(pages.language(request)).territories
        countries = {code: name for code, name in territories.items() if re.fullmatch("[A-Z]{2}", code)}
        named = {code: NAMES.get(code, code) for code in (companies if page == "begin" else {*NAMES, *companies})}
        by_name = {
            "countries": dict(sorted(countries.items(), key=lambda one: one[1])),
            "places": dict(sorted(named.items(), key=lambda one: one[1])),
        }
        return pages.show(request, page, status, text=as_typed, meanwhile=status == 412, **by_name, **context)

    def begun(request: Request, form: Form[Any], found: list[DossierListed], status: int = 200) -> Response:
        own = [one for one in found if (one.status not in CLOSING and not _waits(one)) or one.role == "applicant"]
        if own := [one for one in own if one.role in CANDIDATES and one.status not in CLOSING]:
            return RedirectResponse(f"/dossiers/{own[0].id}" + "/application" * (own[0].status == "draft"), 303)
        return show(request, "begin", status, form=form, waits=[one for one in found if _waits(one)])

    @router.get("/start")
    async def start(request: Request, caller: Candidate, work: Work) -> Response:
        """The little that a dossier needs. Who has one is led to it."""
        return begun(request, Form({"language": pages.language(request)}), await reading.mine(caller, work))

    @router.post("/start")
    async def begin(request: Request, caller: Candidate) -> Response:
        """A draft with the applicant alone. Twice is once: by starting it he is bound to it."""
        form, number = await read_form(request, START.form), caller.relation("number")
        if form.data:
            applicant = {"id": "p1", "role": "applicant", "number": number, "born_on": told_by(number)}
            said = form.data.model_dump(mode="json", include=set(START.fields))
            try:
                body = DossierStart.model_validate({**said, "household": {"members": [applicant]}})
                async with database.work() as work:
                    id_ = (await use_cases.start(body, caller, work)).id
                return RedirectResponse(f"/dossiers/{id_}/application", 303)
            except (ValidationError, Problem) as error:
                form = Form(form.typed, errors=_wrong(error, START.fields))
        async with database.work() as work:
            return begun(request, form, await reading.mine(caller, work), 422)

    def overview(request: Request, page: str, seen: Seen, status: int = 200) -> Response:
        steps: dict[str, dict[str, list[Place]]] = {}
        for place in places(seen[1], clock.today()):
            steps.setdefault(place.screen.step, {}).setdefault(place.member, []).append(place)
        return show(request, page, status, dossier=seen[0], version=seen[1].facts_version, steps=steps)

    @router.get(AT)
    async def tasks(dossier: UUID, request: Request, caller: Candidate, work: Work) -> Response:
        """What is to be told, step by step. Who has not confirmed is asked that first."""
        read = await reading.read(dossier, caller, work)
        if "change_household" not in read.actions and "confirm" in read.actions:
            return RedirectResponse(f"/dossiers/{dossier}/confirmation", 303)
        return overview(request, "application", await _opened(dossier, caller, work))

    @router.get(AT + "/check")
    async def check(dossier: UUID, request: Request, caller: Candidate, work: Work) -> Response:
        """All that was declared, before it is sent."""
        return overview(request, "check", await _opened(dossier, caller, work))

    @router.post(AT + "/check")
    async def submit(dossier: UUID, request: Request, caller: Candidate) -> Response:
        """Confirm for himself, and apply: for what he has just seen, and nothing newer."""
        form = await read_form(request, _Sent)
        async with database.work() as work:
            read, file = seen = await _opened(dossier, caller, work)
        if not form.data or form.data.version != file.facts_version:
            return overview(request, "check", seen, 412)
        if "confirm" in read.actions:
            async with database.work() as work:
                await use_cases.confirm(dossier, _himself(file, caller), False, caller, work)
        async with database.work() as work:
            await use_cases.submit(dossier, caller, work)
        return RedirectResponse(f"/dossiers/{dossier}/application/sent", 303)

    @router.get(AT + "/sent")
    async def sent(dossier: UUID, request: Request, caller: Candidate, work: Work) -> Response:
        """The number, what happens next, and who has yet to confirm."""
        read, file = await _opened(dossier, caller, work)
        waits = [one for one in file.declared["members"] if f"confirmation:{one['id']}" in read.pending]
        return show(request, "sent", dossier=read, waits=waits)

    def ask(request: Request, seen: Seen, place: Place, form: Form[Any], status: int = 200) -> Response:
        item, file = form.typed.get("item", ""), seen[1]
        context = {"dossier": seen[0], "place": place, "item": item, "row": place.row(item), "form": form}
        context |= {"version": form.typed["version"] if status == 422 else file.facts_version}
        context |= {"candidates": [one for one in file.declared["members"] if one["role"] in CANDIDATES]}
        page = "answers" if place.screen.many and not item else "answer"
        return show(request, page, status, onward=_onward(place), **context)

    @router.get(AT + "/{screen}")
    @router.get(AT + "/{screen}/{member}")
    async def one(
        dossier: UUID, screen: str, request: Request, caller: Candidate, work: Work, member: str = "", item: str = ""
    ) -> Response:
        """One screen, or a list; item: one of it, or a new one."""
        seen = await _opened(dossier, caller, work)
        place = _at(screen, member, seen, clock)
        if item not in ("", "new", *place.rows):  # changed since he saw it: the list says how
            return RedirectResponse(f"/dossiers/{dossier}/application{place.address}", 303)
        typed = {name: as_typed(place.row(item).get(name), name) for name in place.screen.fields}
        return ask(request, seen, place, Form(typed | {"item": item}))

    @router.post(AT + "/{screen}")
    @router.post(AT + "/{screen}/{member}")
    async def save(dossier: UUID, screen: str, request: Request, caller: Candidate, member: str = "") -> Response:
        """What one screen asked, and nothing else."""
        async with database.work() as work:
            seen = await _opened(dossier, caller, work)
        place = _at(screen, member, seen, clock)
        form = await read_form(request, place.screen.form)
        typed, status = {"version": "", "item": "", **form.typed}, 422
        form, data = Form(typed, form.data, form.errors), form.data
        if (after := place.after(typed, form.data, typed["item"])) is not None:
            try:
                await _save(place, after, dossier, caller, database, form)
                onward = place.address if place.screen.many else _onward(place)
                return RedirectResponse(f"/dossiers/{dossier}/application{onward}", 303)
            except (ValidationError, Problem) as error:
                form = Form(typed, errors=_wrong(error, place.screen.fields))
                status = error.status if isinstance(error, Problem) and error.status == 412 else 422
        if status == 412:
            async with database.work() as work:
                seen = await _opened(dossier, caller, work)
            place = _at(screen, member, seen, clock)
            if data and typed["item"] == "new" and not {"remove", "none"} & typed.keys() and place.says(data):
                return RedirectResponse(f"/dossiers/{dossier}/application{place.address}", 303)  # it was sent twice
            gone = place.screen.many and typed["item"] not in place.rows
            typed["item"] = "" if {"remove", "none"} & typed.keys() else "new" if gone else typed["item"]
        return ask(request, seen, place, form, status)

    @router.get("/dossiers/{dossier}/confirmation")
    async def asked_to_confirm(dossier: DossierRef, request: Request, caller: Candidate, work: Work) -> Response:
        """Who is in the household, what is declared of him, and what it is to confirm."""
        return await confirmation(dossier, request, caller, work, Form())

    async def confirmation(
        dossier: DossierRef, request: Request, caller: Caller, work: RegisterWork, form: Form[Any], status: int = 200
    ) -> Response:
        read, file = await reading.read(dossier, caller, work), await reading.read_file(dossier, caller, work)
        if not {"confirm", "decline"} & {*read.actions}:
            return RedirectResponse(f"/dossiers/{read.id}", 303)
        himself = _himself(file, caller)
        return show(request, "confirmation", status, dossier=read, file=file, himself=himself, form=form)

    @router.post("/dossiers/{dossier}/confirmation")
    async def confirm(dossier: DossierRef, request: Request, caller: Candidate) -> Response:
        """He takes part, or he does not."""
        form = await read_form(request, _Answer)
        async with database.work() as work:
            id_ = (await reading.read(dossier, caller, work)).id
            himself = _himself(await reading.read_file(id_, caller, work), caller)
        if form.data:
            try:
                async with database.work() as work:
                    if form.data.answer == "decline":
                        await use_cases.decline(id_, himself, caller, work)
                        return RedirectResponse("/declined", 303)
                    await use_cases.confirm(id_, himself, False, caller, work)
                return RedirectResponse(f"/dossiers/{id_}", 303)
            except Problem as error:
                form = Form(form.typed, errors={"answer": next(iter(_wrong(error, ()).values()))})
        async with database.work() as work:
            return await confirmation(id_, request, caller, work, form, 422)

    @router.get("/declined")
    async def declined(request: Request, caller: Candidate) -> Response:
        """He takes no part (any more)."""
        return pages.show(request, "declined")

    return router


async def _opened(dossier: UUID, caller: Caller, work: RegisterWork) -> Seen:
    read = await reading.read(dossier, caller, work)
    if "change_household" not in read.actions:
        raise NotAllowed(
            "the facts of a household are changed by its candidates who confirmed, while the dossier is open"
        )
    return read, await reading.read_file(dossier, caller, work)


def _waits(one: DossierListed) -> bool:
    return f"confirmation:{one.member}" in one.pending


def _himself(file: FileRead, caller: Caller) -> str:
    number = caller.relation("number")
    return next(str(one["id"]) for one in file.declared["members"] if one.get("number") == number)


def _at(screen: str, member: str, seen: Seen, clock: Clock) -> Place:
    for one in places(seen[1], clock.today()):
        if (one.name, one.member) == (screen, member):
            return one
    raise NotFound("There is no such page in this application, or it asks nothing of this member.")


def _onward(place: Place) -> str:
    """The next screen of that step, about the same person; none: the list of all."""
    same = [
        one
        for one in places(place.file, place.today)
        if one.screen.step == place.screen.step and one.member == place.member
    ]
    return next((then.address for one, then in pairwise(same) if one.name == place.name), "")


async def _save(
    place: Place,
    after: dict[str, Any],
    dossier: UUID,
    caller: Caller,
    database: Database[RegisterWork],
    form: Form[Any],
) -> None:
    """Raises `Problem`, 412 where what was shown is no longer there; ValidationError."""
    item, typed = form.typed["item"], form.typed["version"]
    version = int(typed) if re.fullmatch("[0-9]{1,18}", typed) else -1
    if place.screen.many and item not in ("", "new", *place.rows):
        raise Problem(412, "What was shown has changed.")
    if bare(after) == bare(place.held):
        return
    async with database.work() as work:
        if place.screen.part == "wishes":  # a list that is empty and was not shown is no word
            wishes = Wishes.model_validate(
                {name: one for name, one in after.items() if one or name == place.screen.key}
            )
            await use_cases.change_wishes(dossier, wishes, version, caller, work)
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
            ([part for part in one["loc"] if isinstance(part, str)], one["msg"].removeprefix("Value error, "))
            if one["type"] == "value_error"
            else ([part for part in one["loc"] if isinstance(part, str)], one["type"])
            for one in error.errors(include_url=False)
        ]
    return {names[-1] if names and names[-1] in fields else "": kind for names, kind in found}
