"""Does every promise of the demo come true? Each is a sentence and a function; what fails says what it met instead."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from rich.console import Console

from deploy.embedded import SERVICES
from deploy.embedded.demo import (
    COMPANIES,
    NotAsPromised,
    Played,
    Register,
    expect,
    fill_desk,
    look,
    play,
    play_one,
    send,
    until,
)
from deploy.embedded.samples import NO_FACTS, SAMPLES, Sample, national_number
from deploy.embedded.stack import Stack
from deploy.embedded.supervisor import Say

SHIFT = 10_000  # its ports stay out of the way of a demo
PAPER = b"%PDF-1.7\n%%EOF"
ONE = next(sample for sample in SAMPLES if sample.name.endswith("single"))


@dataclass
class Smoke:
    stack: Stack
    register: Register
    console: Console
    all_played: list[Played]


PROMISES: list[tuple[str, Callable[[Smoke], Awaitable[None]]]] = []


def promise(sentence: str) -> Callable[[Callable[[Smoke], Awaitable[None]]], None]:
    return lambda check: PROMISES.append((sentence, check))


def must(holds: bool, what: str) -> None:
    if not holds:
        raise NotAsPromised(what)


@promise("every candidate stands as expected, and each mail came once")
async def _candidates(smoke: Smoke) -> None:
    smoke.all_played = await play(smoke.register, smoke.console)
    wrong = [f"{played.sample.name}: {played.missing}" for played in smoke.all_played if played.missing]
    must(not wrong, "; ".join(wrong))


@promise("no mail went to a helper without consent")
async def _consent(smoke: Smoke) -> None:
    helped = [sample.post["help"] for sample in SAMPLES if sample.post["help"]]
    silent = {help["email"] for help in helped if not help["inform"]}
    must(bool(silent), "no sample is helped in confidence")
    told = {mail["to"] for mail in await smoke.register.get("mails", "/messages")}
    must(not told & silent, f"mails went to {told & silent}")


@promise("the waiting list of each municipality holds its registered candidates and nobody else")
async def _waiting_lists(smoke: Smoke) -> None:
    for municipality in sorted({played.sample.post["municipality"] for played in smoke.all_played}):
        registered = {
            played.dossier["number"]
            for played in smoke.all_played
            if played.dossier["status"] == "registered"
            and municipality in played.sample.post.get("wants", [played.sample.post["municipality"]])
        }

        async def holds_them(municipality: str = municipality, registered: set[str] = registered) -> bool:
            path = f"/v1/waiting-list?municipality={municipality}"
            there = await smoke.register.get("priority", path, case_worker=COMPANIES[municipality])
            return {place["dossier"] for place in there} == registered

        await until(holds_them, f"the waiting list of {municipality} does not hold {sorted(registered)}")


@promise("a family that the sources know applies online and is registered, and no letter asks it for papers")
async def _no_papers(smoke: Smoke) -> None:
    honest = [
        played
        for played in smoke.all_played
        if (played.sample.by, played.sample.expect["status"]) == ("candidate", "registered")
        and not played.sample.counter
    ]
    must(ONE in [played.sample for played in honest], f"{ONE.name} is not registered without papers")
    for played in honest:
        messages = await smoke.register.messages(played.id, COMPANIES[played.sample.post["municipality"]])
        kinds = {message["kind"] for message in messages}
        must({"submitted", "registered"} <= kinds <= {"submitted", "registered", "member_invited"}, f"{kinds}")


@promise("of stays those that the national register knows count, and only those")
async def _stays(smoke: Smoke) -> None:
    for played in smoke.all_played:
        sample, company = played.sample, COMPANIES[played.sample.post["municipality"]]
        file = await smoke.register.get("dossier", f"/v1/dossiers/{played.id}/file", case_worker=company)
        counts = [(stay["municipality"], stay["from"]) for stay in file["ties"]["residence"]]
        known = sample.known.get(sample.applicant, {}).get("stays", [])
        must(counts == [(stay["municipality"], stay["from"]) for stay in known], f"{sample.name}: {counts}")


@promise("a liar is believed in nothing, accepts no proof of his own, and does not wait for a home")
async def _liar(smoke: Smoke) -> None:
    played = next(played for played in smoke.all_played if played.sample.name.endswith("liar"))
    applicant, municipality = played.sample.members[0], played.sample.post["municipality"]
    path, himself = f"/v1/dossiers/{played.id}", {"candidate": played.sample.applicant}
    file = await smoke.register.get("dossier", f"{path}/file", **himself)
    [income] = file["household"]["members"][0]["incomes"]
    known = played.sample.known[played.sample.applicant]["incomes"][0]["jointly_taxable"]
    must(income["jointly_taxable"] == known != applicant["incomes"][0]["jointly_taxable"], f"{income} counts")
    proven = {"set_aside": {"ground": "budget_guidance", "proof": "interpreted"}}
    body, match = {"members": [applicant | proven]}, {"If-Match": f'"{file["facts_version"]}"'}
    answer = await smoke.register.call("PUT", "dossier", f"{path}/household", json=body, headers=match, **himself)
    places = [error["path"] for error in expect(answer, 422).json()["errors"]]
    must(places == ["members[0].set_aside.proof"], f"refused for {places}")
    waiting = f"/v1/waiting-list?municipality={municipality}"
    there = await smoke.register.get("priority", waiting, case_worker=COMPANIES[municipality])
    must(played.dossier["number"] not in {place["dossier"] for place in there}, "the liar waits for a home")


@promise("the same Idempotency-Key gets the same answer, and a candidate has one dossier")
async def _once(smoke: Smoke) -> None:
    played = next(played for played in smoke.all_played if played.sample is ONE)
    for key, status in ((f"sample-{ONE.name}", 201), ("another-key", 409)):
        answer = await post(smoke, ONE.post, key=key, candidate=ONE.applicant)
        expect(answer, status)
        must(status != 201 or answer.json()["id"] == played.id, f"another id: {answer.text}")


@promise("what cannot be read is refused with its place, and nothing is stored")
async def _bad_input(smoke: Smoke) -> None:
    sample = ONE.as_another(901, "stranger")
    wrong = json.loads(json.dumps(sample.post))
    wrong["household"]["members"][0]["incomes"][0]["yaer"] = 2023
    for body, place in ((json.dumps(wrong), "household.members[0].incomes[0].yaer"), ('{"household": ', "body")):
        answer = await post(smoke, body, key="bad", candidate=sample.applicant)
        places = [error["path"] for error in expect(answer, 422).json()["errors"]]
        must(any(place in path for path in places), f"no error names {place}: {answer.text}")


@promise("without a token nothing is answered, and of another's dossier nothing is told")
async def _not_yours(smoke: Smoke) -> None:
    played = next(played for played in smoke.all_played if played.sample is ONE)
    path = f"/v1/dossiers/{played.id}"
    expect(await smoke.register.call("GET", "dossier", path), 401)
    expect(await post(smoke, ONE.post, key="nobody"), 401)
    expect(await smoke.register.call("GET", "dossier", path, case_worker="kanvaz"), 404)
    expect(await smoke.register.call("GET", "dossier", path, candidate=SAMPLES[-1].applicant), 404)
    expect(await smoke.register.call("GET", "dossier", path, candidate=ONE.applicant), 200)


@promise("every service says that it is ready, and shows its metrics and its API")
async def _edges(smoke: Smoke) -> None:
    for service in SERVICES:
        for path, word in (
            ("/health/ready", "ready"),
            ("/metrics", "# HELP"),
            ("/openapi.json", "paths"),
            ("/asyncapi.json", "channels"),
        ):
            answer = expect(await smoke.register.call("GET", service, path), 200)
            must(word in answer.text, f"{service}{path} does not hold {word!r}")


@promise("a preview answers without a login and stores nothing")
async def _preview(smoke: Smoke) -> None:
    members = [{k: v for k, v in member.items() if k not in NO_FACTS} for member in ONE.members]
    household = {"reference_date": "2024-03-20", "members": members}
    answer = await smoke.register.call("POST", "eligibility", "/v1/preview", json=household)
    must(expect(answer, 200).json()["outcome"] == "met", f"not met: {answer.text}")


@promise("a request about a housing situation is reviewed by a person, and the candidate is told once")
async def _situation(smoke: Smoke) -> None:
    played = Played(ONE.as_another(902, "leaking"))
    await play_one(smoke.register, played, lambda: None)
    must(not played.missing, played.missing)
    company = COMPANIES[played.sample.post["municipality"]]
    body = {"dossier": played.id, "text": "The roof leaks.", "documents": []}
    path = "/v1/situations"
    asked = await smoke.register.call("POST", "priority", path, json=body, candidate=played.sample.applicant)
    review = {"decision": "forwarded", "group": "bad_housing", "reasons": "The report shows it."}
    path += f"/{expect(asked, 201).json()['id']}/review"
    expect(await smoke.register.call("POST", "priority", path, json=review, case_worker=company), 200)

    async def told() -> bool:
        mails = await smoke.register.messages(played.id, company)
        return [one["state"] for one in mails if one["kind"] == "situation_forwarded"] == ["sent"]

    await until(told, "the candidate was not told of the review")


@promise("a helper brings the paper that is asked, a case worker judges it once, and both mails come once")
async def _paper(smoke: Smoke) -> None:
    played = next(played for played in smoke.all_played if played.sample.name.endswith("debt_settlement_unproven"))
    sample, path = played.sample, f"/v1/dossiers/{played.id}/documents"
    helper = {"helper": sample.post["help"]["organisation"]}
    worker = {"case_worker": COMPANIES[sample.post["municipality"]]}
    sent: dict[str, Any] = {
        "data": {"member": "p1", "fact": "set_aside.proof"},
        "files": {"file": ("order.pdf", PAPER)},
    }
    brought = expect(await smoke.register.call("POST", "dossier", path, **sent, **helper), 201).json()["id"]
    file = expect(await smoke.register.call("GET", "dossier", f"{path}/{brought}", candidate=sample.applicant), 200)
    must(file.content == PAPER, "another file came back")
    body = {"decision": "accepted", "reasons": "The order of the court of 4 March."}
    for status in (200, 409):
        judged = f"{path}/{brought}/interpretation"
        expect(await smoke.register.call("POST", "dossier", judged, json=body, **worker), status)
    told = [[audience, kind] for audience in ("candidate", "helper") for kind in ("document_accepted", "registered")]
    expected = {"status": "registered", "because": [], "asks": [], "mails": sample.expect["mails"] + told}
    played.sample = replace(sample, expect=expected)

    async def arrived() -> bool:
        return await look(smoke.register, played)

    await until(arrived, "it is not registered by the paper, with a mail each")


@promise("a case worker finds a paper to judge in the queue, and one that an authority contradicts")
async def _desk(smoke: Smoke) -> None:
    for _ in range(2):  # the demo, started once more
        await fill_desk(smoke.register, smoke.stack.command)
    waits = await smoke.register.get("dossier", "/v1/queue", case_worker="dijledal")
    kinds = sorted(one["kind"] for one in waits)
    must(kinds == ["contradiction", "document"], f"{kinds} wait")


@promise("services that are killed while a candidate applies come back at the same address, and the candidate arrives")
async def _killed(smoke: Smoke) -> None:
    for serial, service in enumerate(("eligibility", "notifications", "dossier"), 903):
        sample = ONE.as_another(serial, f"while_{service}_dies")
        before = smoke.stack.kill(service)
        played = Played(sample)
        await play_one(smoke.register, played, lambda: None)
        must(not played.missing, f"{service} killed: {played.missing}")
        pids = smoke.stack.addresses["pids"]
        must(isinstance(pids, dict) and pids[service] != before, f"{service} still has process id {before}")
        await until(_ready(smoke, service), f"{service} is not ready at {smoke.stack.addresses[service]}")


@promise(
    "helped by an OCMW: investigated on a paper whose two answers are known beforehand, registered; struck, and back on appeal"
)
async def _way_back(smoke: Smoke) -> None:
    sample, company = helped_couple(), "dijledal"
    worker, helper, himself = {"case_worker": company}, {"helper": "OCMW Leuven"}, {"candidate": sample.applicant}
    id_ = await send(smoke.register, sample)
    path = f"/v1/dossiers/{id_}"
    [ask] = (await _settled(smoke, path, "under_investigation"))["assessment"]["asks"]
    outcomes = {answer: given["outcome"] for answer, given in ask["answers"].items()}
    must(outcomes == {"interpreted": "met", "rejected": "not_met"}, f"the two answers are {outcomes}")
    file = {"file": ("payslips.pdf", b"%PDF-1.7 three months of pay slips", "application/pdf")}
    told = {"member": ask["person"], "fact": ask["fact"]}
    made = await smoke.register.call("POST", "dossier", f"{path}/documents", files=file, data=told, **helper)
    document = expect(made, 201).json()["id"]
    await _settled(smoke, path, "under_investigation")
    judged = {"decision": "accepted", "reasons": "Three pay slips of this year."}
    url = f"{path}/documents/{document}/interpretation"
    expect(await smoke.register.call("POST", "dossier", url, json=judged, **worker), 200)
    registered = await _settled(smoke, path, "registered")
    must(registered["assessment"]["outcome"] == outcomes["interpreted"], "the answer was not the one foretold")
    expect(await smoke.register.call("POST", "dossier", url, json=judged, **worker), 409)

    async def place() -> int:
        there = await smoke.register.get("priority", "/v1/waiting-list?municipality=24062", **worker)
        return next((one["position"] for one in there if one["dossier"] == registered["number"]), 0)

    async def at(position: int) -> None:
        async def there() -> bool:
            return await place() == position

        await until(there, f"the place on the list is not {position}")

    async def act(action: str, who: dict[str, str], **more: Any) -> None:
        body = {"action": action, "reasons": "It was another household's debt.", **more}
        expect(await smoke.register.call("POST", "dossier", f"{path}/actions", json=body, **who), 201)

    async def listed() -> bool:
        return await place() > 0

    await until(listed, "who is registered is not on the list")
    before = await place()
    await act("strike", worker)
    await at(0)
    await act("appeal", himself, ground="struck")
    await act("answer_appeal", worker, upheld=True)
    await at(before)
    now = await _settled(smoke, path, "registered")
    same = ("number", "registered_on")
    must([now[name] for name in same] == [registered[name] for name in same], f"{now} is not what it was")

    async def told_once() -> bool:
        messages = await smoke.register.messages(id_, company)
        found = [(one["audience"], one["kind"]) for one in messages if one["state"] == "sent"]
        kinds = {"submitted", "under_investigation", "registered", "struck", "appealed", "appeal_upheld"}
        must(len({(one["event"], one["audience"], one["channel"]) for one in messages}) == len(messages), f"{messages}")
        must(len(set(found)) == len(found), f"a letter came twice: {sorted(found)}")
        return {(who, kind) for who in ("candidate", "helper") for kind in kinds} <= set(found)

    await until(told_once, "a letter is missing")


def helped_couple() -> Sample:
    """The sample with pay slips, as somebody of the same age with a partner, helped by an OCMW that is to be told."""
    alone = next(sample for sample in SAMPLES if sample.name.endswith("recent_income"))
    post = json.loads(json.dumps(alone.post | {"email": "way_back@candidates.example"}))
    [applicant] = post["household"]["members"]
    applicant["number"] = national_number(applicant["born_on"], 911)
    partner = {name: value for name, value in applicant.items() if name != "recent_income"}
    partner |= {"id": "p2", "role": "partner", "number": national_number(applicant["born_on"], 912)}
    partner["incomes"] = [{"year": 2023, "jointly_taxable": "12000.00"}]
    post["household"]["members"].append(partner)
    post["help"] = {"kind": "ocmw", "organisation": "OCMW Leuven", "email": "way_back@ocmw.example", "inform": True}
    return replace(alone, name="way_back", post=post, confirm=["p1", "p2"], counter={})


async def _settled(smoke: Smoke, path: str, status: str) -> dict[str, Any]:
    """The dossier as a case worker reads it, once it has this status and nothing is awaited."""
    dossier: dict[str, Any] = {}

    async def has_it() -> bool:
        dossier.update(await smoke.register.get("dossier", path, case_worker="dijledal"))
        return dossier["status"] == status and not dossier["pending"]

    await until(has_it, f"not {status}: {path}")
    return dossier


def _ready(smoke: Smoke, service: str) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return (await smoke.register.call("GET", service, "/health/ready")).status_code == 200

    return ready


async def post(smoke: Smoke, body: Any, *, key: str, **who: str) -> httpx.Response:
    sent = {"content": body} if isinstance(body, str) else {"json": body}
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    return await smoke.register.call("POST", "dossier", "/v1/dossiers", **sent, headers=headers, **who)


async def smoke(folder: Path, console: Console, say: Say) -> int:
    """0: everything came true; 1: it says what did not, and where the logs are."""
    begun, failed = monotonic(), 0
    async with Stack(folder, say, shift=SHIFT) as stack, Register(stack.addresses) as register:
        console.print(f"[{monotonic() - begun:5.1f} s] the register is up", markup=False)
        state = Smoke(stack, register, console, [])
        for sentence, check in PROMISES:
            since, told = monotonic(), ""
            try:
                await check(state)
            except (NotAsPromised, AssertionError, LookupError, TypeError, ValueError) as error:
                failed, told = failed + 1, f"\n          NOT: {error!r}"
            mark = "NO" if told else "ok"
            console.print(f"[{monotonic() - since:5.1f} s] {mark}  {sentence}{told}", markup=False, soft_wrap=True)
    console.print(f"[{monotonic() - begun:5.1f} s] all stopped", markup=False)
    if failed:
        console.print(
            f"{failed} of {len(PROMISES)} promises did not come true; logs: {folder / 'logs'}", soft_wrap=True
        )
    return 1 if failed else 0
