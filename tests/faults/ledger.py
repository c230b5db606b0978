"""What must be true of every household whatever happened to the processes, seen from outside: API, mailbox, databases, topics."""

import asyncio
import json
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import asyncpg
from aiokafka import AIOKafkaConsumer

from cir_chassis.topics import DEAD_LETTERS
from cir_schemas import EVENTS
from cir_schemas.envelope import Snapshot
from deploy.embedded.demo import NotAsPromised, Register, until
from tests.faults.households import Case

COMPANY = "dijledal"
SNAPSHOTS = {kind.type for kind in EVENTS if issubclass(kind, Snapshot)}
TOPICS = sorted({kind.topic for kind in EVENTS})
BEHIND = re.compile("cir_outbox_unsent|cir_consumer_lag")
NEWEST, NO_EVENT_LOST = "newest facts, status as the law says", "nothing lost"
TOLD, ORDER = "each message once", "order kept"


class Stands(Protocol):
    """The register, embedded or in containers, as far as one must look into it."""

    services: tuple[str, ...]
    ports: dict[str, int]

    def database(self, service: str) -> str: ...


class Ledger:
    """The dossiers of some households, by id."""

    def __init__(self, stack: Stands, register: Register, dossiers: Mapping[str, Case], patience: float = 90) -> None:
        """patience: seconds for each promise to come true."""
        self._stack, self._register, self._dossiers, self._patience = stack, register, dossiers, patience

    async def check(self) -> dict[str, str]:
        """promise → "" where it holds, else what does not."""
        promises: dict[str, Callable[[], Awaitable[None]]] = {
            NO_EVENT_LOST: self._all_that_was_said_is_in_kafka_and_heard,  # then nothing comes any more, but a mail
            NEWEST: self._each_stands_as_the_law_says,
            TOLD: self._each_is_told_once,
            "on the list": self._the_list_holds_the_registered,
            ORDER: self._versions_rise,
            "assessed once": self._no_facts_were_assessed_twice,
            "nothing parked": self._nothing_is_parked,
        }
        found: dict[str, str] = {}
        for promise, holds in promises.items():
            try:
                await holds()
                found[promise] = ""
            except (NotAsPromised, AssertionError) as error:
                found[promise] = str(error) or repr(error)
        return found

    async def _read(self, id: str) -> Any:
        return await self._register.get("dossier", f"/v1/dossiers/{id}", case_worker=COMPANY)

    async def _each_stands_as_the_law_says(self) -> None:
        await asyncio.gather(*(self._stands(id, case) for id, case in self._dossiers.items()))

    async def _stands(self, id: str, case: Case) -> None:
        async def stands() -> bool:
            dossier = await self._read(id)
            newest = dossier["assessed_version"] == dossier["facts_version"] == case.facts_version
            return (dossier["pending"], dossier["status"], newest) == ([], case.status, True)

        await until(stands, f"{case.name} is not {case.status}", self._patience)
        assessment = (await self._read(id))["assessment"]
        for key in ("outcome", "conditions", "asks", "could_claim"):
            assert assessment[key] == case.verdict[key], case.name

    async def _each_is_told_once(self) -> None:
        waits = dict(self._dossiers)

        async def all_told() -> bool:
            boxes = {(mail["message_id"], mail["to"]) for mail in await self._register.get("mails", "/messages")}
            told = await asyncio.gather(*(self._is_told(id, case, boxes) for id, case in waits.items()))
            for id in [id for id, yes in zip(list(waits), told, strict=True) if yes]:
                del waits[id]
            return not waits

        try:
            await until(all_told, "", self._patience)
        except NotAsPromised:
            raise NotAsPromised(f"not told exactly what is due: {[case.name for case in waits.values()]}") from None
        came = Counter(mail["to"] for mail in await self._register.get("mails", "/messages"))
        due = Counter(to for case in self._dossiers.values() for _, _, to in case.mails)
        assert {to: came[to] for to in due} == due
        helps = [case.post["help"] for case in self._dossiers.values() if case.post["help"]]
        assert not {one["email"] for one in helps if not one["inform"]} & set(came), "a helper was told without consent"

    async def _is_told(self, id: str, case: Case, boxes: set[tuple[str, str]]) -> bool:
        """Exactly the mails that are due, one per (event, recipient)."""
        addresses = {audience: to for audience, _, to in case.mails}
        messages = await self._register.messages(id, COMPANY)
        assert len({(m["event"], m["audience"], m["channel"]) for m in messages}) == len(messages)
        sent = [m for m in messages if m["channel"] == "email"]
        came = [(m["audience"], m["kind"], addresses.get(m["audience"], "nobody")) for m in sent]
        return sorted(came) == case.mails and all((m["message_id"], addresses[m["audience"]]) in boxes for m in sent)

    async def _the_list_holds_the_registered(self) -> None:
        numbers = {id: (await self._read(id))["number"] for id in self._dossiers}
        assert len(set(numbers.values())) == len(self._dossiers), "two dossiers have one number"
        registered = {numbers[id] for id, case in self._dossiers.items() if case.status == "registered"}

        async def holds() -> bool:
            there = await self._register.get("priority", "/v1/waiting-list?municipality=24062", case_worker=COMPANY)
            return registered == {place["dossier"] for place in there} & set(numbers.values())

        await until(holds, "the waiting list does not hold exactly the registered", self._patience)

    async def _all_that_was_said_is_in_kafka_and_heard(self) -> None:
        async def at_rest() -> bool:
            for service in self._stack.services * 2:  # who says before who hears; dossier and eligibility do both
                told = (await self._register.call("GET", service, "/metrics")).text
                if [line for line in told.splitlines() if BEHIND.match(line) and not line.endswith(" 0.0")]:
                    return False
            return True

        await until(at_rest, "some events are still in an outbox, or not heard", self._patience)
        said = await self._rows("outbox", "headers::jsonb->>'ce_id' AS id", "key = ANY($1::text[])")
        there = {headers["ce_id"] for headers, _ in await self._heard(TOPICS)}
        lost = {row["id"] for row in said} - there
        assert not lost, f"{len(lost)} of {len(said)} events were said and are not in Kafka"

    async def _versions_rise(self) -> None:
        """A repeat may come late; what came for the first time came in order."""
        versions: dict[tuple[str, str], list[int]] = defaultdict(list)
        seen: set[str] = set()
        for headers, payload in await self._heard(TOPICS):
            if headers["ce_type"] in SNAPSHOTS and headers["ce_id"] not in seen:
                seen.add(headers["ce_id"])
                versions[headers["ce_type"], headers["ce_subject"]].append(payload["version"])
        wrong = {key for key, rising in versions.items() if rising != sorted(rising)}
        assert not wrong, f"out of order: {wrong}"

    async def _no_facts_were_assessed_twice(self) -> None:
        rows = await self._rows(
            "assessments",
            "dossier, facts_version, test, household ->> 'moment'",  # as a draft, for its test, then for information
            "dossier::text = ANY($1::text[])",
            "eligibility",
        )
        twice = [key for key, times in Counter(tuple(row.values()) for row in rows).items() if times > 1]
        assert not twice, f"assessed more than once: {twice}"

    async def _nothing_is_parked(self) -> None:
        parked = [headers for headers, _ in await self._heard([topic + DEAD_LETTERS for topic in TOPICS])]
        assert not parked, f"parked: {[headers['dlq_reason'] for headers in parked]}"

    async def _rows(self, table: str, columns: str, where: str, *services: str) -> list[Any]:
        found: list[Any] = []
        for service in services or ("dossier", "eligibility"):
            connection = await asyncpg.connect(self._stack.database(service))
            try:
                query = f"SELECT {columns} FROM {table} WHERE {where}"
                found += await connection.fetch(query, list(self._dossiers))
            finally:
                await connection.close()
        return found

    async def _heard(self, topics: list[str]) -> list[tuple[dict[str, str], Any]]:
        """Headers and payload of every message of ours, in each partition's order."""
        consumer = AIOKafkaConsumer(
            *topics, bootstrap_servers=f"127.0.0.1:{self._stack.ports['kafka']}", auto_offset_reset="earliest"
        )
        heard: list[tuple[dict[str, str], Any]] = []
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        headers = {name: text.decode() for name, text in record.headers}
                        if headers.get("ce_subject") in self._dossiers:
                            heard.append((headers, json.loads(record.value)))
        finally:
            await consumer.stop()
        return heard
