"""Offers in a browser: a candidate reads and answers his, a case worker works the vacancies of his company.

What decides about people is shown once more before it counts: a form sent without `?step=do` does nothing yet.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, model_validator

from cir_chassis.forms import Form, read_form, send
from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.problems import Conflict
from cir_chassis.session import logged_in
from cir_schemas.municipalities import NAMES
from priority import access, offers, requests, rules, texts, use_cases
from priority.allocation import Offer
from priority.domain.offers import HOLDS, acts, is_over
from priority.store import PriorityWork

Candidate = Annotated[Caller, Depends(logged_in("candidate"))]
CaseWorker = Annotated[Caller, Depends(logged_in("case_worker"))]
Either = Annotated[Caller, Depends(logged_in("candidate", "case_worker"))]
Work = Annotated[PriorityWork, IN_WORK]
OfOffer = Literal["answer", "judge", "undo", "withdraw", "sign"]
OfVacancy = Literal["propose", "withdraw", "special"]
OF_OFFER: Mapping[str, tuple[type[BaseModel], Any]] = {
    "answer": (requests.OfferAnswer, offers.answer),
    "judge": (requests.Judgement, offers.judge),
    "undo": (requests.Reasoned, offers.undo),
    "withdraw": (requests.Reasoned, offers.withdraw),
    "sign": (requests.Lease, offers.sign),
}
OF_VACANCY: Mapping[str, tuple[type[BaseModel], Any]] = {
    "propose": (requests.Proposal, offers.propose),
    "withdraw": (requests.Reasoned, offers.withdraw_vacancy),
    "special": (requests.Special, offers.allocate),
}


class Announced(requests.Vacancy):
    """The form of a vacancy, whose id is its dwelling and its first day, and which time that is; an amount may have a comma."""

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, sent: Mapping[str, str]) -> dict[str, str]:
        rent = sent.get("rent", "")
        rent = rent.replace(".", "").replace(",", ".") if "," in rent else rent
        named = {"id": f"{sent.get('dwelling', '')}.{sent.get('free_on', '')}", "rent": rent}
        return {name: value for name, value in (dict(sent) | named).items() if value}


def routes(pages: Pages) -> APIRouter:
    """The pages, at the root."""
    router = pages.router()

    @router.get("/offers")
    async def mine(request: Request, caller: Candidate, work: Work) -> Response:
        """The offers to his dossiers."""
        his = [one.dossier for one in await use_cases.mine(caller, work)]
        found = [seen.offer for dossier in his for seen in await offers.offers(dossier, caller, work)]
        return pages.show(request, "offers", offers=[await _about(one, work) for one in found])

    @router.get("/offers/{id}")
    async def read(id: UUID, request: Request, caller: Either, work: Work) -> Response:
        """An offer, as its candidates read it; a case worker reads it with its vacancy."""
        seen = await offers.offer(id, caller, work)
        if caller.role == "case_worker":
            return RedirectResponse(f"/vacancies/{seen.offer.vacancy}#offers", 303)
        return pages.show(request, "offer", **await _about(seen.offer, work))

    async def show_act(
        id: UUID,
        act: OfOffer,
        request: Request,
        caller: Caller,
        work: PriorityWork,
        form: Form[Any],
        check: bool = False,
    ) -> Response:
        offer, _ = await access.offer_for(caller, act, id, work)
        found = await _about(offer, work, caller.role != "candidate")
        status = None if act in found["acts"] else 409
        return pages.show(request, "offer_act", status, act=act, form=form, check=check, **found)

    @router.get("/offers/{id}/{act}")
    async def ask(id: UUID, act: OfOffer, request: Request, caller: Either, work: Work) -> Response:
        """What may be done with an offer, and what follows."""
        return await show_act(id, act, request, caller, work, Form())

    @router.post("/offers/{id}/{act}")
    async def do(id: UUID, act: OfOffer, request: Request, caller: Either) -> Response:
        """Does it, once it was looked at again."""
        model, use_case = OF_OFFER[act]
        shown = partial(show_act, id, act, request, caller)
        return await _done(
            request, model, lambda asked, work: use_case(id, asked, caller, work), f"/offers/{id}", shown
        )

    @router.get("/vacancies")
    async def board(
        request: Request, caller: CaseWorker, work: Work, page: Annotated[int, Query(ge=1, le=10_000)] = 1
    ) -> Response:
        """The vacancies of his company, and what each waits for; those that have ended, so many at a time."""
        found = await offers.board(page, caller, work)
        return pages.show(request, "vacancies", board=found, names=NAMES, today=work.clock.today())

    async def show_announce(
        request: Request, caller: Caller, work: PriorityWork, form: Form[Any], check: bool = False
    ) -> Response:
        company = access.company_of(caller, "announce")
        agreed = await work.allocation.in_force(work.clock.today(), company=company)
        groups = {name: group.title for one in agreed for name, group in one.agreement.target_groups.items()}
        lets_in, today = await work.lets_in(company) or (), work.clock.today()
        found: dict[str, Any] = {"company": company, "lets_in": lets_in, "groups": groups, "names": NAMES}
        return pages.show(request, "announce", form=form, today=today, **found)

    @router.get("/announce")
    async def comes_free(request: Request, caller: CaseWorker, work: Work) -> Response:
        """Asks which dwelling comes free."""
        return await show_announce(request, caller, work, Form())

    @router.post("/announce")
    async def announce(request: Request, caller: CaseWorker) -> Response:
        """Puts the vacancy on the board; the same again changes nothing."""

        async def put(asked: Announced, work: PriorityWork) -> Mapping[str, str]:
            given, nth = requests.Vacancy.model_validate(asked.model_dump(mode="json")), 1
            while (known := await work.allocation.vacancy(given.company, id=given.id)) and known.ended:
                given = given.model_copy(update={"id": f"{asked.id}.{(nth := nth + 1)}"})
            return {"id": await offers.announce(given, caller, work)}

        return await _done(request, Announced, put, "/vacancies/{id}", partial(show_announce, request, caller), "do")

    async def show_vacancy(
        id: str, act: str, request: Request, caller: Caller, work: PriorityWork, form: Form[Any], check: bool = False
    ) -> Response:
        vacancy, seen, steps = await offers.vacancy(id, caller, work)
        live = next((one.offer for one in seen if one.offer.state in HOLDS), None)
        found = {"home": vacancy, "names": NAMES, "seen": seen, "steps": steps, "live": live, "turn": None, "first": []}
        found["for_what"] = rules.refusal_grounds(work.clock.today())
        found |= {"today": work.clock.today(), "acts": {one.offer.id: acts(one.offer.state, False) for one in seen}}
        if live is None and vacancy.ended is None:
            found["frozen_until"] = await offers.frozen_until(vacancy, work)
            with suppress(Conflict):  # no agreement is in force, or there is a freeze
                _, agreed, next_ = await offers.next_for(id, 5, caller, work)
                found |= {"turn": next_.turn, "why_turn": texts.turn(next_.turn, agreed.agreement.titles())}
                first = [(number, texts.reasons(vacancy.municipality, why)) for number, why in next_.ranking]
                found |= {"first": first, "waiting": next_.waiting}
        free = vacancy.rent is not None and live is None
        may = {"propose": free and bool(found["first"]), "special": free and not found.get("frozen_until")}
        possible = vacancy.ended is None and may.get(act, True)
        status = None if possible or act == "vacancy" else 409
        found |= {"act": act, "possible": possible, "form": form, "check": check}
        return pages.show(request, "vacancy" if act == "vacancy" else "vacancy_act", status, **found)

    @router.get("/vacancies/{id}")
    async def vacancy(id: str, request: Request, caller: CaseWorker, work: Work) -> Response:
        """One vacancy: whose turn it is and who is first, its offer, and those before."""
        return await show_vacancy(id, "vacancy", request, caller, work, Form())

    @router.get("/vacancies/{id}/{act}")
    async def ask_of(id: str, act: OfVacancy, request: Request, caller: CaseWorker, work: Work) -> Response:
        """Proposes it or withdraws it: what follows."""
        return await show_vacancy(id, act, request, caller, work, Form())

    @router.post("/vacancies/{id}/{act}")
    async def do_of(id: str, act: OfVacancy, request: Request, caller: CaseWorker) -> Response:
        """Does it, once it was looked at again."""
        model, use_case = OF_VACANCY[act]
        shown = partial(show_vacancy, id, act, request, caller)
        return await _done(
            request, model, lambda asked, work: use_case(id, asked, caller, work), f"/vacancies/{id}", shown
        )

    return router


async def _done(
    request: Request,
    model: type[BaseModel],
    do: Callable[[Any, Any], Awaitable[object]],
    to: str,
    shown: Callable[..., Awaitable[Response]],
    step: str | None = None,
) -> Response:
    """The form, shown to be looked at again, or done; or with what is wrong."""
    form, step = await read_form(request, model), step or request.query_params.get("step")
    if step == "do":
        form = await send(request, form, do)
    if form.done is not None:
        return RedirectResponse(to.format_map(form.done), 303)
    async with request.app.state.database.work() as work:
        return await shown(work, form, form.data is not None and not step)


async def _about(offer: Offer, work: PriorityWork, on_paper: bool = False) -> dict[str, Any]:
    """An offer that may be read: its home, what happened to it, and what may be done now."""
    await work.allocation.vacancies.load(work.connection, "id", [offer.vacancy])
    await work.allocation.steps.load(work.connection, "offer", [offer.id])
    today = work.clock.today()
    return {
        "offer": offer,
        "home": work.allocation.vacancies.get(offer.company, offer.vacancy),
        "steps": list(work.allocation.steps.all()),
        "acts": acts(offer.state, answered_late=offer.late_answer is not None and not on_paper),
        "over": offer.state in ("open", "no_answer") and is_over(today, offer.answer_by),
        "today": today,
        "names": NAMES,
        "for_what": rules.refusal_grounds(today),
    }
