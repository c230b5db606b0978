"""The ledger of an allocation council, in a browser: what was agreed, what was given, and who owes whom. No dossier is named."""

from collections import Counter
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.session import logged_in
from cir_schemas.municipalities import NAMES
from priority import access, offers, rules, use_cases
from priority.domain.turns import STANDARD
from priority.store import PriorityWork
from priority.texts import TEXTS

Reader = Annotated[Caller, Depends(logged_in("council", "case_worker"))]
Work = Annotated[PriorityWork, IN_WORK]
Year = Annotated[int, Query(ge=2000, le=9999)]


def routes(pages: Pages) -> APIRouter:
    """The pages, at the root."""
    router = pages.router()

    @router.get("/council")
    async def council(
        request: Request, caller: Reader, work: Work, agreement: UUID | None = None, year: Year | None = None
    ) -> Response:
        """An agreement with its ledger: the one in force today, unless another is named; and the year in figures."""
        found, today = await use_cases.agreements(caller, work), work.clock.today()
        adopted = [one for one in found if one.adopted_at is not None]
        now = [one for one in adopted if one.since <= today <= one.through]
        shown = next((one for one in found if one.id == agreement), next(iter(now or adopted), None))
        context: dict[str, Any] = {"agreements": found, "agreed": shown, "today": today, "names": NAMES}
        titles = [(name, title) for one in found for name, title in one.agreement.titles().items()]
        context |= {"titles": {**dict(titles[::-1]), STANDARD: TEXTS[STANDARD]}, "standard": STANDARD}
        company = access.company_of(caller, "read_figures")
        context["for_what"] = rules.refusal_grounds(today)
        context["special"] = await offers.special(caller, work)
        context["figures"] = await use_cases.figures(company, year or today.year, caller, work)
        if shown is None:
            return pages.show(request, "council", **context)
        ledger, entries, room, waiting, carried_on = await use_cases.ledger(shown.id, caller, work)
        turns = {entry.turn: entry for entry in entries}  # as each stands now
        leases = await work.allocation.leases(company, agreement=shown.id)
        given = Counter((f"{one.let_on:%Y-%m}", one.to == STANDARD) for one in leases)
        groups = shown.agreement.groups.values()
        context["called"] = await work.called({by for group in groups for by in group.referrers})
        context |= {"ledger": ledger, "balances": ledger.balances(), "room": room, "given": given}
        context |= {
            "stranded": {} if carried_on else waiting,
            "turns": sorted(turns.items()),
            "shares": shown.agreement.shares(),
        }
        return pages.show(request, "council", **context)

    @router.get("/council/figures.csv")
    async def figures(caller: Reader, work: Work, year: Year) -> Response:
        """The year in figures, for a spreadsheet."""
        found = await use_cases.figures(access.company_of(caller, "read_figures"), year, caller, work)
        named = {"Content-Disposition": f'attachment; filename="{found.company}-{year}.csv"'}
        return Response(found.as_csv(), media_type="text/csv", headers=named)

    return router
