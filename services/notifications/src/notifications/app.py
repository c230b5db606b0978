"""The one place where the parts of notifications meet."""

from functools import partial

from cir_chassis.service import Service
from notifications import handlers, http, pages
from notifications.letters import Letters
from notifications.links import Links
from notifications.sender import Sender
from notifications.settings import HERE, NotificationsSettings
from notifications.store import NotificationsWork

MIGRATIONS, TEMPLATES = HERE / "migrations", HERE / "templates"


def make(settings: NotificationsSettings) -> Service[NotificationsWork]:
    """The service, ready to run. Raises an error of `jinja2` or OSError where a template is missing or wrong."""
    service = Service(
        "notifications",
        "Who is told what, and what became of every message.",
        settings,
        partial(NotificationsWork, settings=settings),
        MIGRATIONS,
        consumes=handlers.EVENTS,
        templates=TEMPLATES / "pages",
    )
    links, letters = Links(settings), Letters(TEMPLATES, settings.register_url)
    sender = Sender(service.background, letters, links, settings)
    service.jobs.append(sender.run)
    service.database.on_commit.append(sender.wake)
    service.app.include_router(http.routes(links))
    assert service.frame
    service.app.include_router(pages.from_mails(service.frame, service.database, links, settings.register_url))
    if service.pages:
        service.app.include_router(pages.routes(service.pages, service.database, links, letters))
    return service
