"""A token counts only if this issuer signed it, for us, and it has not ended."""

import asyncio
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from cir_chassis.login import Login
from cir_chassis.problems import NotLoggedIn, Unavailable
from cir_chassis.settings import Settings
from deploy.token import AUDIENCE, token

CLAIMS = Settings.model_fields["claims"].default


async def test_a_token_of_the_issuer_names_role_and_relations(login: str) -> None:
    mine = await asyncio.to_thread(token, login, "case_worker", company="dijledal")
    caller = await Login(login, AUDIENCE, CLAIMS).caller(mine)
    assert (caller.role, caller.relation("company"), caller.relation("number")) == ("case_worker", "dijledal", None)


async def test_a_token_for_somebody_else_or_changed_does_not_hold(login: str) -> None:
    mine = await asyncio.to_thread(token, login, "candidate", person="85622300173")
    with pytest.raises(NotLoggedIn):
        await Login(login, "another", CLAIMS).caller(mine)
    head, body, signature = mine.split(".")
    claims = json.loads(urlsafe_b64decode(body + "=="))
    claims["cir_number"] = "70610100123"
    forged = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    with pytest.raises(NotLoggedIn):
        await Login(login, AUDIENCE, CLAIMS).caller(f"{head}.{forged}.{signature}")


async def test_a_token_without_a_role_is_nobodys(login: str) -> None:
    mine = await asyncio.to_thread(token, login, "operator")
    with pytest.raises(NotLoggedIn, match="no role"):
        await Login(login, AUDIENCE, {"role": "another_claim"}).caller(mine)


async def test_who_signs_himself_is_nobody(login: str) -> None:
    now = int(time.time())
    claims = {"iss": login, "aud": AUDIENCE, "sub": "x", "exp": now + 60, "cir_role": "operator"}
    forged = jwt.encode({"alg": "RS256", "kid": "mine"}, claims, RSAKey.generate_key(2048))
    with pytest.raises(NotLoggedIn):
        await Login(login, AUDIENCE, CLAIMS).caller(forged)
    unsigned = ".".join([*forged.split(".")[:2], ""])
    with pytest.raises(NotLoggedIn):
        await Login(login, AUDIENCE, CLAIMS).caller(unsigned)


async def test_without_the_issuer_nobody_can_be_recognised() -> None:
    with pytest.raises(Unavailable):
        await Login("http://127.0.0.1:1", AUDIENCE, CLAIMS).caller("x.y.z")


@asynccontextmanager
async def issuer(keys: object, **configuration: object) -> AsyncIterator[tuple[str, list[str]]]:
    """A login with these keys: its address, and what it is asked."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        asked.append(path)
        body = json.dumps(keys if path == "/jwks" else {"jwks_uri": f"{address}/jwks"} | configuration).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = "http://{}:{}".format(*server.sockets[0].getsockname())
        yield address, asked


@pytest.mark.parametrize(
    ("keys", "nobody"),
    [(KeySet([RSAKey.generate_key(2048)]).as_dict(private=False), NotLoggedIn), ({"keys": []}, Unavailable)],
)
async def test_a_flood_of_unknown_tokens_is_no_flood_at_the_issuer(keys: object, nobody: type[Exception]) -> None:
    async with issuer(keys) as (address, asked):
        login, forged = Login(address, AUDIENCE, CLAIMS), jwt.encode({"alg": "RS256"}, {}, RSAKey.generate_key(2048))
        answers = await asyncio.gather(*(login.caller(forged) for _ in range(20)), return_exceptions=True)
    assert {type(one) for one in answers} == {nobody}
    assert asked == ["/.well-known/openid-configuration", "/jwks"]


@pytest.mark.parametrize(
    ("keys", "configuration"),
    [
        ({}, {}),
        ([], {}),
        ({"keys": [7]}, {}),
        ({"keys": []}, {"jwks_uri": 7}),
        ({"keys": []}, {"jwks_uri": "http://["}),
    ],
)
async def test_an_issuer_whose_answers_are_none_is_unavailable_and_told_once(
    keys: object, configuration: dict[str, Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Login, "AGAIN", 0.0)
    async with issuer(keys, **configuration) as (address, _):
        login = Login(address, AUDIENCE, CLAIMS)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await login.caller("x.y.z")
    [told] = [str(record.msg) for record in caplog.records]
    assert "the login's keys cannot be fetched" in told
