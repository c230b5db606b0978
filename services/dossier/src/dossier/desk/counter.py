"""The counter in a browser: a dossier for who cannot start one himself, and the facts of a household.

What a case worker sends is established by him. So a form shows what the rules see, never what is merely declared, and all that he
leaves as it was keeps its origin.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints, create_model

from cir_chassis.forms import Form, read_form
from cir_chassis.idempotency import idempotent
from cir_chassis.pages import Pages
from cir_chassis.problems import NotAllowed, NotFound
from cir_schemas.household import Income
from cir_schemas.municipalities import NAMES
from cir_schemas.types import Email, Language, Municipality
from dossier.application.screens import as_typed
from dossier.desk.pages import CaseWorker, Work, sent, typed_as, whole
from dossier.documents.requests import Facts
from dossier.facts.origins import ORIGINS
from dossier.register import reading, use_cases
from dossier.register.requests import DossierStart, HouseholdDeclared, PersonDeclared
from dossier.register.store import RegisterWork

USUAL = ("born_on", "residence", "incomes", "balances", "recognised_handicap", "dependant", "language")
"""The facts that are entered here; real rights and claims go back as they are on record."""
YEARS = 3  # before this one, whose incomes are asked
_PERSON: Any = typed_as(PersonDeclared)
_START: Any = create_model(
    "Start",
    municipality=(Municipality, ...),
    language=(Language, ...),
    email=(Email | None, None),
    applicant=(_PERSON, ...),
    partner=(_PERSON | None, None),
    others=(dict[str, _PERSON], {}),
)
_YEAR = Annotated[str, StringConstraints(pattern=r"^20\d{2}$")]
_YEARLY: Any = dict[_YEAR, typed_as(Income, year=(None, None))]  # type: ignore[misc]
_CHANGE: Any = create_model(
    "Change",
    version=(int, ...),
    facts=(typed_as(Facts, incomes=(_YEARLY, {})), ...),
)


def routes(pages: Pages) -> APIRouter:
    """The pages of the counter. They stand before those of a dossier."""
    router = pages.router()

    def show_start(request: Request, caller: Any, work: RegisterWork, form: Form[Any], status: int = 200) -> Response:
        own = [place for place, company in work.companies.items() if company == caller.relation("company")]
        sent = form.typed.get("rows", "")[:2]
        rows = (int(sent) if sent.isdecimal() else 3) + (3 if "more" in form.typed else 0)
        places = {place: NAMES.get(place, place) for place in own}
        return pages.show(request, "desk_start", status, form=form, places=places, rows=min(rows, 40), key=uuid4())

    @router.get("/desk/start")
    async def begin(request: Request, caller: CaseWorker, work: Work) -> Response:
        """Who, and where: the household on one page."""
        return show_start(request, caller, work, Form())

    @router.post("/desk/start")
    async def start(request: Request, caller: CaseWorker, work: Work) -> Response:
        """Start it, once however often the form is sent."""
        form = await read_form(request, _START)
        made = dict[str, Any]()

        async def do(said: Any, work: RegisterWork) -> None:
            given = said.model_dump(mode="json", exclude_none=True, exclude_unset=True)  # no default is a word of his
            people = {who: given.pop(who, None) for who in ("applicant", "partner")} | given.pop("others", {})
            members = [
                {"id": f"p{n}", "role": who if who in ("applicant", "partner") else "co_resident", **person}
                for n, (who, person) in enumerate(people.items(), 1)
                if person
            ]
            body = DossierStart.model_validate({**given, "household": {"members": members}})

            async def effect() -> Mapping[str, Any]:
                return (await use_cases.start(body, caller, work)).model_dump(mode="json")

            request_, key = json.dumps(given | people).encode(), form.typed.get("key") or str(uuid4())
            made["names"] = [
                who if who in ("applicant", "partner") else f"others.{who}" for who, one in people.items() if one
            ]
            made.update(await idempotent(work.connection, caller.subject, key, request_, effect))

        form, status = (form, 200) if "more" in form.typed else await sent(request, form, do)
        if status == 303:
            return RedirectResponse(f"/desk/{made['id']}", 303)
        place = re.compile(r"^(?:household\.)?members\[(\d+)\]")
        named = {place.sub(lambda at: made["names"][int(at[1])], name): kind for name, kind in form.errors.items()}
        form = replace(form, errors=named)
        return show_start(request, caller, work, form, status)

    async def show_facts(
        dossier: UUID,
        member: str,
        request: Request,
        caller: Any,
        work: RegisterWork,
        sent_: Form[Any],
        status: int = 200,
    ) -> Response:
        found = await whole(dossier, caller, work)
        if not (found["file"] and "change_household" in found["dossier"].actions):
            raise NotAllowed("facts are entered at the counter of the company that treats the dossier")
        one = _member(found["file"].household["members"], member)
        now = _as_typed(one) | {"version": str(found["file"].facts_version)}
        years = {str(work.today.year - n) for n in range(1, YEARS + 1)} | {
            str(i["year"]) for i in one.get("incomes", ())
        }
        yours = {name: value for name, value in sent_.typed.items() if value != now.get(name, "")}
        # after a change by somebody else what is on record is shown, and beside it what was typed: none of it is sent unseen
        form = sent_ if sent_.errors and status != 412 else replace(sent_, typed=now)
        given = {"member": one, "usual": _usual(one), "years": sorted(years, reverse=True), "form": form}
        given |= {"yours": yours if status == 412 else {}, "changed": status == 412}
        return pages.show(request, "desk_facts", status, **found | given)

    @router.get("/desk/{dossier}/facts/{member}")
    async def facts(dossier: UUID, member: str, request: Request, caller: CaseWorker, work: Work) -> Response:
        """What the rules see of a member, to be changed."""
        return await show_facts(dossier, member, request, caller, work, Form())

    @router.post("/desk/{dossier}/facts/{member}")
    async def enter(dossier: UUID, member: str, request: Request, caller: CaseWorker) -> Response:
        """Establish what he changed; the rest of the household goes back as the rules see it."""

        async def do(said: Any, work: RegisterWork) -> None:
            members = (await reading.read_file(dossier, caller, work)).household["members"]
            one, given = (
                _member(members, member),
                said.facts.model_dump(mode="json", exclude_unset=True, exclude_none=True),
            )
            rows = [{"year": int(year), **row} for year, row in given.pop("incomes", {}).items()]
            given |= {"incomes": rows} if rows or one.get("incomes") == [] else {}
            usual = _usual(one)
            entered = {k: v for k, v in one.items() if k not in usual} | {k: v for k, v in given.items() if k in usual}
            body = HouseholdDeclared.model_validate({"members": [entered if o is one else o for o in members]})
            await use_cases.change_household(dossier, body, said.version, caller, work)

        form, status = await sent(request, await read_form(request, _CHANGE), do)
        if status == 303:
            return RedirectResponse(f"/desk/{dossier}#{member}", 303)
        async with request.app.state.database.work() as work:
            return await show_facts(dossier, member, request, caller, work, form, status)

    return router


def _member(members: list[dict[str, Any]], id_: str) -> dict[str, Any]:
    for one in members:
        if one["id"] == id_:
            return one
    raise NotFound("There is no such member in this dossier.")


def _usual(member: Mapping[str, Any]) -> list[str]:
    return [fact for fact in USUAL if ORIGINS[fact].is_of(member["role"])]


def _as_typed(member: Mapping[str, Any]) -> dict[str, str]:
    """What the rules see, field by field, as it would be typed."""
    found = {f"facts.{fact}": member[fact] for fact in _usual(member) if fact in member and fact != "incomes"}
    for income in member.get("incomes", ()):
        found |= {f"facts.incomes.{income['year']}.{name}": amount for name, amount in income.items() if name != "year"}
    return {name: as_typed(value) for name, value in found.items()}
