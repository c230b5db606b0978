"""Every call of every service, as somebody makes it in the scene below: the rows of `who_may.txt`.

A new endpoint is one more line in `calls`: its method and path as OpenAPI has them, what is sent, and after ` · ` a word
where one endpoint needs several lines. What a path has in braces stands in `at`, or in the scene under that name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import yaml

from cir_schemas import CandidacyRecorded, OfferConfirmed
from deploy.embedded import ROOT
from notifications.links import Links, Reader

from .conftest import TODAY, Services

AGREEMENT: dict[str, Any] = yaml.safe_load((ROOT / "deploy/embedded/agreement.yaml").read_text("utf-8"))
ANNA, BRAM, CORA, STRANGER = "85622300173", "86670100113", "70610100123", "90630100169"

OTHER = UUID(int=1)

CALLERS: dict[str, tuple[str, dict[str, str]] | None] = {
    "nobody": None,
    "applicant": ("candidate", {"person": ANNA}),
    "partner": ("candidate", {"person": BRAM}),  # who confirmed
    "asked": ("candidate", {"person": CORA}),  # an adult of the household who has not confirmed yet
    "stranger": ("candidate", {"person": STRANGER}),  # a candidate without a dossier
    "helper": ("helper", {"organisation": "ocmw-leuven"}),  # named in the dossier, with consent
    "referrer": ("helper", {"organisation": "mind-the-gap"}),  # to whom the council forwards, and who may refer
    "outsider": ("helper", {"organisation": "elsewhere"}),
    "worker": ("case_worker", {"company": "dijledal"}),  # which treats the dossier
    "wanted": ("case_worker", {"company": "kanvaz"}),  # of another municipality that the household wants
    "unrelated": ("case_worker", {"company": "woontrots"}),
    "council": ("council", {"company": "dijledal"}),
    "council2": ("council", {"company": "kanvaz"}),
    "author": ("rule_author", {}),
    "operator": ("operator", {}),
}


@dataclass(frozen=True)
class Call:
    """What is sent, and where to."""

    json: Any = None
    form: Mapping[str, str] | None = None
    files: Mapping[str, tuple[str, bytes]] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    at: Mapping[str, Any] = field(default_factory=dict)


SPECIAL = {
    "kind": "special_allocation",
    "decided_on": "2024-03-20",
    "decided_by": "the board",
    "reasons": "Demolished.",
}


def calls(scene: Mapping[str, Any]) -> dict[str, dict[str, Call]]:
    """Service → line → what is sent."""
    changed = {"If-Match": f'"{scene["facts_version"]}"'}
    of_it = {"dossier": scene["dossier"]}
    stranger = _start(_person("p1", "applicant", STRANGER, "1990-03-01"))
    referral = {"dossier": scene["other"], "company": "dijledal", "municipality": "24062", "group": "young"}
    everywhere = {f"GET {path}": Call() for path in ("/health/live", "/health/ready", "/metrics", "/asyncapi.json")}
    return {
        "dossier": {
            **everywhere,
            "POST /v1/dossiers · for the stranger": Call(stranger, headers={"Idempotency-Key": "w"}),
            "GET /v1/companies": Call(query={"municipality": "24062"}),
            "GET /v1/dossiers": Call(query={"q": scene["number"]}),
            "GET /v1/queue": Call(),
            "POST /v1/queue/{item}/claim": Call(at={"item": f"{scene['dossier']}.document.{scene['document']}"}),
            "DELETE /v1/queue/{item}/claim": Call(at={"item": f"{scene['dossier']}.document.{scene['document']}"}),
            "POST /v1/queue/{item}/dismissal": Call(
                {"reasons": WHY}, at={"item": f"{scene['dossier']}.document.{scene['document']}"}
            ),
            "GET /v1/dossiers/{dossier}/notes": Call(),
            "POST /v1/dossiers/{dossier}/notes": Call({"text": "She is hard of hearing: write."}),
            "GET /v1/dossiers/{dossier}": Call(),
            "DELETE /v1/dossiers/{dossier}": Call(),
            "GET /v1/dossiers/{dossier}/file": Call(),
            "GET /v1/dossiers/{dossier}/history": Call(),
            "POST /v1/dossiers/{dossier}/documents": Call(form=PROOF, files=SCAN),
            "GET /v1/dossiers/{dossier}/documents": Call(),
            "GET /v1/dossiers/{dossier}/documents/{document}": Call(),
            "POST /v1/dossiers/{dossier}/documents/{document}/interpretation": Call(JUDGED),
 "GET /v1/dossiers/{dossier}/audit": Call(),
            "GET /v1/dossiers/{dossier}/certificate": Call(),
            "GET /v1/certificates/{code}": Call(at={"code": "ABCDE-23456"}),
            "PUT /v1/dossiers/{dossier}/household": Call({"members": scene["members"]}, headers=changed),
            "PUT /v1/dossiers/{dossier}/contacts": Call({"language": "nl", "email": "anna@example.org"}, headers=changed),
            "PUT /v1/dossiers/{dossier}/wishes": Call({"wants": ["24062"]}, headers=changed),
            "POST /v1/dossiers/{dossier}/submission": Call(),
            "POST /v1/dossiers/{dossier}/members/{member}/confirmation": Call(),
            "POST /v1/dossiers/{dossier}/members/{member}/confirmation · on paper": Call({"on_paper": True}),
            "DELETE /v1/dossiers/{dossier}/members/{member}/confirmation": Call(),
            **{
                f"POST /v1/dossiers/{{dossier}}/actions · {action}": Call({"action": action, "reasons": WHY, **about})
                for action, about in ACTIONS.items()
            },
        },
        "eligibility": {
            **everywhere,
            "POST /v1/preview": Call({"reference_date": "2024-03-20", "members": [{"id": "p1", "role": "applicant"}]}),
            "GET /v1/assessments": Call(),
            "GET /v1/assessments/{number}/again": Call(at={"number": scene["assessment"]}),
        },
        "priority": {
            **everywhere,
            "GET /v1/waiting-list": Call(query={"municipality": "24062"}),
            "GET /v1/dossiers/{dossier}/positions": Call(),
            "POST /v1/situations · while one waits": Call(of_it | {"text": "The judge gave us two months."}),
            "GET /v1/situations": Call(),
            "GET /v1/situations · of the dossier": Call(query=of_it),
            "POST /v1/situations/{id}/review": Call(
                {"decision": "refused", "reasons": "No ground."}, at={"id": scene["situation"]}
            ),
            "POST /v1/referrals": Call(referral | {"reasons": "He leaves care.", "guidance_plan": "Weekly."}),
            "GET /v1/referrals": Call(),
            "GET /v1/referrals · of the dossier": Call(query=of_it),
            "GET /v1/agreements": Call(),
            "POST /v1/agreements": Call(_agreement(2026)),
            "POST /v1/agreements/{id}/adoption": Call(VOTES, at={"id": scene["proposed"]}),
            "POST /v1/agreements/{id}/freezes": Call(FREEZE, at={"id": scene["agreement"]}),
            "GET /v1/agreements/{id}/ledger": Call(at={"id": scene["agreement"]}),
            "GET /v1/figures": Call(query={"company": "dijledal", "year": 2024}),
            "GET /v1/priorities": Call(query={"municipality": "24062"}),
            "POST /v1/referrals/{id}/retraction": Call({"reasons": WHY}, at={"id": scene["referral"]}),
            "POST /v1/vacancies": Call(_vacancy("w3")),
            "GET /v1/vacancies/{id}/next": Call(at={"id": "w2"}),
            "POST /v1/vacancies/{id}/special": Call(SPECIAL | {"dossier": scene["number"]}, at={"id": "w2"}),
            "GET /v1/special-allocations": Call(),
            "POST /v1/vacancies/{id}/offers": Call(scene["first"], at={"id": "w2"}),
            "POST /v1/vacancies/{id}/withdrawal": Call({"reasons": WHY}, at={"id": "w1"}),
            "GET /v1/offers": Call(),
            "GET /v1/offers · of the dossier": Call(query=of_it),
            "GET /v1/offers/{id}": Call(at={"id": scene["offer"]}),
            "POST /v1/offers/{id}/answer": Call({"answer": "accept"}, at={"id": scene["offer"]}),
            "POST /v1/offers/{id}/undo · while open": Call({"reasons": WHY}, at={"id": scene["offer"]}),
            "POST /v1/offers/{id}/judgement · while open": Call(JUDGEMENT, at={"id": scene["offer"]}),
            "POST /v1/offers/{id}/withdrawal": Call({"reasons": WHY}, at={"id": scene["offer"]}),
            "POST /v1/offers/{id}/lease · while open": Call(LEASE, at={"id": scene["offer"]}),
        },
        "notifications": {
            **everywhere,
            "GET /v1/messages": Call(query=of_it),
            "POST /v1/addresses/confirmation": Call({"token": scene["confirm"]}),
            "POST /v1/addresses/restoration": Call(of_it | {"audience": "candidate"}),
        },
    }  # fmt: skip


JUDGED = {"decision": "accepted", "reasons": "He earned nothing.", "facts": {"incomes": []}}
PROOF, SCAN = {"member": "p1", "fact": "incomes"}, {"file": ("scan.pdf", b"%PDF-1.7")}
WHY = "As they wrote in their letter."
ACTIONS: dict[str, dict[str, Any]] = {
    "withdraw": {},
    "leave": {},
    "deceased": {"member": "p2"},
    "keep_date": {"of": "2019.01.01.0001"},  # 422 to whom may, since there is none
    "refuse": {},
    "strike": {},
    "reinstate": {},
    "hold": {},
    "wake": {},
    "appeal": {"ground": "not_registered"},
    "answer_appeal": {"upheld": True},
    "undo": {},
}
JUDGEMENT = {"well_founded": True, "reasons": WHY}
LEASE = {"signed_on": TODAY.isoformat(), "statements_seen": True}
VOTES: dict[str, Any] = {"votes": [{"member": "Leuven", "municipality": "24062", "vote": "for"}]}
FREEZE = {"from": "2024-12-01", "until": "2024-12-15", "reasons": "The move to the new register.", **VOTES}


def _agreement(year: int) -> dict[str, Any]:
    return AGREEMENT | {"from": f"{year}-01-01", "through": f"{year}-12-31"}


def _vacancy(id_: str) -> dict[str, Any]:
    place = {"municipality": "24062", "company": "dijledal", "free_on": TODAY.isoformat()}
    return place | {"id": id_, "dwelling": id_, "bedrooms": 2, "min_persons": 1, "max_persons": 9, "rent": "410.50"}


def _person(id_: str, role: str, number: str, born_on: str) -> dict[str, Any]:
    return {"id": id_, "role": role, "number": number, "born_on": born_on}


def _start(*members: dict[str, Any]) -> dict[str, Any]:
    helper = {"kind": "ocmw", "organisation": "ocmw-leuven", "email": "help@ocmw.example", "inform": True}
    contacts = {"language": "nl", "email": "anna@example.org", "help": helper}
    return {"household": {"members": list(members)}, "municipality": "24062", "wants": ["24062", "12025"]} | contacts


async def set_scene(services: Services) -> dict[str, Any]:
    """A couple and an adult who is still to confirm applied; to priority the dossier is registered, and so is another one. Their
    company's council has an agreement in force and one that waits for its votes; two requests of theirs, one of which was
    forwarded; a referral; a home that is offered to them, and a vacancy.

    Returns what the calls name.
    """
    who = {name: await services.as_(one[0], **one[1]) if one else {} for name, one in CALLERS.items()}

    async def do(service: str, method: str, path: str, caller: str, json: Any = None, **headers: str) -> Any:
        return await send(service, method, path, caller, json=json, headers=headers)

    async def send(service: str, method: str, path: str, caller: str, **sent: Any) -> Any:
        answer = await services.call(service, method, path, who[caller], **sent)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json() if answer.content else None

    members = [
        _person("p1", "applicant", ANNA, "1985-02-23"),
        _person("p2", "partner", BRAM, "1986-07-01"),
        _person("c1", "co_resident", CORA, "1970-01-01"),
    ]
    started = await do("dossier", "POST", "/v1/dossiers", "applicant", _start(*members), **{"Idempotency-Key": "s"})
    dossier = f"/v1/dossiers/{started['id']}"
    number = (await do("dossier", "POST", f"{dossier}/submission", "applicant"))["number"]
    for member, caller in (("p1", "applicant"), ("p2", "partner")):
        await do("dossier", "POST", f"{dossier}/members/{member}/confirmation", caller)
    brought = await send("dossier", "POST", f"{dossier}/documents", "applicant", data=PROOF, files=SCAN)
    await services.pass_on("dossier")
    candidacy = [event for event, _ in await services.outbox("dossier") if isinstance(event, CandidacyRecorded)][-1]
    registered = {"status": "registered", "number": number, "registered_on": TODAY, "version": candidacy.version + 1}
    await services.pass_on("dossier", candidacy.model_copy(update=registered))
    other = registered | {"dossier": OTHER, "number": "2024.03.20.9999", "candidates": ()}
    await services.pass_on("dossier", candidacy.model_copy(update=other))

    made = [await do("priority", "POST", "/v1/agreements", "council", _agreement(year)) for year in (2024, 2025)]
    await do("priority", "POST", f"/v1/agreements/{made[0]['id']}/adoption", "council", VOTES)
    asked = {"dossier": started["id"], "text": "Our landlord sells the house."}
    forwarded = await do("priority", "POST", "/v1/situations", "applicant", asked)
    decided = {"decision": "forwarded", "group": "young", "reasons": "He leaves care."}
    await do("priority", "POST", f"/v1/situations/{forwarded['id']}/review", "worker", decided)
    waiting = await do("priority", "POST", "/v1/situations", "applicant", asked)
    referral = {"dossier": number, "company": "dijledal", "municipality": "24062", "group": "young", "reasons": WHY}
    referred = await do("priority", "POST", "/v1/referrals", "referrer", referral | {"guidance_plan": "Weekly."})
    for id_ in ("w1", "w2"):
        await do("priority", "POST", "/v1/vacancies", "worker", _vacancy(id_))
    first = {"turn": 1, "dossier": number}
    offer = (await do("priority", "POST", "/v1/vacancies/w1/offers", "worker", first))["id"]
    confirmed = {"dossier": started["id"], "number": number, "offer": offer}
    await services.pass_on("dossier", OfferConfirmed.model_validate(confirmed))
    settings: Any = services.by_name["notifications"].settings
    links, reader = Links(settings), Reader(UUID(started["id"]), "candidate", "x", "nl")
    [assessed] = await do("eligibility", "GET", "/v1/assessments", "author")
    return {
        "dossier": started["id"],
        "facts_version": (await do("dossier", "GET", dossier, "applicant"))["facts_version"],
        "number": number,
        "members": members,
        "member": "c1",
        "document": brought["id"],
        "assessment": assessed["number"],
        "confirm": links.token("confirm", reader),
        "proposed": made[1]["id"],
        "agreement": made[0]["id"],
        "situation": waiting["id"],
        "offer": offer,
        "referral": referred["id"],
        "other": str(OTHER),
        "first": {"turn": 2, "dossier": other["number"]},
    }
