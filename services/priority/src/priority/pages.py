"""Priority in a browser: the use-cases of the API, shown in words."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, model_validator

from cir_chassis.forms import Form, read_form, send
from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.session import logged_in, whoever
from cir_schemas.municipalities import NAMES
from cir_schemas.types import DossierRef, Municipality
from priority import access, http, offers, requests, texts, use_cases
from priority.store import PriorityWork

Candidate = Annotated[Caller, Depends(logged_in("candidate"))]
CaseWorker = Annotated[Caller, Depends(logged_in("case_worker"))]
Anyone = Annotated[Caller | None, Depends(whoever)]
Work = Annotated[PriorityWork, IN_WORK]
There = Annotated[Municipality | None, Query()]
SHOWN = 100  # places of a waiting list on one page


class Asked(BaseModel):
    """The form of a request about a housing situation."""

    text: requests.Words


class Reviewed(requests.Review):
    """The form of its review: decision and group are one choice there, such as `forwarded homeless`."""

    @model_validator(mode="before")
    @classmethod
    def _of_one_choice(cls, sent: Mapping[str, str]) -> dict[str, str]:
        decision, _, group = sent.get("decision", "").partition(" ")
        given = {"decision": decision, "group": group, "reasons": sent.get("reasons", "")}
        return {name: value for name, value in given.items() if value}


def routes(pages: Pages) -> APIRouter:
    """The pages, at the root."""
    router = pages.router()

    @router.get("/")
    async def start() -> Response:
        """The start page is dossier's."""
        return RedirectResponse(pages.public["dossier"], 303)

    @router.get("/place")
    async def mine(request: Request, caller: Candidate, work: Work) -> Response:
        """His only dossier, or which he has."""
        found = await use_cases.mine(caller, work)
        if len(found) == 1:
            return RedirectResponse(f"/place/{found[0].dossier}", 303)
        return pages.show(request, "places", dossiers=found)

    @router.get("/place/{dossier}")
    async def place(dossier: DossierRef, request: Request, caller: Candidate, work: Work) -> Response:
        """Where it stands in each municipality and why, who referred it, what was asked because of the housing situation."""
        stands = await use_cases.positions(dossier, caller, work)
        known = next(one for one in await use_cases.mine(caller, work) if dossier in (one.dossier, one.number))
        asked = await use_cases.situations(dossier, caller, work)
        return pages.show(
            request,
            "place",
            dossier=known,
            names=NAMES,
            positions=[http.Position.of(one) for one in stands],
            referrals=[http.ReferralRead.of(one) for one in await use_cases.referrals(dossier, caller, work)],
            offers=await offers.offers(dossier, caller, work),
            situations=asked[::-1],
            may_ask=known.status in access.READ_OWN["request_priority"] and all(one.decision for one in asked),
        )

    @router.get("/place/{dossier}/situation")
    async def describe(dossier: DossierRef, request: Request, caller: Candidate, work: Work) -> Response:
        """Asks what is the matter with his housing."""
        await use_cases.situations(dossier, caller, work)
        return pages.show(request, "situation", form=Form(), dossier=dossier)

    @router.post("/place/{dossier}/situation")
    async def ask(dossier: DossierRef, request: Request, caller: Candidate) -> Response:
        """Puts the request on record. Where his partner was faster, or the dossier was closed, what he wrote stays his."""

        async def do(asked: Asked, work: PriorityWork) -> None:
            await use_cases.request_priority(requests.Situation(dossier=dossier, text=asked.text), caller, work)

        form = await send(request, await read_form(request, Asked), do)
        if form.done is not None:
            return RedirectResponse(f"/place/{dossier}", 303)
        async with request.app.state.database.work() as work:
            await use_cases.situations(dossier, caller, work)
        return pages.show(request, "situation", form=form, dossier=dossier)

    @router.get("/waiting-list")
    async def waiting_list(
        request: Request,
        caller: CaseWorker,
        work: Work,
        municipality: There = None,
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> Response:
        """Who is registered for a municipality where his company lets homes, in order; so many at a time."""
        lets_in = await work.lets_in(access.company_of(caller, "read_waiting_list")) or ()
        there = municipality or (lets_in[0] if len(lets_in) == 1 else None)
        ranked = await use_cases.waiting_list(there, caller, work) if there else []
        first = (page - 1) * SHOWN
        shown = [
            (n, number, texts.reasons(there or "", why))
            for n, (number, why) in enumerate(ranked[first : first + SHOWN], start=first + 1)
        ]
        more = page + 1 if len(ranked) > first + SHOWN else None
        return pages.show(
            request,
            "waiting_list",
            names=NAMES,
            lets_in=lets_in,
            there=there,
            shown=shown,
            total=len(ranked),
            more=more,
        )

    @router.get("/situations")
    async def situations(request: Request, caller: CaseWorker, work: Work) -> Response:
        """The requests that wait for his company's decision."""
        return pages.show(request, "situations", situations=await use_cases.situations(None, caller, work))

    @router.get("/situations/{id}")
    async def read(id: UUID, request: Request, caller: CaseWorker, work: Work) -> Response:
        """One request, and how it may be decided."""
        return pages.show(request, "review", form=Form(), waits=await use_cases.to_review(id, caller, work))

    @router.post("/situations/{id}")
    async def review(id: UUID, request: Request, caller: CaseWorker) -> Response:
        """Decides it, once."""
        read = await read_form(request, Reviewed)
        form = await send(request, read, lambda asked, work: use_cases.review(id, asked, caller, work))
        if form.done is not None:
            return RedirectResponse("/situations", 303)
        async with request.app.state.database.work() as work:
            return pages.show(request, "review", form=form, waits=await use_cases.to_review(id, caller, work))

    @router.get("/priorities")
    async def priorities(request: Request, caller: Anyone, work: Work, municipality: There = None) -> Response:
        """Which priorities there are in a municipality, for anyone."""
        agreed = await use_cases.priorities(municipality, work) if municipality else []
        found = [http.Priorities.of(one) for one in agreed]
        called = await work.called({by for one in found for group in one.accelerated for by in group.referrers})
        who_refer = {
            group.referrers: [called[by] for by in group.referrers] for one in found for group in one.accelerated
        }
        return pages.show(request, "priorities", names=NAMES, there=municipality, found=found, who_refer=who_refer)

    return router
