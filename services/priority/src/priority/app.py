"""The one place where priority's parts meet."""

from functools import partial
from pathlib import Path

from cir_chassis import idempotency
from cir_chassis.clock import Clock
from cir_chassis.driver import forget
from cir_chassis.pseudonym import KeyedSettings
from cir_chassis.service import Service
from cir_schemas import ReferralAnswered, SituationReviewed
from priority import handlers, http
from priority.requests import load_companies
from priority.store import PriorityWork

MIGRATIONS = Path(__file__).parents[2] / "migrations"


class PrioritySettings(KeyedSettings):
    """What priority is told beside what every service is."""

    companies: Path
    """Which company lets homes in which municipality: the file that dossier is given. No default: two would differ."""


def make(settings: PrioritySettings) -> Service[PriorityWork]:
    """The service, ready to run. Raises `WrongSettings`."""
    companies = load_companies(settings.companies)
    service = Service(
        "priority",
        "Who is first: the waiting list, in the order that the law gives it.",
        settings,
        partial(PriorityWork, clock=Clock(settings.today), companies=companies, person_key=settings.person_key),
        MIGRATIONS,
        publishes=[SituationReviewed, ReferralAnswered],
        consumes=handlers.EVENTS,
    )
    service.jobs.append(partial(forget, service.background.engine, idempotency.OLD))
    service.app.include_router(http.routes(service.database))
    return service
