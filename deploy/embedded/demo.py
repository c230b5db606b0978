"""Plays the sample candidates over HTTP, each as the people concerned would; played again, it continues where it was.

A call that meets a service on its way back is made again: the Idempotency-Key, derived from the sample's name, makes that
safe. Every wait ends at a deadline.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Self

import httpx
import yaml
from rich.console import Console
from rich.live import Live
from rich.table import Table

from deploy.embedded import ROOT
from deploy.embedded.samples import PEOPLE, SAMPLES, Sample
from deploy.token import token

COMPANIES = {
    municipality: name
    for name, company in yaml.safe_load((ROOT / "services/dossier/companies.yaml").read_text()).items()
    for municipality in company["municipalities"]
}

AGREEMENT: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("agreement.yaml").read_text())
DESK = ("01_single", "20_debt_settlement_unproven")
RELATION = {"candidate": "person", "case_worker": "company", "council": "company", "helper": "organisation"}


class NotAsPromised(Exception):
    """The register answered something else than it promises, or too late."""


class Register:
    """The register as its users reach it. addresses: as in `.demo/addresses.json`."""

    def __init__(self, addresses: Mapping[str, Any], patience: float = 60.0) -> None:
        self.addresses, self.patience = addresses, patience
        self._tokens: dict[tuple[str, str], str] = {}
        self._few = asyncio.Semaphore(8)  # two cores are shared with everything that answers

    async def __aenter__(self) -> Self:
        self.http = httpx.AsyncClient(trust_env=False, timeout=30)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def call(
        self,
        method: str,
        service: str,
        path: str,
        *,
        candidate: str | None = None,
        case_worker: str | None = None,
        council: str | None = None,
        helper: str | None = None,
        **request: Any,
    ) -> httpx.Response:
        """The answer, whatever its status, but for 503: asked again until the service is there.

        candidate: his number, case_worker or council: the company, helper: the organisation; none: without a token.
        """
        deadline = monotonic() + self.patience
        headers = {
            **request.pop("headers", {}),
            **await self._bearer(candidate=candidate, case_worker=case_worker, council=council, helper=helper),
        }
        while True:
            try:
                async with self._few:
                    url = self.addresses[service] + path
                    answer = await self.http.request(method, url, headers=headers, **request)
                if answer.status_code != 503:
                    return answer
            except httpx.TransportError as error:
                if monotonic() > deadline:
                    raise NotAsPromised(f"{service} does not answer: {error!r}") from error
            if monotonic() > deadline:
                raise NotAsPromised(f"{method} {path}: {answer.status_code} {answer.text}")
            await asyncio.sleep(0.2)

    async def get(self, service: str, path: str, **who: Any) -> Any:
        """What is there, as JSON; anything but 200 is `NotAsPromised`."""
        return expect(await self.call("GET", service, path, **who), 200).json()

    async def messages(self, dossier: str, company: str) -> list[dict[str, Any]]:
        """What was made to be told of a dossier; none as long as notifications has not heard of it."""
        path = f"/v1/messages?dossier={dossier}"
        answer = expect(await self.call("GET", "notifications", path, case_worker=company), 200, 404)
        return list(answer.json()) if answer.status_code == 200 else []

    async def _bearer(self, **roles: str | None) -> dict[str, str]:
        held = [(role, who) for role, who in roles.items() if who is not None]
        if not held:
            return {}
        if held[0] not in self._tokens:
            role, who = held[0]
            async with self._few:
                self._tokens[held[0]] = await asyncio.to_thread(
                    token, self.addresses["login"], role, **{RELATION[role]: who}
                )
        return {"Authorization": f"Bearer {self._tokens[held[0]]}"}


async def until(holds: Callable[[], Awaitable[bool]], otherwise: str, patience: float = 60) -> None:
    """Ask until it holds; `NotAsPromised` with this text when patience, in seconds, ends."""
    deadline = monotonic() + patience
    while not await holds():
        if monotonic() > deadline:
            raise NotAsPromised(otherwise)
        await asyncio.sleep(0.2)


def expect(answer: httpx.Response, *statuses: int) -> httpx.Response:
    if answer.status_code not in statuses:
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise NotAsPromised(f"{asked}: {answer.status_code}, not {statuses}: {answer.text}")
    return answer


@dataclass
class Played:
    """One sample in the register. missing: what still differs from what is expected; mails: (audience, kind, to)."""

    sample: Sample
    id: str = ""
    dossier: dict[str, Any] = field(default_factory=dict)
    mails: list[tuple[str, str, str]] = field(default_factory=list)
    missing: str = "not sent yet"

    @property
    def waits(self) -> bool:
        """Does the register wait for a person or a source? Then no assessment counts, and no papers are asked."""
        return any(what != "assessment" for what in self.dossier.get("pending", []))

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """Number and note, status, reasons in words, what is asked, mails by audience."""
        assessment = {} if self.waits else self.dossier.get("assessment") or {}
        waits = [what.replace(":", " of ") for what in self.dossier.get("pending", []) if ":" in what]
        bring = [*assessment.get("asks", []), *assessment.get("could_claim", [])]
        asks = list(dict.fromkeys(f"{ask['fact']} of {ask['person']}" for ask in bring))
        return (
            f"{self.dossier.get('number') or '…'}  {self.sample.note}",
            str(self.dossier.get("status", "…")).replace("_", " ") + (f" ({self.missing})" if self.missing else ""),
            " ".join(assessment.get("say", {}).get("en", [])) or ("Every condition is met." if assessment else ""),
            ", ".join(waits + asks),
            "; ".join(
                f"{audience}: {', '.join(kind for who, kind, _ in self.mails if who == audience)}"
                for audience in dict.fromkeys(who for who, _, _ in self.mails)
            ),
        )


async def send(register: Register, sample: Sample) -> str:
    """Let the sources know the members, then start, submit and confirm; the dossier's id."""
    if "sources" in register.addresses:
        for number, person in sample.known.items():
            expect(await register.call("PUT", "sources", f"/persons/{number}", json=person), 204)
    company = COMPANIES[sample.post["municipality"]]
    who = {"candidate": sample.applicant} if sample.by == "candidate" else {"case_worker": company}
    key = {"Idempotency-Key": f"sample-{sample.name}"}
    answer = await register.call("POST", "dossier", "/v1/dossiers", json=sample.post, headers=key, **who)
    id: str = expect(answer, 201).json()["id"]
    path = f"/v1/dossiers/{id}"
    if (await register.get("dossier", path, **who))["status"] == "draft":
        expect(await register.call("POST", "dossier", f"{path}/submission", **who), 202)

    async def invited() -> bool:
        """Who has an email of his own is invited there, and confirms after that."""
        told = [one["state"] for one in await register.messages(id, company) if one["kind"] == "member_invited"]
        return len(told) == len(sample.emails) and "waiting" not in told

    if sample.emails:
        await until(invited, "a member was not invited", register.patience)
    for member in sample.confirm:
        himself = sample.by == "candidate"
        by = {"candidate": sample.numbers[member]} if himself else {"case_worker": company, "json": {"on_paper": True}}
        expect(await register.call("POST", "dossier", f"{path}/members/{member}/confirmation", **by), 204)
    return id


async def bring(register: Register, played: Played) -> None:
    """A case worker enters what the family brings: all that is asked, and nothing that is not, or could not be claimed."""
    sample, path, dossier = played.sample, f"/v1/dossiers/{played.id}", dict[str, Any]()
    case_worker = {"case_worker": COMPANIES[sample.post["municipality"]]}

    async def assessed() -> bool:
        dossier.update(await register.get("dossier", path, **case_worker))
        return dossier["status"] != "submitted" and not dossier["pending"]

    await until(assessed, "what is to be brought is not asked", register.patience)
    if dossier["status"] == sample.expect["status"]:
        return  # it was brought before
    brings = {(member, fact) for member, facts in sample.counter.items() for fact in facts}
    asks, could_claim = (
        {(ask["person"], re.split(r"\W", ask["fact"])[0]) for ask in dossier["assessment"][kind]}
        for kind in ("asks", "could_claim")
    )
    if not asks <= brings <= asks | could_claim:
        raise NotAsPromised(f"{sorted(asks)} are asked, {sorted(could_claim)} could be claimed, not {sorted(brings)}")
    file = await register.get("dossier", f"{path}/file", **case_worker)
    members = [member | sample.counter.get(member["id"], {}) for member in file["household"]["members"]]
    body, match = {"members": members}, {"If-Match": f'"{file["facts_version"]}"'}
    expect(await register.call("PUT", "dossier", f"{path}/household", json=body, headers=match, **case_worker), 200)


async def adopt(register: Register) -> str:
    """The council of the sample's company adopts its agreement, if it has none yet; its id."""
    council = {"council": AGREEMENT["company"]}
    there = await register.get("priority", "/v1/agreements", **council)
    if adopted := [agreement for agreement in there if agreement["status"] == "adopted"]:
        return str(adopted[0]["id"])
    made = expect(await register.call("POST", "priority", "/v1/agreements", json=AGREEMENT, **council), 201).json()[
        "id"
    ]
    votes = {
        "votes": [
            {"member": f"Municipality {place}", "municipality": place, "vote": "for"}
            for place in AGREEMENT["municipalities"]
        ]
    }
    expect(await register.call("POST", "priority", f"/v1/agreements/{made}/adoption", json=votes, **council), 200)
    return str(made)


async def look(register: Register, played: Played) -> bool:
    """Fetch how it stands; is it as expected?"""
    sample, company = played.sample, COMPANIES[played.sample.post["municipality"]]
    played.dossier = await register.get("dossier", f"/v1/dossiers/{played.id}", case_worker=company)
    told = await register.messages(played.id, company)
    boxes: dict[str, list[str]] = {}
    for mail in await register.get("mails", "/messages"):
        boxes.setdefault(mail["message_id"], []).append(mail["to"])
    addresses = {"candidate": sample.post["email"], "helper": (sample.post["help"] or {}).get("email")}
    addresses |= dict.fromkeys(("partner", "member"), next(iter(sample.emails), None))
    played.mails = [
        (message["audience"], message["kind"], to)
        for message in told
        if message["channel"] == "email"
        for to in boxes.get(message["message_id"] or "", [])
    ]
    assessment = played.dossier["assessment"] or {"conditions": {}, "asks": []}
    because = {rule for condition in assessment["conditions"].values() for rule in condition["because"]}
    asks = {f"{ask['person']} {ask['fact']}" for ask in assessment["asks"] if not played.waits}
    mails = sorted((audience, kind, addresses[audience]) for audience, kind in sample.expect["mails"])
    played.missing = ", ".join(
        what
        for what, as_expected in {
            f"status {sample.expect['status']}": played.dossier["status"] == sample.expect["status"],
            "assessment": "assessment" not in played.dossier["pending"],
            f"because {sample.expect['because']}": because >= set(sample.expect["because"]),
            f"asks {sample.expect['asks']}": asks == set(sample.expect["asks"]),
            f"mails {sample.expect['mails']}": sorted(played.mails) == mails,
        }.items()
        if not as_expected
    )
    return not played.missing


async def play_one(register: Register, played: Played, changed: Callable[[], None], patience: float = 60) -> None:
    """Send one and look until it stands as expected or patience, in seconds, ends: then `missing` says what differs."""
    try:
        played.id = await send(register, played.sample)
        if played.sample.counter:
            await bring(register, played)
        deadline = monotonic() + patience
        while not await look(register, played) and monotonic() < deadline:
            changed()
            await asyncio.sleep(0.5)
    except NotAsPromised as error:
        played.missing = str(error)
    changed()


async def play(register: Register, console: Console, samples: Sequence[Sample] = SAMPLES) -> list[Played]:
    """Play them all at once and show one table as it happens; in a pipe, a line each as it comes to stand."""
    all_played = [Played(sample) for sample in samples]
    await adopt(register)
    if "sources" in register.addresses:
        for subject, person in PEOPLE.items():
            if known := person.get("known"):
                number = subject.removeprefix("candidate-")
                expect(await register.call("PUT", "sources", f"/persons/{number}", json=known), 204)
    async with _shown(console, all_played) as changed:
        await asyncio.gather(*(play_one(register, played, changed) for played in all_played))
    return all_played


async def fill_desk(register: Register, command: Callable[..., Awaitable[None]]) -> None:
    """Leave a case worker a paper to judge, and one that the tax authority contradicts since he accepted it. Twice is once.
    command: runs one of a service's commands."""
    worker = {"case_worker": AGREEMENT["company"]}

    async def settled(path: str) -> bool:
        dossier = await register.get("dossier", path, **worker)
        return dossier["status"] not in ("draft", "submitted") and not dossier["pending"]

    async def brought(sample: Sample, fact: str) -> str | None:
        path = f"/v1/dossiers/{await send(register, sample)}"
        await until(partial(settled, path), f"{sample.name} is not assessed", register.patience)
        if await register.get("dossier", f"{path}/documents", **worker):
            return None
        paper: dict[str, Any] = {
            "data": {"member": "p1", "fact": fact},
            "files": {"file": ("paper.pdf", b"%PDF-1.7\n")},
        }
        made = await register.call("POST", "dossier", f"{path}/documents", **paper, candidate=sample.applicant)
        return f"{path}/documents/{expect(made, 201).json()['id']}"

    async def waits(kind: str) -> bool:
        return kind in {one["kind"] for one in await register.get("dossier", "/v1/queue", **worker)}

    one, claims = (next(sample for sample in SAMPLES if sample.name == name) for name in DESK)
    if await brought(claims.as_another(922, "brought", first_name="Ilse", last_name="Maertens"), "set_aside.proof"):
        await until(partial(waits, "document"), "no paper waits to be judged")
    judged = one.as_another(921, "contradicted", first_name="Bert", last_name="Smets")
    if paper := await brought(judged, "incomes"):
        read, later = ([{"year": 2023, "jointly_taxable": amount}] for amount in ("23000.00", "26000.00"))
        decision = {"decision": "accepted", "reasons": "The assessment of 2023 is legible.", "facts": {"incomes": read}}
        expect(await register.call("POST", "dossier", f"{paper}/interpretation", json=decision, **worker), 200)
        known = judged.known[judged.applicant] | {"incomes": later}
        expect(await register.call("PUT", "sources", f"/persons/{judged.applicant}", json=known), 204)
        await command("dossier", "ask", "--dossier", paper.split("/")[3])
        await until(partial(waits, "contradiction"), "no contradiction waits")


@asynccontextmanager
async def _shown(console: Console, all_played: Sequence[Played]) -> AsyncIterator[Callable[[], None]]:
    if console.is_terminal:
        with Live(_table(all_played), console=console, auto_refresh=False) as live:
            yield lambda: live.update(_table(all_played), refresh=True)
        return
    printed: set[str] = set()

    def changed() -> None:
        for played in all_played:
            if not played.missing and played.sample.name not in printed:
                printed.add(played.sample.name)
                console.print(" | ".join(played.row), soft_wrap=True, highlight=False)

    yield changed


def _table(all_played: Sequence[Played]) -> Table:
    table = Table("dossier", "status", "because", "asked", "mails", expand=True)
    for played in all_played:
        table.add_row(*played.row)
    return table
