"""The authentic sources over a real connection, also one that answers slowly, wrongly or not at all."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import counted, free_port
from deploy.embedded.ports import answers
from deploy.embedded.supervisor import Child, Part
from dossier.facts.sources import FAILURES, LARGEST, SERVICES, Sources, SourceUnavailable, WrongAnswer

ANNA, BRAM = "85622300173", "86670100113"
UNDATED = "85600000170"  # month and day unknown
TODAY = date(2024, 3, 20)
KNOWN: dict[str, dict[str, Any]] = {
    "national_register": {
        "born_on": "1985-02-23",
        "residence": "population_register",
        "stays": [{"municipality": "24062", "area": None, "from": "2012-01-01", "until": None}],
    },
    "tax": {
        "incomes": [
            {
                "year": 2023,
                "jointly_taxable": "21000.00",
                "separately_taxable": "0.00",
                "replacement_allowance": "0.00",
                "living_wage": "0.00",
                "foreign_exempt": "0.00",
            }
        ]
    },
    "land_registry": {"real_rights": [{"right": "full_ownership", "object": "dwelling", "country": "BE"}]},
    "social_security": {"recognised_handicap": True, "child_benefit": False},
    "language": {"language": "known"},
}
NOTHING: dict[str, dict[str, Any]] = {
    "national_register": {"born_on": None, "residence": None, "stays": []},
    "tax": {"incomes": []},
    "land_registry": {"real_rights": []},
    "social_security": {"recognised_handicap": False, "child_benefit": False},
    "language": {"language": None},
}


def facts_of(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer as facts: who gives right to child benefit is a dependant."""
    return {{"child_benefit": "dependant"}.get(key, key): value for key, value in answer.items()}


def all_facts(answers: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {service: facts_of(answer) for service, answer in answers.items()}


class Server:
    """Answers every question with `says`, byte for byte, and keeps what it was asked: (request line, body)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.says: Callable[[asyncio.StreamWriter], Awaitable[None]]
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        self.asked.append((head.splitlines()[0], json.loads(body or "null")))
        try:
            await self.says(writer)
            await writer.drain()
        except ConnectionError:
            pass  # whoever asked had enough
        finally:
            writer.close()

    def answers(
        self, body: bytes, *, status: str = "200 OK", kind: str = "application/json", headers: str = ""
    ) -> None:
        async def says(writer: asyncio.StreamWriter) -> None:
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n{headers}\r\n".encode() + body
            )

        self.says = says

    def knows(self, number: str = ANNA, known: Any = True, **facts: Any) -> None:
        self.answers(json.dumps({"number": number, "known": known, **facts}).encode())


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield server
    listening.close()


@pytest.fixture
async def sources(server: Server) -> AsyncIterator[Sources]:
    sources = Sources(server.address)
    yield sources
    await sources.close()


def answered(service: str, result: str) -> float:
    return counted("cir_source_answers_total", service=service, result=result)


@pytest.mark.parametrize("service", SERVICES)
async def test_an_answer_is_given_as_facts_and_counted(server: Server, sources: Sources, service: str) -> None:
    for facts in (KNOWN[service], NOTHING[service], None):  # None: the service does not know him
        result = "known" if facts else "unknown"
        before = answered(service, result)
        server.knows(known=facts is not None, **(facts or {}))
        assert await sources.ask(service, ANNA, TODAY) == (facts and facts_of(facts))
        assert answered(service, result) == before + 1
    the_number_in_the_body_alone = (f"POST /services/{service} HTTP/1.1", {"number": ANNA})
    assert server.asked == [the_number_in_the_body_alone] * 3


@pytest.mark.parametrize("born_on", ["2000-00-00", "1985-02-00", "1985-00-23"])
async def test_a_birth_date_without_month_or_day_is_unknown(server: Server, sources: Sources, born_on: str) -> None:
    server.knows(**NOTHING["national_register"] | {"born_on": born_on})
    assert await sources.ask("national_register", ANNA, TODAY) == NOTHING["national_register"]


async def test_a_number_that_tells_no_birth_date_contradicts_none(server: Server, sources: Sources) -> None:
    server.knows(UNDATED, **KNOWN["national_register"])
    assert await sources.ask("national_register", UNDATED, TODAY) == KNOWN["national_register"]


STAY = {"municipality": "24062", "from": "2012-01-01", "until": "2011-12-31"}
RIGHT = {"right": "full_ownership", "object": "dwelling", "country": "BE"}


@pytest.mark.parametrize(
    ("service", "changed"),
    [
        ("national_register", {"born_on": "1985-02-24"}),
        ("national_register", {"born_on": "1985-02-30"}),
        ("national_register", {"born_on": 477964800}),
        ("national_register", {"residence": "castle"}),
        ("national_register", {"stays": [STAY]}),
        ("national_register", {"stays": [STAY | {"until": None, "member": "p1"}]}),
        ("national_register", {"stays": None}),
        ("tax", {"incomes": [{"year": 2024}]}),
        ("tax", {"incomes": [{"year": 2023}, {"year": 2023}]}),
        ("tax", {"incomes": [{"year": 2023, "jointly_taxable": 21000.0}]}),
        ("tax", {"incomes": [{"year": 2023, "jointly_taxable": "-1.00"}]}),
        ("tax", {"incomes": [{"year": 2023, ANNA: "1.00"}]}),
        ("tax", {"balances": "1.00"}),
        ("tax", {ANNA: None}),
        ("land_registry", {"real_rights": [RIGHT | {"country": "FR"}]}),
        ("land_registry", {"real_rights": [RIGHT | {"exception": "separation"}]}),
        ("land_registry", {"real_rights": [RIGHT | {"right": ANNA}]}),
        ("social_security", {"recognised_handicap": "yes"}),
        ("social_security", {"child_benefit": None}),
        ("language", {"language": ANNA}),
        ("language", {"known": 1}),
        ("language", {"known": ANNA}),
        ("language", {"known": False}),
        ("language", {"number": BRAM}),
        ("language", {"number": int(ANNA)}),
    ],
)
async def test_an_answer_that_cannot_be_is_refused_without_its_values(
    server: Server, sources: Sources, service: str, changed: dict[str, Any]
) -> None:
    before = answered(service, "wrong")
    server.knows(**{"number": ANNA} | KNOWN[service] | changed)
    with pytest.raises(WrongAnswer) as refused:
        await sources.ask(service, ANNA, TODAY)
    assert str(refused.value).startswith(f"{service}: ")
    for value in (ANNA, BRAM, "1985", "castle", "2011", "21000"):
        assert value not in str(refused.value)
    assert answered(service, "wrong") == before + 1


@pytest.mark.parametrize("service", SERVICES)
async def test_an_answer_that_leaves_a_key_out_is_refused(server: Server, sources: Sources, service: str) -> None:
    for key in KNOWN[service]:
        server.knows(**{name: value for name, value in KNOWN[service].items() if name != key})
        with pytest.raises(WrongAnswer, match=f"{key}: Field required"):
            await sources.ask(service, ANNA, TODAY)


async def test_a_birth_in_the_future_is_refused(server: Server, sources: Sources) -> None:
    server.knows(UNDATED, **NOTHING["national_register"] | {"born_on": "2024-03-21"})
    with pytest.raises(WrongAnswer, match="born_on lies in the future"):
        await sources.ask("national_register", UNDATED, TODAY)
    server.knows(UNDATED, **NOTHING["national_register"] | {"born_on": "2024-03-20"})
    assert await sources.ask("national_register", UNDATED, TODAY)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'"\xff"', b"[" * 100_000, b'{"number": "' + b"9" * (LARGEST + 1)], ids=range(6)
)
async def test_no_sense_is_a_wrong_answer(server: Server, sources: Sources, body: bytes) -> None:
    server.answers(body)
    with pytest.raises(WrongAnswer):
        await sources.ask("tax", ANNA, TODAY)


async def test_an_answer_without_end_is_left_where_it_grows_too_large(server: Server, sources: Sources) -> None:
    sent = 0

    async def says(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b" " * 65_536)
            await writer.drain()
            sent += 65_536

    server.says = says
    with pytest.raises(WrongAnswer, match=f"more than {LARGEST} bytes"):
        await sources.ask("tax", ANNA, TODAY)
    assert sent < 20 * LARGEST  # what sockets hold


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "500 Internal Server Error"},
        {"status": "503 Service Unavailable"},
        {"status": "429 Too Many Requests"},
        {"status": "302 Found", "headers": "Location: /services/language\r\n"},
        {"kind": "text/html"},
        {"headers": "Content-Length: 1000\r\n"},
    ],
    ids=str,
)
async def test_what_is_no_answer_leaves_the_question_open(
    server: Server, sources: Sources, answer: dict[str, str]
) -> None:
    before = answered("language", "unavailable")
    server.answers(json.dumps({"number": ANNA, "known": False}).encode(), **answer)
    with pytest.raises(SourceUnavailable) as unavailable:
        await sources.ask("language", ANNA, TODAY)
    assert ANNA not in str(unavailable.value)
    assert len(server.asked) == 1
    assert answered("language", "unavailable") == before + 1


async def test_nobody_there_leaves_the_question_open() -> None:
    sources = Sources("http://127.0.0.1:1")
    for why in [*["tax: ConnectError"] * FAILURES, "tax: not asked"]:
        with pytest.raises(SourceUnavailable, match=why):
            await sources.ask("tax", ANNA, TODAY)
    await sources.close()


async def test_an_answer_that_drips_in_ends_at_the_total_timeout(server: Server) -> None:
    async def says(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    server.says = says
    sources = Sources(server.address, patience=0.3)
    async with asyncio.timeout(5):
        with pytest.raises(SourceUnavailable, match="tax: TimeoutError"):
            await sources.ask("tax", ANNA, TODAY)
    await sources.close()


async def test_a_slow_service_keeps_no_other_waiting(server: Server, sources: Sources) -> None:
    held = asyncio.Event()

    async def says(writer: asyncio.StreamWriter) -> None:
        if server.asked[-1][0].split()[1] == "/services/language":
            body = json.dumps({"number": ANNA, "known": False})
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{body}".encode())
        else:
            await held.wait()

    server.says = says
    async with asyncio.TaskGroup() as group:
        slow = [group.create_task(sources.ask("tax", ANNA, TODAY)) for _ in range(50)]
        async with asyncio.timeout(5):
            while not server.asked:
                await asyncio.sleep(0)
        assert await sources.ask("language", ANNA, TODAY) is None
        for task in slow:
            task.cancel()
        held.set()


async def test_a_service_that_fails_in_a_row_is_left_alone_and_then_probed(server: Server) -> None:
    sources = Sources(server.address, rest=0.5)
    loop = asyncio.get_running_loop()

    async def fails() -> None:
        with pytest.raises(SourceUnavailable):
            await sources.ask("tax", ANNA, TODAY)

    async def is_probed() -> None:
        before, deadline = len(server.asked), loop.time() + 5
        while len(server.asked) == before:
            assert loop.time() < deadline
            await asyncio.gather(*(fails() for _ in range(20)))
        assert len(server.asked) == before + 1

    server.answers(b"", status="503 Service Unavailable")
    for _ in range(FAILURES + 3):
        await fails()
    assert len(server.asked) == FAILURES
    with pytest.raises(SourceUnavailable, match="not asked"):
        await sources.ask("tax", ANNA, TODAY)
    await is_probed()
    await fails()
    assert len(server.asked) == FAILURES + 1, "a probe that fails closes it again"

    server.knows(**NOTHING["language"])
    await sources.ask("language", ANNA, TODAY)  # of another service nothing changed
    server.knows(**NOTHING["tax"])
    deadline = loop.time() + 5
    while True:
        assert loop.time() < deadline
        try:
            await sources.ask("tax", ANNA, TODAY)
            break
        except SourceUnavailable:
            await asyncio.sleep(0.01)
    for _ in range(3):
        await sources.ask("tax", ANNA, TODAY)
    await sources.close()


async def test_failures_that_are_not_in_a_row_close_nothing(server: Server, sources: Sources) -> None:
    for _ in range(FAILURES):
        server.answers(b"", status="503 Service Unavailable")
        with pytest.raises(SourceUnavailable, match="503"):
            await sources.ask("tax", ANNA, TODAY)
        server.knows(BRAM, **NOTHING["tax"])  # it is there, and wrong
        with pytest.raises(WrongAnswer):
            await sources.ask("tax", ANNA, TODAY)
    assert len(server.asked) == 2 * FAILURES


async def test_a_failing_source_is_logged_once_a_minute_without_the_number(
    server: Server, sources: Sources, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers(b"", status="503 Service Unavailable")
    with caplog.at_level(logging.DEBUG):
        for _ in range(FAILURES + 3):
            with pytest.raises(SourceUnavailable):
                await sources.ask("tax", ANNA, TODAY)
        with pytest.raises(SourceUnavailable):
            await sources.ask("language", ANNA, TODAY)
    lines = [str(record.msg) + str(record.args) for record in caplog.records]
    assert not [line for line in lines if ANNA in line]
    assert len([line for line in lines if "source does not answer" in line]) == 2


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Child]:
    """The demo's sources, as the demo runs them."""
    port = free_port()
    command = [sys.executable, "-m", "deploy.embedded.sources", str(tmp_path / "people"), str(port)]
    child = Child(Part("sources", command, lambda: answers(port)), tmp_path, lambda line: None, lambda: None)
    await child.start()
    yield child
    await child.stop()


def of(simulator: Child) -> str:
    return f"http://127.0.0.1:{simulator.part.command[-1]}"


async def put(simulator: Child, number: str, person: Any) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.put(f"{of(simulator)}/persons/{number}", json=person)).status_code


async def all_of(address: str, number: str) -> dict[str, Any]:
    sources = Sources(address)
    facts = {service: await sources.ask(service, number, TODAY) for service in SERVICES}
    await sources.close()
    return facts


ALL = {
    "born_on": "1985-02-23",
    "residence": "population_register",
    "stays": [{"municipality": "24062", "from": "2012-01-01", "until": None, "member": "p1"}],
    "incomes": [{"year": 2023, "jointly_taxable": "21000.00"}],
    "real_rights": [
        {"right": "full_ownership", "object": "dwelling", "exception": "separation", "proof": "uploaded"},
        {"right": "full_ownership", "object": "dwelling", "country": "FR"},
    ],
    "recognised_handicap": True,
    "dependant": False,
    "language": "known",
}


async def test_the_demos_sources_know_whom_they_were_given_and_nobody_else(simulator: Child) -> None:
    assert await put(simulator, ANNA, ALL) == 204
    assert await put(simulator, UNDATED, {"born_on": "2000-00-00"}) == 204
    address = of(simulator)
    assert await all_of(address, ANNA) == all_facts(KNOWN)
    assert await all_of(address, UNDATED) == all_facts(NOTHING)
    assert await all_of(address, BRAM) == dict.fromkeys(SERVICES)
    assert await put(simulator, ANNA, {"dependant": True}) == 204
    assert await all_of(address, ANNA) == all_facts(NOTHING) | {
        "social_security": {"recognised_handicap": False, "dependant": True}
    }


async def test_the_demos_sources_remember_over_a_restart_what_can_be_and_log_no_number(simulator: Child) -> None:
    assert await put(simulator, ANNA, ALL) == 204
    for number, wrong in (
        (ANNA, {"income": "1.00"}),
        (ANNA, {"away": {"weather": 1}}),
        (ANNA, {"away": {"tax": -1}}),
        (ANNA, []),
        (ANNA[:-1] + "4", {}),
        (ANNA[:-1], {}),
        ("0" * 10 + "x", {}),
    ):
        assert await put(simulator, number, wrong) == 422
    await simulator.stop()
    await simulator.start()
    assert await all_of(of(simulator), ANNA) == all_facts(KNOWN)
    assert ANNA not in simulator.log.read_text()


async def test_the_demos_sources_are_away_as_often_as_they_were_told(simulator: Child) -> None:
    assert await put(simulator, ANNA, {"away": {"tax": 2}}) == 204
    sources = Sources(of(simulator))
    for _ in range(2):
        with pytest.raises(SourceUnavailable, match="tax: status 503"):
            await sources.ask("tax", ANNA, TODAY)
        await simulator.stop()
        await simulator.start()
        assert await sources.ask("language", ANNA, TODAY) == NOTHING["language"]
    assert await sources.ask("tax", ANNA, TODAY) == NOTHING["tax"]
    await sources.close()
