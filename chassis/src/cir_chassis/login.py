"""A caller is known by a bearer token that the issuer signed. Each endpoint names its roles; settings name the claims."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Annotated, Any

import httpx
import structlog
from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from prometheus_client import Counter

from cir_chassis.problems import NotAllowed, NotLoggedIn, Unavailable

log = structlog.get_logger()

ALGORITHMS = ["RS256", "ES256"]
DOES_NOT_HOLD = (
    JoseError,
    TypeError,
)  # what a stranger's bytes raise (a header that is no object: TypeError); not our errors
REFUSED = Counter("cir_tokens_refused_total", "Tokens that do not hold, by the error that they are", ["error"])
_bearer = HTTPBearer(auto_error=False, description="An id token of the login")


@dataclass(frozen=True)
class Caller:
    """A caller whose token holds: his role, and his relations (such as the company he works for) by name."""

    subject: str
    role: str
    relations: Mapping[str, str]
    call: str = ""
    """Method and path of the request, without what the path names."""

    @property
    def works_for(self) -> str | None:
        """The company or organisation that the token names."""
        return self.relation("company") or self.relation("organisation")

    def relation(self, name: str) -> str | None:
        """The caller's company, number or other relation by that name; None where the token has none."""
        return self.relations.get(name)


class Login:
    """Checks tokens against the keys of one issuer, which are fetched when needed and again when they change."""

    AGAIN = 5.0  # seconds between two fetches: a flood of unknown keys must not become a flood at the issuer

    def __init__(self, issuer: str, audience: str, claims: Mapping[str, str]) -> None:
        self._issuer, self._claims = issuer.rstrip("/"), dict(claims)
        self._keys = KeySet([])
        self._fetched, self._unavailable = -self.AGAIN, ""
        self._lock = asyncio.Lock()
        self._rules = jwt.JWTClaimsRegistry(
            leeway=30,
            iss={"essential": True, "values": [self._issuer, self._issuer + "/"]},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def caller(self, token: str) -> Caller:
        """The caller whom the token names. Raises `NotLoggedIn`; `Unavailable` where keys are needed and cannot be fetched."""
        try:
            keys = self._keys
            try:
                claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            except DOES_NOT_HOLD:
                if not await self._newer_than(keys):
                    raise
                claims = jwt.decode(token, self._keys, algorithms=ALGORITHMS).claims
            self._rules.validate(claims)
        except DOES_NOT_HOLD as error:
            REFUSED.labels(type(error).__name__).inc()
            raise NotLoggedIn(type(error).__name__) from None
        held = {name: str(claims[claim]) for name, claim in self._claims.items() if claims.get(claim)}
        if "role" not in held:
            raise NotLoggedIn("the token gives no role")
        return Caller(str(claims["sub"]), held.pop("role"), held)

    async def _newer_than(self, keys: KeySet) -> bool:
        """Whether there are newer keys than these; they are fetched, unless that was done a moment ago."""
        async with self._lock:
            if self._keys is not keys:
                return True
            if monotonic() - self._fetched < self.AGAIN:
                if self._unavailable:
                    raise Unavailable(self._unavailable)
                return False
            try:
                async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                    found = (await client.get(f"{self._issuer}/.well-known/openid-configuration")).raise_for_status()
                    found_keys = (await client.get(found.json()["jwks_uri"])).raise_for_status().json()
                self._keys, self._unavailable = KeySet.import_key_set(found_keys), ""
            except Exception as error:  # whatever it answers, or does not: without keys nobody can be recognised
                if not self._unavailable:
                    log.warning("the login's keys cannot be fetched", exc_info=error)
                self._unavailable = f"The login does not answer ({type(error).__name__}). Try again later."
                raise Unavailable(self._unavailable) from None
            finally:
                self._fetched = monotonic()
            return True


def may(*roles: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, who has one of these roles. 401 without a token that holds, 403 with another role."""

    async def check(
        request: Request, token: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Caller:
        login: Any = request.app.state.login
        if token is None:
            raise NotLoggedIn("no token")
        caller: Caller = await login.caller(token.credentials)
        if caller.role not in roles:
            raise NotAllowed(f"this is for: {', '.join(roles)}")
        return replace(caller, call=f"{request.method} {request.scope['route'].path}")

    check.roles = roles  # type: ignore[attr-defined]
    return check


async def anyone() -> None:
    """A dependency that marks an endpoint as one that needs no login."""
