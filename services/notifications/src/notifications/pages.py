"""The pages that links in mails lead to. Mail scanners follow links: only the button changes anything. No script, no login:
the link itself shows that its reader got the mail."""

from pathlib import Path
from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cir_chassis.database import Database
from cir_chassis.login import anyone
from cir_chassis.yaml_file import read_yaml
from cir_schemas.types import Language
from notifications.links import Links, Use, WrongLink
from notifications.store import NotificationsWork
from notifications.use_cases import end_mails

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
Token = Annotated[str, Query(max_length=2000)]


class Pages:
    """Renders pages.yaml in page.html. register_url: where the register is."""

    def __init__(self, folder: Path, links: Links, register_url: str | None) -> None:
        """Raises OSError, `yaml.YAMLError` or `jinja2.TemplateError` where a file is missing or wrong."""
        self._texts, self._links, self._url = read_yaml(folder / "pages.yaml"), links, register_url
        environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
        self._template = environment.get_template("page.html")

    def show(self, name: str, use: Use, token: str, language: Language | None) -> HTMLResponse:
        """One page, in the mail's language unless another is asked for; of a wrong link it says so, in both."""
        try:
            languages = [language or self._links.read(use, token).language]
            status = 200
        except WrongLink:
            name, languages, status = "wrong", list(get_args(Language)), 400
        sections = [{"language": each, **self._texts[name][each]} for each in languages]
        others = set(get_args(Language)) - set(languages)
        html = self._template.render(
            name=name, sections=sections, others=others, use=use, token=token, register_url=self._url
        )
        return HTMLResponse(html, status, HEADERS)


def routes(database: Database[NotificationsWork], links: Links, pages: Pages) -> APIRouter:
    """The pages, at the root."""
    router = APIRouter(tags=["pages"], dependencies=[Depends(anyone)], default_response_class=HTMLResponse)

    @router.get("/not-mine")
    async def ask(token: Token, language: Language | None = None) -> HTMLResponse:
        """Asks whether the mails to this address are to end."""
        return pages.show("not_mine", "not-mine", token, language)

    @router.post("/not-mine")
    async def end(token: Token, language: Language | None = None) -> HTMLResponse:
        """Ends the mails to this address."""
        page = pages.show("ended", "not-mine", token, language)
        if page.status_code == 200:
            async with database.work() as work:
                await end_mails(links.read("not-mine", token), work)
        return page

    @router.get("/confirm")
    async def explain(token: Token, language: Language | None = None) -> HTMLResponse:
        """Tells how to confirm the address; changes nothing."""
        return pages.show("confirm", "confirm", token, language)

    return router
