"""The HTTP edge: every error is a problem document (RFC 9457): what, where, what to do; never a value."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from http import HTTPStatus
from time import monotonic
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cir_chassis.database import Work, is_outage, sqlstate
from cir_chassis.login import Login
from cir_chassis.pages import Pages, asks_for_a_page
from cir_chassis.probes import DependencyProbe
from cir_chassis.problems import Problem, Unavailable, path_of

log = structlog.get_logger()
MEASURING = 5.0  # seconds at most: a scraper waits for ten
LARGEST_BODY = 1_200_000  # bytes, unless a route declares its own `max_body_size`
PATIENCE, SLOWEST = 10.0, 20_000  # seconds that a body may take, and as many more as it has these bytes
MOST_ERRORS = 100  # listed of one body
DEADLOCK, UNSTORABLE = "40P01", ("22000", "22003", "22021", "22P05")  # PostgreSQL's states
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 408: {"Connection": "close"}, 503: {"Retry-After": "5"}}
MEDIA_TYPE = "application/problem+json"
_DOCUMENT = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {name: {"type": "string"} for name in ("type", "title", "detail")}
    | {"status": {"type": "integer"}, "errors": {"type": "array", "items": {"type": "object"}}},
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": _DOCUMENT}}}
    for status in (400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 428, 503)
}
_TELEMETRY: TelemetryConfig = {
    "metrics": False,
    "logs": False,  # they would hold what an exception says, and that may be a value
    "operation_spans": False,
    "exclude": lambda scope: not scope["path"].startswith("/v1/"),
}


def _problem(error: Exception, method: str) -> Problem:
    """The problem that an error is to the caller."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return Problem(error.status_code, str(error.detail))
    if isinstance(error, RequestValidationError):
        errors = [(_path(e["loc"]), e["msg"].removeprefix("Value error, ")) for e in error.errors()[:MOST_ERRORS]]
        return Problem(422, "What was sent cannot be read: see errors. Nothing was stored.", errors)
    if is_outage(error):
        return Unavailable("The register cannot do this now, and nothing was stored. Try again later.")
    if sqlstate(error) in UNSTORABLE:
        return Problem(422, "A text or a number is none that can be stored: NUL, or too large. Nothing was stored.")
    log.error("request failed", method=method, exc_info=error)
    return Problem(500, "Something went wrong here, and nothing was stored. It has been logged.")


async def _answer(request: Request, error: Exception) -> Response:
    """A page for who looks at pages, else a problem document."""
    problem = _problem(error, request.method)
    pages: Pages | None = getattr(request.app.state, "pages", None)
    if pages and asks_for_a_page(request):
        return pages.error(request, problem)
    title = HTTPStatus(problem.status).phrase
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": problem.status, "detail": problem.detail}
    if problem.errors:
        body["errors"] = [{"path": path, "message": message} for path, message in problem.errors]
    headers = {**_HEADERS.get(problem.status, {}), **(getattr(error, "headers", None) or {})}
    return JSONResponse(body | problem.members, problem.status, headers, MEDIA_TYPE)


def _path(place: Sequence[str | int]) -> str:
    """`("body", "members", 0, "born_on")` → "members[0].born_on"; a header or query parameter keeps its kind."""
    kind, *rest = place or ("body",)
    path = path_of(rest)
    return path if kind == "body" and path and path[0] != "[" else path_of((kind, *rest))


class _Body:
    """The body of a request: no larger than its route takes, and not for ever; kept for a request that is done once more, unless
    its route takes large ones."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._declared = int(Headers(scope=scope).get("content-length", "0"))
        self._since, self._size, self._kept, self.again = monotonic(), 0, bytearray(), False
        self.whole = self.kept = False
        # The declared length stays here: Starlette would refuse it with a plain text.
        self.scope: Scope = {**scope, "headers": [one for one in scope["headers"] if one[0] != b"content-length"]}

    async def receive(self) -> Message:
        if self.again:
            self.again = False
            return {"type": "http.request", "body": bytes(self._kept)}
        if self.whole:
            return await self._receive()  # tells only whether the caller hung up
        limit = self.scope.get(MAX_BODY_SIZE_SCOPE_KEY, LARGEST_BODY)
        message: Message = {}
        if self._declared <= limit:
            try:
                async with asyncio.timeout(PATIENCE + self._size / SLOWEST + self._since - monotonic()):
                    message = await self._receive()
            except TimeoutError:
                raise HTTPException(408, "The body took too long. Nothing was stored: send it again.") from None
            self._size += len(body := message.get("body", b""))
            if limit <= LARGEST_BODY:
                self._kept += body
        if max(self._declared, self._size) > limit:
            raise HTTPException(413, f"A body has at most {limit} bytes here. Nothing was stored: send less.")
        self.whole = not message.get("more_body")
        self.kept = self.whole and limit <= LARGEST_BODY
        return message


class _Edge:
    """Around every request: its body is bounded before it is parsed and before the login; after a deadlock it is done once
    more; any other error is answered here, since Starlette raises what it answered again, and the connection would end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(scope, receive)
        for last in (False, True):
            try:
                await self._app(body.scope, body.receive, send)
                break
            except Exception as error:
                # after a deadlock its transaction was rolled back; of a large body there is none left to do it again with
                if last or sqlstate(error) != DEADLOCK or (body.whole and not body.kept):
                    await (await _answer(Request(scope), error))(scope, receive, send)
                    break
            body.again = body.kept
            await asyncio.sleep(0.1)  # the other transaction takes its locks first: else both may deadlock again


def create_app(
    title: str,
    description: str,
    probes: Sequence[DependencyProbe],
    login: Login,
    joined: Callable[[], bool],
    measures: Sequence[Callable[[], Awaitable[None]]],
) -> FastAPI:
    """The application of one service: problems, health, metrics.

    joined: whether it consumes its topics; measures: set the metrics that are looked up when they are read.
    """
    app = FastAPIOffline(  # Swagger's page, which fetches nothing from elsewhere and sends nothing there
        title=title,
        description=description,
        version="1",
        redoc_url=None,
        swagger_ui_parameters={"validatorUrl": None},
        telemetry=_TELEMETRY,
        responses=_PROBLEMS,
    )
    app.state.login = login
    app.add_middleware(_Edge)
    for kind in (Problem, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer)

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
        """Metrics in Prometheus' text format. Those of an unavailable dependency have old figures, or none."""
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
    tag = re.fullmatch(r'(?:W/)?"?([0-9]{1,19})"?', if_match.strip())
    if tag is None:
        raise Problem(400, 'If-Match holds one version in quotes, as in "7".', [("header.If-Match", "no version")])
    return int(tag[1])


async def _work(request: Request) -> AsyncIterator[Work]:
    async with request.app.state.database.work() as work:
        yield work


IN_WORK = Depends(_work, scope="function")
"""A parameter of an endpoint, after its caller: the unit of work, which commits before the answer is sent. With any error it is
rolled back, and a commit that fails is the answer."""
