"""The frame of every page: language, style, header by role, and errors in words. A page is a template and a few lines.

Pages work without JavaScript and fetch nothing from elsewhere. Templates are in English; `nl.po` beside them has the Dutch.
"""

import gzip
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from babel import Locale
from babel.dates import format_date, format_datetime, get_timezone
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from babel.support import Translations
from fastapi import APIRouter, Depends, Request
from jinja2 import (
    ChainableUndefined,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
    UndefinedError,
)
from jinja2.utils import missing
from starlette.responses import RedirectResponse, Response

from cir_chassis import forms
from cir_chassis.login import anyone
from cir_chassis.problems import Problem
from cir_chassis.session import AUTHOR, KEPT, LoginEnded, OfAnotherAuthor, Seal, same_origin
from cir_chassis.settings import Settings

FRAME = Path(__file__).with_name("frame")
LANGUAGES = {"nl": "Nederlands", "en": "English"}  # the first where nothing says another
FORM = re.compile(r'(<form method="post"[^>]* action="[^"?]*)(\?)?')  # each has an action, and no data looks like it
COOKIE = "cir_language"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class _Undefined(ChainableUndefined):
    """A name that is nowhere is an error; an attribute that is missing is empty, and so are the names that the macros ask for."""

    def __new__(
        cls, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = UndefinedError
    ) -> Any:
        strict = obj is missing and name not in ("caller", "undefined", "null")
        return StrictUndefined(hint, obj, name, exc) if strict else super().__new__(cls)


class Pages:
    """Renders the pages of one service. templates: its folder, with folders by subject in it; each may hold an `nl.po`."""

    def __init__(self, name: str, settings: Settings, templates: Path) -> None:
        """Raises OSError or `jinja2.TemplateError` where a file is missing or wrong."""
        if settings.session_key:  # without one nobody logs in
            self.seal = Seal(settings.session_key, "form", KEPT)
        self.secure = settings.public.get(name, "").startswith("https:")
        self.public = settings.public
        self._css = (FRAME / "govuk.css").read_bytes() + (FRAME / "own.css").read_bytes()
        self.style = f"/style/{sha256(self._css).hexdigest()[:16]}.css"
        folders = [templates, *sorted(one for one in templates.iterdir() if one.is_dir()), FRAME]
        loader = ChoiceLoader(
            [
                FileSystemLoader(folders),
                PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            ]
        )
        self._environments = {}
        for language in LANGUAGES:
            one = Environment(
                loader=loader,
                autoescape=True,
                auto_reload=False,  # a page has a dozen templates with its macros: each would be looked for on disk
                undefined=_Undefined,
                extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
                trim_blocks=True,
                lstrip_blocks=True,
            )
            words = _catalogue(language, *folders)
            one.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
            one.filters |= _filters(Locale(language), settings.today)  # amounts as the rules' own sentences have them
            one.globals |= {"language": language, "languages": LANGUAGES, "style": self.style}
            one.globals |= {"service": name, "public": settings.public, "demo": settings.environment == "demo"}
            self._environments[language] = one

    def router(self) -> APIRouter:
        """A router for pages, which are no part of the API's description."""
        return APIRouter(include_in_schema=False, dependencies=[Depends(same_origin), Depends(anyone)])

    def sheet(self, request: Request) -> Response:
        """The style sheet: fetched once, since its address names its content."""
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return _packed(request, self._css, "text/css; charset=utf-8", headers)

    def show(self, request: Request, template: str, status: int | None = None, **context: Any) -> Response:
        """A page by its template, whose name without `.html` is the page's own (`data-page`). status: else that of its `form`.
        `written_in`, if given: the language in which its reader was written to: unless he chooses another one here, he reads on
        in that one."""
        answered: int = status if status else getattr(context.get("form"), "status", 200)
        said = context.get("written_in") if "lang" not in request.query_params else None
        language: str = said or self.language(request)
        other = {code: str(request.url.include_query_params(lang=code).query) for code in LANGUAGES if code != language}
        page = self._environments[language].get_template(f"{template}.html")
        who = getattr(request.state, "caller", None)
        html = page.render(page=template, who=who, path=request.url.path, other_languages=other, **context)
        if author := context.get("author") or (who and self.seal.mark(who.subject)):
            html = FORM.sub(lambda form: f"{form[1]}?{AUTHOR}={author}" + "&amp;" * bool(form[2]), html)
        answer = _packed(request, html.encode(), "text/html; charset=utf-8", HEADERS, answered)
        if request.query_params.get("lang") == language:
            answer.set_cookie(COOKIE, language, 365 * 24 * 3600, secure=self.secure, httponly=True, samesite="lax")
        return answer

    def language(self, request: Request) -> str:
        """What the reader chose, now or before; else the first of ours that his browser names."""
        named = (
            part.split(";")[0].strip()[:2].lower() for part in request.headers.get("accept-language", "").split(",")
        )
        said = (request.query_params.get("lang"), request.cookies.get(COOKIE), *named)
        return next((code for code in said if code in LANGUAGES), next(iter(LANGUAGES)))

    def error(self, request: Request, problem: Problem) -> Response:
        """What an error is to somebody who reads pages: the login, or a page."""
        if not isinstance(problem, LoginEnded | OfAnotherAuthor):
            return self.show(request, "error", problem.status, error=problem.status)
        address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        login = f"/login?to={quote(address, safe='')}"
        if problem.typed is None:
            return RedirectResponse(login, 303)
        # of an unknown author nothing is kept: whoever logs in next could send it as his own
        typed, author, kept = problem.typed, problem.author, problem.typed.get(forms.SEALED)
        if typed and author:
            kept = kept or forms.sealed(typed, author, request)
        about = {"sealed": kept, "author": author, "login": login, "other": isinstance(problem, OfAnotherAuthor)}
        return self.show(request, "login_ended", problem.status, **about)


def asks_for_a_page(request: Request) -> bool:
    """A browser that shows a page, not a program that reads JSON."""
    return "text/html" in request.headers.get("accept", "")


def _packed(request: Request, content: bytes, kind: str, headers: Mapping[str, str], status: int = 200) -> Response:
    sent = dict(headers) | {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, sent["Content-Encoding"] = gzip.compress(content, 6), "gzip"
    return Response(content, status, sent, kind)


def _catalogue(language: str, *folders: Path) -> Translations:
    """The `<language>.po` of these folders in one, compiled in memory; where there is none, English stays."""
    words = Translations()
    for file in (folder / f"{language}.po" for folder in folders):
        if file.exists():
            compiled = BytesIO()
            with file.open("rb") as source:
                write_mo(compiled, read_po(source))
            compiled.seek(0)
            words.merge(Translations(compiled))
    return words


def _filters(locale: Locale, today: date | None) -> dict[str, Any]:
    """today: of a demo that lives on one day: what happens there happens on it, at the time that the clock on the wall has."""
    zone = get_timezone("Europe/Brussels")

    def moment(at: datetime) -> str:
        told = at.astimezone(zone)
        return format_datetime(datetime.combine(today or told, told.timetz()), "d MMMM y HH:mm", zone, locale)

    return {
        "day": lambda on: format_date(date.fromisoformat(str(on)), "d MMMM y", locale),
        "moment": moment,
        "money": lambda amount: format_currency(Decimal(amount), "EUR", locale=locale),
        "number": lambda number: format_decimal(float(number), "#,##0.#", locale),
        "percent": lambda share: format_percent(float(share), "#,##0.##%", locale),
    }
