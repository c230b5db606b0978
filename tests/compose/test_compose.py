"""In containers, as production runs it, the register keeps its promises; and what it is told wrongly, it says."""

import asyncio
import json
import re
import stat
import subprocess
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator
from rich.console import Console

from deploy.compose.stack import Stack
from deploy.embedded import ROOT, SERVICES, CannotStart
from deploy.embedded.demo import COMPANIES, Register, expect, play, until
from tests.offline.engine import run

TOPICS = ["cir.household.v1", "cir.dossier.v1", "cir.eligibility.v1"]
SCHEMAS = ROOT / "schemas/released/v1"
CANDIDACY = {
    "version": 1,
    "status": "registered",
    "number": "2024.03.20.9001",
    "registered_on": "2024-03-20",
    "company": COMPANIES["24062"],
    "municipality": "24062",
    "persons": 1,
    "wants": [{"municipality": "24062"}],
}


@pytest.fixture(scope="session")
async def played(register: Register) -> Any:
    return await play(register, Console(quiet=True))


async def test_the_sources_know_the_samples_and_nobody_else(register: Register, played: Any) -> None:
    number = next(one.sample.applicant for one in played if one.sample.name == "01_single")
    for asked, known in ((number, True), ("85622300173", False)):
        answer = await register.call("POST", "sources", "/services/tax", json={"number": asked})
        assert expect(answer, 200).json()["known"] is known


async def heard(stack: Stack, *topics: str) -> list[Any]:
    """Every record there is, by a consumer that knows nothing of ours."""
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=stack.addresses["kafka"], group_id=None, auto_offset_reset="earliest"
    )
    async with consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        records: list[Any] = []
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for some in (await consumer.getmany(timeout_ms=500)).values():
                records += some
    return records


async def say(stack: Stack, dossier: str, source: str = "/dossier", **data: Any) -> str:
    """A candidacy as a program that is not ours publishes it; its id. source: the service that it speaks for."""
    id = str(uuid4())
    attributes = {
        "id": id,
        "type": "cir.dossier.v1.CandidacyRecorded",
        "source": source,
        "subject": dossier,
        "time": datetime.now(UTC),
        "datacontenttype": "application/json",
    }
    message = to_binary(
        CloudEvent(attributes, CANDIDACY | {"dossier": dossier} | data), JSONFormat(), lambda event: dossier
    )
    async with AIOKafkaProducer(bootstrap_servers=stack.addresses["kafka"]) as producer:
        await producer.send_and_wait(TOPICS[1], message.value, dossier.encode(), headers=list(message.headers.items()))
    return id


def inspected(stack: Stack, part: str) -> Any:
    """A container as the engine has it, one that ended as well."""
    [found] = json.loads(run("docker", "inspect", stack.compose("ps", "--all", "--quiet", part).stdout.strip()))
    return found


async def waiting_list(register: Register) -> set[str]:
    places = await register.get("priority", "/v1/waiting-list?municipality=24062", case_worker=COMPANIES["24062"])
    return {place["dossier"] for place in places}


async def test_every_candidate_stands_in_containers_as_without_them(played: Any) -> None:
    assert not [f"{one.sample.name}: {one.missing}" for one in played if one.missing]


async def test_a_click_on_the_start_page_logs_in_to_every_services_pages(stack: Stack, played: Any) -> None:
    number = next(one.dossier["number"] for one in played if one.sample.name == "01_single")
    asked = {"Accept": "text/html", "Accept-Language": "nl"}
    async with httpx.AsyncClient(trust_env=False, timeout=30, headers=asked, follow_redirects=True) as browser:
        start = await browser.get(stack.addresses["pages"])
        [link] = re.findall(r'href="([^"]+)" data-person="candidate-85622310269"', start.text)
        his = await browser.get(urljoin(str(start.url), unescape(link)))
        assert (his.status_code, number in his.text, "Lotte Claes" in his.text) == (200, True, True), his.text
        for service, path, page in (
            ("priority", "/place", "place"), ("notifications", "/messages", "messages"), ("eligibility", "/check", "check"),
        ):  # fmt: skip
            found = await browser.get(stack.addresses[service] + path)
            assert (found.status_code, f'data-page="{page}"' in found.text) == (200, True), service
            assert "Lotte Claes" in found.text, service
        left = await browser.get(stack.addresses["dossier"] + "/logout")
        assert ('data-page="start"' in left.text, "Lotte Claes</li>" in left.text) == (True, False)


async def reviewed(register: Register, dossier: str) -> None:
    """A request about its housing situation, at the counter, and its review."""
    company = {"case_worker": "dijledal"}
    body = {"dossier": dossier, "text": "The roof leaks."}
    asked = expect(await register.call("POST", "priority", "/v1/situations", json=body, **company), 201).json()["id"]
    review = {"decision": "refused", "reasons": "It was mended."}
    expect(await register.call("POST", "priority", f"/v1/situations/{asked}/review", json=review, **company), 200)


async def said(stack: Stack, topic: str) -> bool:
    return bool(await heard(stack, topic))


async def test_a_public_sdk_reads_every_event_and_each_is_as_its_schema_was_released(
    stack: Stack, register: Register, played: Any
) -> None:
    await reviewed(register, next(one.id for one in played if COMPANIES[one.sample.post["municipality"]] == "dijledal"))
    await until(lambda: said(stack, "cir.priority.v1"), "no review is said")
    read = set()
    for record in await heard(stack, *TOPICS, "cir.priority.v1"):
        headers = dict(record.headers)
        assert headers["ce_specversion"] == b"1.0"  # the SDK would take it for granted
        event = from_binary(KafkaMessage(headers, record.key, record.value), JSONFormat())
        schema = json.loads((SCHEMAS / f"{event.get_type().rpartition('.')[2]}.json").read_text())
        Draft202012Validator(schema).validate(event.get_data())
        read.add(record.topic)
    assert read == {*TOPICS, "cir.priority.v1"}


async def test_a_producer_that_is_not_ours_is_heard_and_what_is_wrong_is_parked_with_its_reason(
    stack: Stack, register: Register, played: Any
) -> None:
    right, wrong = str(uuid4()), str(uuid4())
    strange = await say(stack, str(uuid4()), "/somebody/else", number="2024.03.20.9003")
    parked = await say(stack, wrong, persons="many", number="2024.03.20.9002")
    await say(stack, right)

    async def taken() -> bool:
        return "2024.03.20.9001" in await waiting_list(register)

    await until(taken, "priority did not take the right one")
    assert not {"2024.03.20.9002", "2024.03.20.9003"} & await waiting_list(register)
    letters = [dict(record.headers) for record in await heard(stack, f"{TOPICS[1]}.dlq")]
    mine = {one["ce_id"].decode(): one["dlq_reason"] for one in letters if one["dlq_service"] == b"priority"}
    assert mine[parked] == b"wrong fields: persons: int_parsing"
    assert mine[strange] == b"ce_source is not the owner of the topic"
    told = stack.compose("exec", "-T", "priority", "python", "-m", "priority", "dlq", "list").stdout
    assert "wrong fields: persons" in told


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reaches_its_own_database_and_no_other(stack: Stack, service: str) -> None:
    await (await asyncpg.connect(stack.database(service))).close()
    for other in {*SERVICES, "postgres"} - {service}:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(stack.database(other, of=service))


@pytest.mark.parametrize("part", [*SERVICES, "kafka", "postgres", "login", "mails", "sources"])
def test_a_container_is_not_root_changes_nothing_where_it_runs_and_gains_no_right(stack: Stack, part: str) -> None:
    host = inspected(stack, part)["HostConfig"]
    assert (host["CapDrop"], host["CapAdd"], host["ReadonlyRootfs"]) == (["ALL"], None, True)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    tried = (
        "id -u; touch /tmp/x && echo writes; grep -E '^(CapBnd|CapEff|NoNewPrivs)' /proc/self/status; touch /x /etc/x"
    )
    within = stack.compose("exec", "-T", part, "sh", "-c", tried, check=False)
    user, *others = within.stdout.split()
    assert user == "10001" if part in SERVICES else user != "0"
    assert others == ["writes", "CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"]
    assert within.stderr.count("Read-only file system") == 2


def test_a_container_is_given_its_own_secret_alone(stack: Stack) -> None:
    own = {service: [f"{service}.toml"] for service in SERVICES}
    own |= {f"{service}-migrate": files for service, files in own.items()} | {"postgres": ["postgres", "roles"]}
    for part in (*own, "kafka", "login", "mails", "sources"):
        mounted = [
            mount for mount in inspected(stack, part)["Mounts"] if "/secrets/" in mount["Source"] + mount["Destination"]
        ]
        assert sorted(Path(mount["Source"]).name for mount in mounted) == own.get(part, [])
        assert not [mount for mount in mounted if mount["RW"]]
    there = stack.compose("exec", "-T", "postgres", "sh", "-c", "ls /run/secrets; cat /run/secrets/*").stdout
    assert there.split()[:2] == ["postgres", "roles"]
    assert "person_key" not in there


def test_the_secrets_are_their_owners_alone_but_for_who_is_given_one(stack: Stack) -> None:
    folder = stack.folder / "secrets"
    assert stat.filemode(folder.stat().st_mode) == "drwx------"
    assert {stat.filemode(file.stat().st_mode) for file in folder.iterdir()} == {"-rw-r--r--"}


@pytest.mark.parametrize("service", ["dossier", "notifications"])
async def test_a_database_a_migration_ahead_or_behind_is_refused_by_name(stack: Stack, service: str) -> None:
    """The schema itself is left alone: what counts is what the database says of itself."""
    stack.compose("stop", service)
    connection = await asyncpg.connect(stack.database(service))
    try:
        now = await connection.fetchval("SELECT version_num FROM alembic_version")
        for stands in ("20991231_ahead", None):
            await connection.execute("DELETE FROM alembic_version")
            if stands:
                await connection.execute("INSERT INTO alembic_version VALUES ($1)", stands)
            for step in (service, f"{service}-migrate") if stands else (service,):
                begun = await asyncio.to_thread(stack.compose, "run", "--rm", "--no-deps", "-T", step, check=False)
                assert begun.returncode == 1
                assert (
                    f"the database stands at migration {stands}, this build at {now}" in begun.stderr.splitlines()[-1]
                )
    finally:
        await connection.execute("DELETE FROM alembic_version")
        await connection.execute("INSERT INTO alembic_version VALUES ($1)", now)
        await connection.close()
        stack.compose("up", "--detach", "--wait", "--no-recreate", service)


def test_compose_without_what_it_must_be_told_says_what_is_missing(tmp_path: Path, stack: Stack) -> None:
    def compose(**told: str) -> str:
        environment = tmp_path / "env"
        environment.write_text("".join(f"{name}={value}\n" for name, value in told.items()))
        command = [
            "docker",
            "compose",
            "--project-name",
            "cir-bare",
            "--env-file",
            str(environment),
            "config",
            "--quiet",
        ]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stderr

    told = {"CIR_ISSUER": "https://login.example", "CIR_AUDIENCE": "cir", "CIR_SMTP": "relay:25"}
    told |= {"CIR_MAIL_FROM": "register@cir.example", "CIR_SECRETS": str(tmp_path)}
    told |= {"CIR_PUBLIC_URL": "https://mails.example", "CIR_REGISTER_URL": "https://register.example"}
    told |= {"CIR_SOURCES": "https://sources.example"}
    assert compose(**told) == ""
    for name in told:
        assert name in compose(**{other: value for other, value in told.items() if other != name})


def test_a_secret_that_is_not_there_stops_the_start_and_is_named(stack: Stack) -> None:
    secret = stack.folder / "secrets" / "priority.toml"
    away = secret.rename(secret.with_suffix(".away"))
    try:
        with pytest.raises(CannotStart, match=r"priority\.toml"):
            stack.compose("run", "--rm", "--no-deps", "-T", "priority")
    finally:
        away.rename(secret)
