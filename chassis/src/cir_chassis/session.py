"""Who looks at a page logged in at the provider; a sealed cookie holds the id token that it gave.

Pages alone read the cookie: the API knows callers by bearer token, which no other site can make a browser send.
"""

import hmac
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from time import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
import structlog
from authlib.integrations.starlette_client import OAuth, OAuthError
from fastapi import APIRouter, Request
from itsdangerous import BadSignature
from joserfc import jwe
from joserfc.jwk import OctKey
from pydantic import SecretStr
from starlette.datastructures import FormData
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp

from cir_chassis.login import DOES_NOT_HOLD, Caller
from cir_chassis.problems import NotAllowed, NotLoggedIn, Problem, Unavailable
from cir_chassis.settings import Settings

log = structlog.get_logger()

LIFE = (
    3600.0  # seconds: a sealed cookie cannot be revoked, and the provider's own session makes the next login invisible
)
KEPT = 12 * LIFE  # of what was typed when a login had ended, and of who it was
TABS = 3  # that may be at the provider at once
AUTHOR = "author"  # in the address of a form: the mark of whom its page was shown to
LONGEST = 3000  # characters of an id token: a browser drops a cookie of more than 4096 bytes without a word


class LoginEnded(NotLoggedIn):
    """Nobody is logged in (any more). typed: the fields of the form that he sent, if he did; of one with a file none is kept.
    author: the mark of whose form it is, or else whose login ended here; None where neither is known."""

    def __init__(self, typed: dict[str, str] | None = None, author: str | None = None) -> None:
        super().__init__("nobody is logged in here, or no longer")
        self.typed, self.author = typed, author


class OfAnotherAuthor(NotAllowed):
    """A form came from a page that was shown to somebody else. typed and author: as of a login that ended."""

    def __init__(self, typed: dict[str, str], author: str) -> None:
        super().__init__("this form was shown to somebody else, who was logged in here before")
        self.typed, self.author = typed, author


class Seal:
    """Encrypts what a browser keeps for us, so that nobody reads or changes it. use: what is sealed for one use opens for no
    other; life: in seconds."""

    def __init__(self, key: SecretStr, use: str, life: float) -> None:
        self._secret = sha256(f"{use} {key.get_secret_value()}".encode()).digest()
        self._key, self._life = OctKey.import_key(self._secret), life

    def mark(self, subject: str) -> str:
        """Of somebody: the same at each of his logins, and nobody tells from it who he is."""
        return hmac.digest(self._secret, subject.encode(), "sha256").hex()[:32]

    def sign(self, content: bytes) -> bytes:
        """Named as Starlette calls its signer."""
        stamped = int(time()).to_bytes(8) + content
        return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}, stamped, self._key).encode()

    def unsign(self, sealed: bytes, max_age: int | None = None) -> bytes:
        """Raises `BadSignature`, also where it is too old."""
        try:
            stamped = jwe.decrypt_compact(sealed, self._key).plaintext or b""
        except (*DOES_NOT_HOLD, ValueError) as error:
            raise BadSignature(type(error).__name__) from None
        if int.from_bytes(stamped[:8]) + self._life < time():
            raise BadSignature("too old")
        return stamped[8:]


class Sessions(SessionMiddleware):
    """`request.session`, sealed: after the login's life it still tells whose it was. `__Host-`: no neighbour under the same
    domain can set it.

    secure: over https. Not every browser keeps such a cookie of a loopback without it.
    """

    def __init__(self, app: ASGIApp, key: SecretStr, secure: bool) -> None:
        super().__init__(app, "", "__Host-cir" if secure else "cir", max_age=None, https_only=secure)
        self.signer: Any = Seal(key, "session", KEPT)


def logged_in(*roles: str) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency of a page, before any that reads the form: the caller, who has one of these roles. Raises `LoginEnded`,
    which is answered by the login, or for a form by a page; `NotAllowed` to another role, `OfAnotherAuthor` where a form was
    shown to somebody else: who logs in meanwhile does not do what another began."""

    async def check(request: Request) -> Caller:
        caller, shown_to = await whoever(request), request.query_params.get(AUTHOR)
        mark = request.app.state.pages.seal.mark
        if caller is None:
            subject = request.scope.get("session", {}).get("subject")
            author = shown_to or (mark(subject) if subject else None)
            raise LoginEnded(await _typed(request) if request.method == "POST" else None, author)
        if request.method == "POST" and shown_to not in (None, mark(caller.subject)):
            raise OfAnotherAuthor(await _typed(request), shown_to)
        if caller.role not in roles:
            raise NotAllowed(f"this is for: {', '.join(roles)}")
        return replace(caller, call=f"{request.method} {request.scope['route'].path}")

    return check


async def _typed(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").startswith("multipart/"):
        async for (
            _
        ) in request.stream():  # nothing of a stranger's file is kept; a browser that cannot send it reads no answer
            pass
        return {}
    return typed_in(await request.form())


def typed_in(sent: FormData) -> dict[str, str]:
    """Field → as it was typed; boxes that share a name as one text, with commas between; without files."""
    return {name: ",".join(v.strip() for v in sent.getlist(name) if isinstance(v, str)) for name in sent}


async def whoever(request: Request) -> Caller | None:
    """A dependency of a page for anyone: the caller, if he is logged in."""
    caller: Caller | None = None
    session = request.scope.get("session", {})  # without pages for who logs in there is none
    if session.get("until", 0) > time():
        with suppress(NotLoggedIn):
            caller = await request.app.state.login.caller(session["token"])
    request.state.caller = caller
    return caller


def same_origin(request: Request) -> None:
    """A dependency of every page: a form that another site sends in somebody's name has no effect. Raises `NotAllowed`."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    ours = site in ("same-origin", "none") if site else not origin or urlsplit(origin).netloc == request.headers["host"]
    if request.method != "GET" and not ours:
        raise NotAllowed("a form is sent from the register's own page")


def _begun(request: Request) -> dict[str, Any]:
    """The logins that were begun in this browser and did not come back, the newest last: authlib's, one for each state."""
    return {name: one for name, one in request.session.items() if name.startswith("_state_")}


def routes(settings: Settings, name: str) -> APIRouter:
    """Login and logout: OpenID Connect's code flow with PKCE, state and nonce. name: of the service, in `CIR_PUBLIC`."""
    router, home = APIRouter(include_in_schema=False), settings.public[name].rstrip("/")
    provider = OAuth().register(
        "provider",
        client_id=settings.audience,
        client_secret=settings.client_secret and settings.client_secret.get_secret_value(),
        server_metadata_url=f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile", "code_challenge_method": "S256", "trust_env": False},
    )

    @router.get("/login")
    async def begin(request: Request, to: str = "/", person: str | None = None) -> Response:
        """To the provider, and then to a page of this service. person: in the demo, whom to log in without asking."""
        begun = _begun(request)
        request.session.clear()
        hint = {"login_hint": person} if person and settings.environment == "demo" else {}
        try:
            answer: Response = await provider.authorize_redirect(request, f"{home}/login/back", **hint)
        except (httpx2.HTTPError, ValueError, RuntimeError) as error:
            raise Unavailable(f"The login does not answer ({type(error).__name__}). Try again later.") from None
        for name, mine in _begun(request).items():
            kept = {of: mine["data"][of] for of in ("redirect_uri", "nonce", "code_verifier")}
            kept["to"] = to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"
            begun[name] = mine | {"data": kept}
        request.session.clear()
        request.session.update([*begun.items()][-TABS:])
        return answer

    @router.get("/login/back")
    async def back(request: Request) -> Response:
        """From the provider: who came along a link that he did not ask for, or twice, is not logged in."""
        begun = _begun(request)
        mine = begun.pop(f"_state_provider_{request.query_params.get('state')}", None)
        try:
            token = (await provider.authorize_access_token(request))["id_token"]
        except httpx2.HTTPError as error:
            raise Unavailable(f"The login does not answer ({type(error).__name__}). Try again later.") from None
        except (*DOES_NOT_HOLD, OAuthError, ValueError, LookupError) as error:
            raise Problem(400, f"This login does not hold ({type(error).__name__}). Log in again.") from None
        caller = await request.app.state.login.caller(token)
        request.session.clear()
        if len(token) > LONGEST:  # no page would ever see it: each would ask for the login again, for ever
            log.error("an id token is too long for a cookie: let the provider give fewer claims", characters=len(token))
            raise Problem(500, f"The login gave a token of more than {LONGEST} characters. It has been logged.")
        request.session.update(token=token, subject=caller.subject, until=time() + LIFE)
        if len(token) + len(json.dumps(begun)) < LONGEST:  # another tab may come back yet
            request.session.update(begun)
        return RedirectResponse(mine["data"]["to"] if mine else "/", 303)

    @router.get("/logout")
    async def logout(request: Request) -> Response:
        """Ends the session here and at the provider. A link of ours, since a form may not lead to another site."""
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise NotAllowed("log out by the link on a page of the register")
        token = request.session.get("token")
        request.session.clear()
        try:
            if token:
                ended: Response = await provider.logout_redirect(request, f"{home}/", token)
                request.session.clear()
                return ended
        except (httpx2.HTTPError, ValueError, RuntimeError):
            pass  # a provider that does not answer, or has no logout: his session here has ended all the same
        return RedirectResponse("/", 303)

    return router
