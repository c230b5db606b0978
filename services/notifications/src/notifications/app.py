"""The one place where the parts of notifications meet."""

from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cir_chassis.clock import Clock
from cir_chassis.service import Service
from cir_chassis.settings import Settings
from cir_schemas.types import Email
from notifications import handlers, http
from notifications.letters import Letters
from notifications.organisations import load_organisations
from notifications.sender import Sender
from notifications.store import NotificationsWork

HERE = Path(__file__).parents[2]
MIGRATIONS, TEMPLATES = HERE / "migrations", HERE / "templates"


class NotificationsSettings(Settings):
    """What notifications is told beside what every service is."""

    smtp: Annotated[str, Field(pattern=r"^[^:/\s]+:\d{1,5}$", description="host:port")]
    mail_from: Email
    organisations: Path = HERE / "organisations.yaml"
    register_url: Annotated[str, Field(pattern=r"^https?://")] | None = None


def make(settings: NotificationsSettings) -> Service[NotificationsWork]:
    """The service, ready to run. Raises `WrongSettings` of its organisations, and where a template is missing or wrong."""
    work = partial(
        NotificationsWork,
        clock=Clock(settings.today),
        domain=settings.mail_from.rpartition("@")[2],
        organisations=load_organisations(settings.organisations),
    )
    service = Service(
        "notifications",
        "Who is told what, and what became of every message.",
        settings,
        work,
        MIGRATIONS,
        consumes=handlers.EVENTS,
    )
    sender = Sender(service.background, Letters(TEMPLATES, settings.register_url), settings.smtp, settings.mail_from)
    service.jobs.append(sender.run)
    service.database.on_commit.append(sender.wake)
    service.app.include_router(http.routes(service.database))
    return service
