"""What strangers send is refused with a problem document: by a real server, on real PostgreSQL, without a word in the log."""

import asyncio
import json
import logging
import re
import socket
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from fastapi import APIRouter, Depends
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from cir_chassis import http
from cir_chassis.database import Database
from cir_chassis.driver import forget, transaction
from cir_chassis.http import IN_WORK, if_match_version
from cir_chassis.idempotency import KEYS, OLD, idempotent
from cir_chassis.login import Caller, Login, may
from cir_chassis.problems import Conflict
from cir_chassis.service import Server, Service
from cir_chassis.settings import Settings
from conftest import free_port
from deploy.token import AUDIENCE, token

from .conftest import Count, CountWork, Open, counts, stored
from .test_bus import Topic, keep, until

NOWHERE = "127.0.0.1:1"


class Sent(BaseModel):
    lists: list[list[int]] = []


def small(
    database: Database[CountWork],
    *routers: APIRouter,
    login: str = f"http://{NOWHERE}",
    kafka: str = NOWHERE,
    topic: Topic | None = None,
    migrations: Path = Path(),
    pages: Path | None = None,
) -> Service[CountWork]:
    """The small service with these routes; pages: the templates of its pages."""
    topic, port = topic or Topic(), free_port()
    url = database.engine.url.render_as_string(hide_password=False).replace("+asyncpg", "")
    told = Settings(
        database_url=url,
        kafka=kafka,
        port=port,
        issuer=login,
        audience=AUDIENCE,
        environment="demo",
        public={"test": f"http://127.0.0.1:{port}"} if pages else {},
        session_key=SecretStr("a key of tests alone, of 32 characters"),
        client_secret=SecretStr("demo"),
    )
    work = partial(CountWork, mode={})
    service = Service(
        "test", "", told, work, migrations, publishes=[topic.event], consumes={topic.event: keep}, templates=pages
    )
    for router in routers:
        service.app.include_router(router)
    return service


@asynccontextmanager
async def served(service: Service[CountWork]) -> AsyncIterator[Service[CountWork]]:
    """It is asked over HTTP, as its process is."""
    server = Server(service.app)
    serving = asyncio.create_task(server.serve(sockets=[service.listen()]))
    try:
        yield service
    finally:
        server.should_exit = True
        await serving
        await service.dispose()


@asynccontextmanager
async def client(service: Service[CountWork]) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{service.settings.port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as one:
        yield one


async def raw(service: Service[CountWork], request: bytes, *, then: Sequence[bytes] = ()) -> bytes:
    """What a connection answers until it ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.settings.port)
    with suppress(ConnectionError):
        for part in (request, *then):
            writer.write(part)
            await writer.drain()
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.fixture
def routes(open_database: Open) -> APIRouter:
    router, database = APIRouter(prefix="/v1"), open_database()

    @router.post("/things")
    async def post(body: Sent) -> int:
        return len(body.lists)

    @router.post("/uploads", max_body_size=3_000_000)
    async def upload(body: Sent) -> int:
        return len(body.lists)

    @router.get("/things/{name}")
    async def read(name: str) -> int:
        async with transaction(database.engine) as connection:
            return (await connection.execute(sa.select(sa.literal(name)))).scalar_one() == name

    @router.get("/numbers/{n}")
    async def number(n: int) -> bool:
        async with transaction(database.engine) as connection:
            return (await connection.execute(sa.select(sa.literal(n, sa.BigInteger)))).scalar_one() == n

    @router.get("/mine", dependencies=[Depends(may("case_worker"))])
    async def mine() -> int:
        return 1

    @router.put("/version")
    async def version(of: Annotated[int, Depends(if_match_version)]) -> str:
        return str(of)

    @router.get("/conflict")
    async def conflict() -> None:
        raise Conflict("Not now.", available=["undo"])

    @router.get("/wrong")
    async def wrong() -> None:
        raise ZeroDivisionError

    return router


@pytest.fixture
async def service(open_database: Open, routes: APIRouter, login: str) -> AsyncIterator[Service[CountWork]]:
    async with served(small(open_database(), routes, login=login)) as service:
        yield service


def is_problem(answer: httpx.Response, status: int) -> bool:
    assert (answer.status_code, answer.headers["content-type"]) == (status, http.MEDIA_TYPE), answer.text
    return bool(answer.json()["status"] == status)


async def test_no_answer_waits_for_the_acknowledgement_of_the_one_before(open_database: Open) -> None:
    service, no_delay = small(open_database()), list[int]()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        no_delay.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(accept, sock=service.listen()):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.settings.port)
        await reader.read()
        writer.close()
    assert no_delay == [1]


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_large_is_refused_before_anybody_is_recognised(
    service: Service[CountWork], declared: bool
) -> None:
    body = b'{"lists": [' + b"[]," * 500_000 + b"[]]}"

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    headers = {"content-type": "application/json", "authorization": "Bearer x"}
    async with client(service) as http_:
        for path, largest in (("/v1/things", 1_200_000), ("/v1/uploads", 3_000_000)):
            sent = body * (largest // 1_200_000)
            answer = await http_.post(path, content=sent if declared else chunks(), headers=headers)
            if path == "/v1/things" or declared:
                assert is_problem(answer, 413)
                assert str(largest) in answer.json()["detail"]
            else:
                assert answer.json() == 500_001  # within what this route takes


async def test_a_body_that_does_not_come_ends_with_its_connection(
    service: Service[CountWork], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PATIENCE", 0.3)
    head = b"POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    answer = await raw(service, head)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert http.MEDIA_TYPE.encode() in answer
    assert b"connection: close" in answer.lower()


_part = st.one_of(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "crit", "typ", "b64", "jwk", "jku", "x5c", "zip", "exp", "sub"]),
        st.one_of(
            st.sampled_from(["RS256", "ES256", "none", "HS256"]),
            st.none(),
            st.integers(),
            st.lists(st.sampled_from(["b64", "exp"])),
        ),
    ).map(lambda held: json.dumps(held).encode()),
    st.sampled_from([b"[" * 5_000, b"{" * 5_000, b'{"a":' * 5_000, b"1" * 5_000, b"NaN", b"\xff", b"null", b"[]", b""]),
    st.binary(max_size=50),
)
TOKENS = st.one_of(
    st.binary(min_size=1, max_size=200).map(lambda some: bytes(one for one in some if one > 32 and one != 127)),
    st.lists(_part.map(urlsafe_b64encode), min_size=1, max_size=6).map(b".".join),
    st.lists(_part.map(lambda some: urlsafe_b64encode(some).rstrip(b"=")), min_size=3, max_size=3).map(b".".join),
).filter(bool)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=TOKENS)
async def test_bytes_that_are_no_token_are_nobodys(service: Service[CountWork], token: bytes) -> None:
    async with client(service) as http_:
        assert is_problem(await http_.get("/v1/mine", headers=[(b"Authorization", b"Bearer " + token)]), 401)


@pytest.mark.parametrize("head", [{"alg": "RS256", "crit": 7}, {"alg": "RS256", "kid": 7}, {"alg": []}])
@pytest.mark.parametrize("payload", [b"{}", b"[" * 5_000])
async def test_a_token_that_was_made_to_hurt_is_nobodys(
    service: Service[CountWork], head: dict[str, Any], payload: bytes
) -> None:
    token = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in (json.dumps(head).encode(), payload, b"x"))
    async with client(service) as http_:
        assert is_problem(await http_.get("/v1/mine", headers=[(b"Authorization", b"Bearer " + token)]), 401)


async def test_where_the_login_does_not_answer_a_caller_is_told_to_come_back(
    open_database: Open, routes: APIRouter
) -> None:
    async with served(small(open_database(), routes)) as service, client(service) as http_:
        told = await http_.get("/v1/mine", headers={"Authorization": "Bearer x.y.z"})
    assert is_problem(told, 503)
    assert told.headers["retry-after"]


async def test_an_error_of_ours_is_not_taken_for_a_token_that_does_not_hold(
    service: Service[CountWork], caplog: pytest.LogCaptureFixture, login: str
) -> None:
    ours: Login = service.app.state.login
    ours._keys.keys, ours._fetched = [object()], monotonic()  # type: ignore[list-item]
    mine = await asyncio.to_thread(token, login, "case_worker", company="dijledal")
    async with client(service) as http_:
        answer = await http_.get("/v1/mine", headers={"Authorization": f"Bearer {mine}"})
    assert is_problem(answer, 500)
    assert [record.msg["event"] for record in caplog.records if isinstance(record.msg, dict)] == ["request failed"]


async def test_a_version_is_a_number_that_can_be_one(service: Service[CountWork]) -> None:
    async with client(service) as http_:
        for wrong in ("1" * 5_000, '"', "", "-1", "١", '"1", "2"'):
            answer = await http_.put("/v1/version", headers=[(b"If-Match", wrong.encode())])
            assert is_problem(answer, 400)
        assert is_problem(await http_.put("/v1/version"), 428)
        for right in ("7", '"7"', 'W/"7"'):
            assert (await http_.put("/v1/version", headers={"If-Match": right})).json() == "7"


async def test_what_is_wrong_with_a_request_ends_no_connection_and_writes_no_traceback(
    service: Service[CountWork], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with client(service) as http_:
            await http_.get("/health/live")
            (connection,) = http_._transport._pool.connections  # type: ignore[attr-defined]
            for path, status in (
                ("/v1/things/%00", 422),
                (f"/v1/numbers/{2**63}", 422),
                ("/v1/wrong", 500),
                ("/v1/none", 404),
            ):
                assert is_problem(await http_.get(path), status)
            assert is_problem(conflict := await http_.get("/v1/conflict"), 409)
            assert conflict.json()["available"] == ["undo"]
            many = {"lists": [[["x"]]] * 1_000}
            assert is_problem(answer := await http_.post("/v1/things", json=many), 422)
            assert len(answer.json()["errors"]) == http.MOST_ERRORS
            assert http_._transport._pool.connections == [connection]  # type: ignore[attr-defined]
    assert [record.msg["event"] for record in caplog.records if isinstance(record.msg, dict)] == ["request failed"]
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


async def test_a_deadlock_is_answered_by_doing_the_request_once_more(open_database: Open) -> None:
    database, router, tries = open_database(), APIRouter(), list[str]()
    first, second = uuid4(), uuid4()
    met: dict[str, asyncio.Event] = {str(first): asyncio.Event(), str(second): asyncio.Event()}
    async with database.work() as work:
        for id_ in (first, second):
            work.counts.put(Count(id_, 0))

    @router.post("/v1/both/{one}/{other}")
    async def add(one: UUID, other: UUID, body: Sent) -> int:
        """Locks them in the order in which they are named: two of these meet crosswise."""
        tries.append(str(one))
        async with database.work() as work:
            for id_, wait in ((one, str(other)), (other, None)):
                more = sa.update(counts).where(counts.c.id == id_).values(version=counts.c.version + 1)
                await work.connection.execute(more)
                met[str(id_)].set()
                await met[wait or str(id_)].wait()
        return len(body.lists)

    async with served(small(database, router)) as service, client(service) as http_:
        ours = {"lists": [[1], [2]]}
        answers_ = await asyncio.gather(
            http_.post(f"/v1/both/{first}/{second}", json=ours), http_.post(f"/v1/both/{second}/{first}", json=ours)
        )
    assert [(one.status_code, one.json()) for one in answers_] == [(200, 2), (200, 2)]
    assert len(tries) == 3
    async with database.engine.connect() as connection:
        assert {row.version for row in await connection.execute(counts.select())} == {2}


async def test_a_key_is_answered_for_a_month_and_then_forgotten(open_database: Open) -> None:
    database, stopping = open_database(), asyncio.Event()

    async def effect() -> dict[str, int]:
        return {"id": 1}

    async def keys() -> set[str]:
        async with database.engine.connect() as connection:
            return {row.key for row in await connection.execute(KEYS.select())}

    for key, age in (("new", timedelta(0)), ("a month", timedelta(days=30)), ("older", timedelta(days=30, minutes=1))):
        async with database.work() as work:
            await idempotent(work.connection, "anna", key, b"x", effect)
            at = sa.func.now() - age + timedelta(seconds=30)
            await work.connection.execute(sa.update(KEYS).where(KEYS.c.key == key).values(at=at))
    forgetting = asyncio.create_task(forget(database.engine, OLD, stopping))

    async def forgotten() -> bool:
        return await keys() == {"new", "a month"}

    await until(forgotten)
    stopping.set()
    await forgetting


async def test_the_work_of_a_request_is_committed_before_it_is_answered_and_its_failure_is_the_answer(
    open_database: Open,
) -> None:
    router, database, kept = APIRouter(prefix="/v1"), open_database(), uuid4()
    in_work = Annotated[CountWork, IN_WORK]

    @router.put("/{id}/{version}")
    async def put(id: UUID, version: int, work: in_work) -> int:
        work.counts.put(Count(id, version))
        return version

    @router.put("/refused/{id}/1")
    async def refuse(id: UUID, work: in_work) -> None:
        work.counts.put(Count(id, 1))
        await work.flush()
        raise Conflict("It is not the time.")

    @router.put("/ended/{id}/1")
    async def end(id: UUID, work: in_work) -> None:
        work.counts.put(Count(id, 1))
        await work.flush()
        async with database.engine.connect() as other:
            pid = sa.text("SELECT pg_backend_pid()")
            await other.execute(sa.func.pg_terminate_backend(await work.connection.scalar(pid)))

    async with served(small(database, router)) as service, client(service) as http:
        for path, status in {
            f"{kept}/1": 200,
            f"{uuid4()}/1000": 500,
            f"refused/{uuid4()}/1": 409,
            f"ended/{uuid4()}/1": 503,
        }.items():
            answer = await http.put(f"/v1/{path}")
            assert answer.status_code == status, (path, answer.text)
            async with stored(database) as rows:
                assert list(rows) == [kept], path


async def test_a_stranger_takes_no_connection(open_database: Open) -> None:
    router, database = APIRouter(prefix="/v1"), open_database()

    @router.get("/things")
    async def read(caller: Annotated[Caller, Depends(may("candidate"))], work: Annotated[CountWork, IN_WORK]) -> None:
        raise AssertionError

    service = small(database, router)
    service.app.state.database = None  # else it would be asked for a work
    async with served(service), client(service) as http:
        assert (await http.get("/v1/things")).status_code == 401


async def test_the_page_of_the_api_fetches_nothing_from_elsewhere(service: Service[CountWork]) -> None:
    async with client(service) as http:
        page = await http.get("/docs")
        fetched = re.findall(r"""(?:src|href)=["']([^"']+)|url: ["']([^"']+)""", page.text)
        addresses = [one or other for one, other in fetched]
        assert len(addresses) == 4, page.text  # script, style, icon, and the API's description
        for address in addresses:
            assert address.startswith("/"), address
            assert (await http.get(address)).status_code == 200, address
    assert "://" not in page.text
    assert '"validatorUrl": null' in page.text  # else a browser sends the description to a validator
