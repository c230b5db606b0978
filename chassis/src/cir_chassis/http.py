"""The HTTP edge: every error is a problem document (RFC 9457): what, where, what to do; never a value."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from cir_chassis.database import is_outage
from cir_chassis.login import Login, NotAllowed, NotLoggedIn
from cir_chassis.outbox import EventTooLarge
from cir_chassis.probes import DependencyProbe

log = structlog.get_logger()
MEASURING = 5.0  # seconds at most: who scrapes waits for ten
UNSTORABLE = ("22021", "22P05")  # what PostgreSQL says of a NUL in a text
MEDIA_TYPE = "application/problem+json"
_TELEMETRY: TelemetryConfig = {
    "metrics": False,
    "logs": False,  # they would hold what an exception says, and that may be a value
    "operation_spans": False,
    "exclude": lambda scope: not scope["path"].startswith("/v1/"),
}


class Problem(Exception):
    """Ends a request with a problem document.

    status: the HTTP status; detail: what is wrong and what to do; errors: (path, message) each, for fields.
    """

    def __init__(self, status: int, detail: str, errors: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors


def _answer(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = [{"path": path, "message": message} for path, message in problem.errors]
    return JSONResponse(body, problem.status, headers, MEDIA_TYPE)


async def _on_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return _answer(error)


async def _on_not_logged_in(_: Request, error: Exception) -> JSONResponse:
    problem = Problem(401, f"Log in first: {error}. Send a token that holds as `Authorization: Bearer …`.")
    return _answer(problem, {"WWW-Authenticate": "Bearer"})


async def _on_not_allowed(_: Request, error: Exception) -> JSONResponse:
    return _answer(Problem(403, f"Not yours to do: {error}."))


async def _on_too_large(_: Request, error: Exception) -> JSONResponse:
    return _answer(Problem(413, "This is more than one dossier can hold. Nothing was stored: send less."))


async def _on_http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _answer(Problem(error.status_code, str(error.detail)), error.headers)


async def _on_wrong_fields(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [(_path(e["loc"]), e["msg"].removeprefix("Value error, ")) for e in error.errors()]
    return _answer(Problem(422, "What was sent cannot be read: see errors. Nothing was stored.", errors))


def _path(place: Sequence[str | int]) -> str:
    """`("body", "members", 0, "born_on")` → "members[0].born_on"; a header or query parameter keeps its kind."""
    kind, *rest = place or ("body",)
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest).lstrip(".")
    if kind == "body" and path and not path.startswith("["):
        return path
    return f"{kind}{path}" if path.startswith("[") or not path else f"{kind}.{path}"


async def _on_anything(request: Request, error: Exception) -> JSONResponse:
    if is_outage(error):
        return _answer(Problem(503, "The register cannot store this now. Try again later."), {"Retry-After": "5"})
    if getattr(getattr(error, "orig", error), "sqlstate", None) in UNSTORABLE:
        return _answer(Problem(422, "A text holds a character that cannot be stored, such as NUL. Nothing was stored."))
    log.error("request failed", method=request.method, exc_info=error)
    return _answer(Problem(500, "Something went wrong here, and nothing was stored. It has been logged."))


def create_app(
    title: str,
    description: str,
    probes: Sequence[DependencyProbe],
    login: Login,
    joined: Callable[[], bool],
    measures: Sequence[Callable[[], Awaitable[None]]],
) -> FastAPI:
    """The application of one service: problems, health, metrics.

    joined: does it hear its topics? measures: set what must be looked up before metrics are told.
    """
    app = FastAPI(title=title, description=description, version="1", redoc_url=None, telemetry=_TELEMETRY)
    app.state.login = login
    for kind, handler in (
        (Problem, _on_problem),
        (NotLoggedIn, _on_not_logged_in),
        (NotAllowed, _on_not_allowed),
        (EventTooLarge, _on_too_large),
        (HTTPException, _on_http),
        (RequestValidationError, _on_wrong_fields),
        (Exception, _on_anything),
    ):
        app.add_exception_handler(kind, handler)

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/docs")

    @app.get("/health/live", tags=["operators"])
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "live"}

    @app.get("/health/ready", tags=["operators"])
    async def ready(response: Response) -> dict[str, Any]:
        """Everything the service needs answers, and it has joined its topics."""
        unavailable = {probe.name: probe.why for probe in probes if not probe.up.is_set()}
        if not joined():
            unavailable["topics"] = "not joined yet"
        response.status_code = 503 if unavailable else 200
        return {"status": "not ready" if unavailable else "ready", "unavailable": unavailable}

    @app.get("/metrics", tags=["operators"])
    async def metrics() -> Response:
        """Counters, durations and what waits, in Prometheus' text format. What is away has old figures, or none."""
        looks = (asyncio.wait_for(measure(), MEASURING) for measure in measures)
        await asyncio.gather(*looks, return_exceptions=True)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app


def if_match_version(
    if_match: Annotated[str | None, Header(description='The version that was read, as in `"7"`')] = None,
) -> int:
    """Raises 428 where it is missing, 400 where it is no version."""
    if if_match is None:
        raise Problem(428, 'A change names the version it was made on: read it first, then send If-Match: "<version>".')
    tag = if_match.strip().removeprefix("W/").strip('"')
    if not tag.isdecimal():
        raise Problem(400, 'If-Match holds one version in quotes, as in "7".', [("header.If-Match", "no version")])
    return int(tag)
