"""`make doctor`: what is away, behind, dead-lettered or not mailed in the register that runs here, and what to do about each.

Exit codes: 0 all is well, 1 something needs somebody, 2 no register runs here.
"""

import asyncio
import json
import logging
import os
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka.errors import KafkaError
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from cir_chassis.bus import Bus
from cir_chassis.dead_letters import DeadLetters
from deploy.embedded import SERVICES, demo_folder

PATIENCE = 10.0  # seconds for an answer
LATE, UNSENT, AGAIN = 10.0, 30.0, 3.0  # seconds: an event in an outbox, a mail; until what is behind is looked at again
LOGS = {"database": "postgres", "kafka": "kafka", "topics": "kafka"}
Needs = list[tuple[str, str]]
"""(what is wrong, what to do about it) each."""


@dataclass
class Found:
    """How one service is: what its row of the table says, and what needs somebody."""

    answers: str = "no"
    outbox: str = "?"
    lag: str = "?"
    parked: str = "?"
    mails: str = "?"
    needs: Needs = field(default_factory=list)


class Doctor:
    """Looks at the stack of a folder. addresses: as in its addresses.json."""

    def __init__(self, folder: Path, addresses: dict[str, Any]) -> None:
        self._folder, self._addresses = Path(os.path.relpath(folder)), addresses
        self._http = httpx.AsyncClient(trust_env=False, timeout=PATIENCE)

    async def examine(self) -> dict[str, Found]:
        """Every service, at the same time."""
        async with self._http:
            found = await asyncio.gather(*(self._service(name) for name in SERVICES))
        return dict(zip(SERVICES, found, strict=True))

    async def _service(self, name: str) -> Found:
        found = Found()
        try:
            ready = (await self._http.get(f"{self._addresses[name]}/health/ready")).json()
            found.answers = ready["status"]
            for what, why in ready["unavailable"].items():
                if what == "events":
                    do = f"its log says which error comes again: {self._folder}/logs/{name}.log; then start it again"
                    found.needs.append((f"{name}: no event took effect for a minute, while some wait ({why})", do))
                    continue
                whose, log = ("" if what == "kafka" else f"{name}: "), self._folder / f"logs/{LOGS[what]}.log"
                do = f"nothing is lost, and all goes on by itself when it is back; see {log}"
                found.needs.append((f"{whose}{what} away ({why})", do))
            await self._figures(name, found)
            if "kafka" not in ready["unavailable"]:
                if found.lag == "?":
                    found.needs.append((f"{name}: how far it is behind is not known", "ask again"))
                await self._parked(name, found)
        except httpx.HTTPError as error:
            pid = self._addresses["pids"].get(name)
            do = f"if it hangs: kill -9 {pid}, and it is started again" if pid else "it is being started again"
            log = self._folder / f"logs/{name}.log"
            found.needs.append((f"{name} does not answer ({type(error).__name__})", f"{do}; see {log}"))
        if name == "notifications":
            await self._mails(found)
        return found

    async def _figures(self, name: str, found: Found) -> None:
        figures = await self._scrape(name)
        unsent, age = figures["cir_outbox_unsent"][""], figures["cir_outbox_oldest_seconds"][""]
        found.outbox = f"{unsent:.0f}, oldest {age:.0f} s" if unsent else "empty"
        if unsent and age > LATE:
            do = "is Kafka there? After `replay` it is normal. Else look for `relay failed` in "
            what = f"{name}: {unsent:.0f} events are not in Kafka, the oldest for {age:.0f} s"
            found.needs.append((what, f"{do}{self._folder}/logs/{name}.log"))
        lags = figures["cir_consumer_lag"]
        found.lag = ", ".join(f"{topic} {lag:.0f}" for topic, lag in lags.items() if lag) or ("none" if lags else "?")
        if any(lags.values()):
            await asyncio.sleep(AGAIN)
            now = (await self._scrape(name))["cir_consumer_lag"]
            for topic in (topic for topic, lag in lags.items() if lag and now.get(topic, 0) >= lag):
                do = f"busy: start a replica. Standing still: see {self._folder}/logs/{name}.log, then start it again"
                found.needs.append((f"{name} is {now[topic]:.0f} events behind on {topic}, and not catching up", do))

    async def _scrape(self, name: str) -> dict[str, dict[str, float]]:
        """Metric → topic, or "" where it has none → figure."""
        answer = await self._http.get(f"{self._addresses[name]}/metrics")
        figures: dict[str, dict[str, float]] = {"cir_consumer_lag": {}}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                figures.setdefault(sample.name, {})[sample.labels.get("topic", "")] = sample.value
        return figures

    async def _parked(self, name: str, found: Found) -> None:
        told = (await self._http.get(f"{self._addresses[name]}/asyncapi.json")).json()["operations"].values()
        topics = {one["channel"]["$ref"].rpartition("/")[2] for one in told if one["action"] == "receive"}
        kafka = self._addresses["kafka"]
        try:
            letters = DeadLetters(name, kafka, Bus(kafka, name, owns=(), consumes=()), topics).open()
            parked = await asyncio.wait_for(letters, PATIENCE)
        except (KafkaError, TimeoutError) as error:
            found.needs.append((f"{name}: what is parked is not known ({type(error).__name__})", "ask again"))
            return
        found.parked = str(len(parked))
        for letter in parked:
            command = f"CIR_SETTINGS_FILE={self._folder}/{name}.toml .venv/bin/python -m {name} dlq"
            kind = letter.headers.get("ce_type", "an event")
            what = f"{name}: {kind} is parked since {letter.at[:19]}: {letter.reason}"
            found.needs.append((what, f"{command} show {letter.id}    then retry or drop in the place of show"))

    async def _mails(self, found: Found) -> None:
        settings = tomllib.loads((self._folder / "notifications.toml").read_text())
        try:
            connection = await asyncpg.connect(settings["database_url"], timeout=PATIENCE)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            do = f"is its database there? See {self._folder}/logs/postgres.log"
            found.needs.append((f"notifications: which mails wait is not known ({type(error).__name__})", do))
            return
        try:
            waiting = await connection.fetch(
                "SELECT message_id, kind, at, tries, now() - at > make_interval(secs => $1) AS long FROM messages"
                " WHERE state = 'waiting' ORDER BY at",
                UNSENT,
            )
        finally:
            await connection.close()
        found.mails = f"{len(waiting)} waiting" if waiting else "none"
        for mail in (mail for mail in waiting if mail["long"]):
            what = f"mail {mail['message_id']} ({mail['kind']}) waits since {mail['at']:%Y-%m-%d %H:%M:%S}"
            do = f"tried {mail['tries']} times; is {settings['smtp']} (CIR_SMTP) there? See {self._folder}/logs/notifications.log"
            found.needs.append((what, do))


async def main() -> int:
    """Look, tell, and say whether somebody is needed."""
    folder, console = demo_folder(), Console(highlight=False)
    try:
        addresses = json.loads((folder / "addresses.json").read_text())
    except FileNotFoundError:
        console.print(f"No register runs in {folder}: start it with `make demo`.", soft_wrap=True)
        return 2
    found = await Doctor(folder, addresses).examine()
    if all(one.answers == "no" for one in found.values()):
        console.print(f"No service of {folder} answers: start them with `make demo`.", soft_wrap=True)
        return 2
    table = Table("service", "ready", "outbox", "lag", "parked", "mails")
    for name, one in found.items():
        mails = one.mails if name == "notifications" else ""
        table.add_row(name, one.answers, one.outbox, one.lag, one.parked, mails)
    console.print(table)
    needs = dict(need for one in found.values() for need in one.needs)  # that Kafka is away, each tells
    for what, do in needs.items():
        console.print(f"{what}\n    {do}", soft_wrap=True, markup=False)
    console.print("Somebody is needed." if needs else "All is well.")
    return 1 if needs else 0


if __name__ == "__main__":
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it complains of is told here
    sys.exit(asyncio.run(main()))
