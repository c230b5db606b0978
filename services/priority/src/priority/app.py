"""The one place where priority's parts meet."""

from functools import partial
from pathlib import Path

from cir_chassis import idempotency
from cir_chassis.clock import hourly
from cir_chassis.database import Database
from cir_chassis.driver import forget
from cir_chassis.pseudonym import KeyedSettings
from cir_chassis.service import Service
from cir_schemas import EVENTS
from priority import council_pages, handlers, http, offer_pages, offers, pages, use_cases
from priority.store import PriorityWork

HERE = Path(__file__).parents[2]
MIGRATIONS = HERE / "migrations"


def make(settings: KeyedSettings) -> Service[PriorityWork]:
    """The service, ready to run."""
    service = Service(
        "priority",
        "Who is first: the waiting list, in the order that the law gives it.",
        settings,
        partial(PriorityWork, person_key=settings.person_key),
        MIGRATIONS,
        publishes=[event for event in EVENTS if event.source == "/priority"],
        consumes=handlers.EVENTS,
        templates=HERE / "templates/pages",
    )
    service.jobs.append(partial(forget, service.background.engine, idempotency.OLD))
    keep_terms = partial(offers.keep_terms, service.background)
    service.jobs.append(partial(hourly, "the terms of offers are kept", keep_terms))
    tell = partial(use_cases.tell_stranded, service.background)
    service.jobs.append(partial(hourly, "who referred is told where no agreement carries that on", tell))
    catching_up = partial(catch_up, service.background)
    service.jobs.append(partial(hourly, "what was recorded before is placed and in the log", catching_up))
    service.app.include_router(http.router)
    if service.pages:
        for one in (pages, offer_pages, council_pages):
            service.app.include_router(one.routes(service.pages))
    return service


async def catch_up(database: Database[PriorityWork]) -> None:
    """After an upgrade, without the few seconds that a request has."""
    async with database.work() as work:
        await work.catch_up()
