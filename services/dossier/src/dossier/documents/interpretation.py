"""A case worker judges a document: once, for the claim as it was when the document was brought; and takes that back."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, NotAllowed, Problem, path_of
from cir_schemas.household import Household, impossible_on
from cir_schemas.types import DossierRef
from dossier.documents import store
from dossier.documents.requests import Interpretation, Interpreted
from dossier.documents.use_cases import Waiting, claim_of, document_of, is_claim, tell, wait_on, waiting_in
from dossier.domain.numbers import contradictions
from dossier.facts.compose import RIGHT, by_key, right_of
from dossier.facts.origins import ORIGINS
from dossier.facts.statements import bring_back, seen
from dossier.facts.statements import interpret as put_on_record
from dossier.register.opening import opened, refuse_unavailable
from dossier.register.register import Register
from dossier.register.store import RegisterWork
from dossier.tables import RecordedAct

_NOT_WAITING = {
    "uploaded": "Its person, its right, or the claim that it was brought for is no longer there.",
    "replaced": "Another document on the same fact has replaced it: judge that one.",
    "filed": "It is judged with the housing situation that it was brought for.",
}


async def interpret(
    ref: DossierRef, document: UUID, body: Interpretation, caller: Caller, work: RegisterWork
) -> Interpreted:
    """Judge a document; the facts that follow are established. Raises `Conflict` where it does not wait, or its claim changed."""
    register = await opened(ref, caller, work, lock=True)
    if not register.actor.at_counter:
        raise NotAllowed("a case worker of the company that treats the dossier judges its documents")
    found = document_of(document, await store.of_dossier(work, register.row.id))
    if (on := waiting_in(register).get(str(document))) is None:
        raise Conflict(_NOT_WAITING.get(found.state, "It was judged before: undo that first."), state=found.state)
    await refuse_unavailable("interpret", register, work)
    person, key, claim = on
    follows = _follows(body, on, register)
    left = {other: one for other, one in register.row.uploaded[person].items() if other != key}
    register.change(uploaded=register.row.uploaded | {person: left})
    former = _interpreted(follows, register, person)
    put_on_record(register, person, follows)
    about: dict[str, Any] = {"document": str(document), "key": key, "claim": claim, "decision": body.decision}
    about |= {"facts": list(follows), "since": register.row.facts_version, "former": former}
    act = register.record("interpret", person=person, reasons=body.reasons, **about)
    await store.decide(work, document, body.decision, act.id)
    tell(body.decision, person, key, register)
    register.settle()
    return Interpreted(id=act.id, state=body.decision, facts_version=register.row.facts_version)


async def take_back(act: RecordedAct, register: Register, work: RegisterWork) -> None:
    """What was established by this act is so no more: what another established before holds again, as of then. Its document
    waits again, unless another does."""
    document, key, person = UUID(act.refers["document"]), act.refers["key"], act.person or ""
    former, stated = act.refers.get("former", {}), _interpreted(act.refers["facts"], register, person)
    back = {fact: former.get(fact) for fact, one in stated.items() if one["since"] == act.refers["since"]}
    bring_back(register, person, back)
    waits = key in register.row.uploaded.get(person, {})
    await store.decide(work, document, "replaced" if waits else "uploaded")
    if not waits and person in register.persons.values():
        wait_on(document, person, key, act.refers["claim"], register)
    tell("undone", person, key, register)


def _interpreted(facts: Iterable[str], register: Register, person: str) -> dict[str, Any]:
    """Those of these facts that were read in a document before → the statement."""
    of = register.row.layers.get(person, {})
    return {fact: of[fact]["interpretation"] for fact in facts if "interpretation" in of.get(fact, {})}


def _follows(body: Interpretation, on: Waiting, register: Register) -> dict[str, Any]:
    """What the document says of its person: key → value. Raises a 422 problem, or `Conflict`.

    A claim that was changed since the document was brought is accepted only where the case worker says in `facts` what the
    document proves; rejected, the claim that is made now stays as it is.
    """
    person, key, uploaded_for = on
    given, fact = body.facts.given(), key.split(".")[0]
    _refuse_impossible(body, given, fact, person, register)
    if not is_claim(key):
        if body.decision == "accepted" and fact not in given:
            raise Problem(422, "An accepted document shows a fact: say which.", [(f"facts.{fact}", "is missing")])
        return by_key(given)
    now, said = claim_of(person, key, register), given.pop(fact, None)
    stated = _on_right(said, key) if key.startswith(RIGHT) else said
    if body.decision == "rejected":
        judged = register.row.layers.get(person, {}).get(key, {}).keys() & {"counter", "interpretation"}
        accepted = judged and seen(register)[person][key].get("proof") == "interpreted"  # and that stays so
        return {key: {**now, "proof": "rejected"}} if now is not None and now == uploaded_for and not accepted else {}
    if stated is None and now is None:
        raise Problem(422, "Nobody claims this: say what the document proves.", [(f"facts.{fact}", "is missing")])
    if stated is None and now != uploaded_for:
        what = "The claim was changed since this document was brought: look at it again"
        what += f", and say in facts.{fact} what is proven; or reject it, and the family is asked for another."
        raise Conflict(what, brought_for=uploaded_for, now=now)
    return by_key(given) | {key: {**(stated or now or {}), "proof": "interpreted"}}


def _on_right(rights: list[dict[str, Any]] | None, key: str) -> dict[str, Any] | None:
    """The claim on the right of the document, as facts state it."""
    if rights is None:
        return None
    [*others, right] = rights or [{}]
    if others or right_of(right) != key.removeprefix(RIGHT).rpartition("/")[0] or "exception" not in right:
        errors = [("facts.real_rights", "is another right, or has no exception")]
        raise Problem(422, "State the one right that this document is on, with its exception.", errors)
    return {"exception": right["exception"]}


def _refuse_impossible(
    body: Interpretation, given: Mapping[str, Any], fact: str, person: str, register: Register
) -> None:
    """Only facts of his, that can be true, and no claim but the one that was brought for."""
    member = next(one for one in register.row.household if register.persons[one["id"]] == person)
    errors = [(f"facts.{name}", "follows from an accepted document") for name in given if body.decision == "rejected"]
    for name, value in given.items():
        if not ORIGINS[name].is_of(member["role"]):
            errors.append((f"facts.{name}", f"is not asked of a {member['role']}"))
        claims = value if name == "real_rights" else [value] if ORIGINS[name].is_claim else []
        if any(one.get("proof") for one in claims):
            errors.append((f"facts.{name}", "the decision says whether it is proven: leave the proof out"))
        if name != fact and (ORIGINS[name].is_claim or any("exception" in one for one in claims)):
            errors.append((f"facts.{name}", "is a claim: judge its own document"))
    test = register.standing.test
    day = test.reference_date if test else register.work.today
    number, born = register.members[member["id"]].number, body.facts.born_on
    impossible = impossible_on(Household.model_construct(members=(body.facts,)), day)
    if number and born:
        impossible += contradictions({0: number}, {0: born})
    errors += [(f"facts.{path_of(place[2:])}", why) for place, why in impossible]
    if errors:
        raise Problem(422, "This does not follow from the document: see errors. Nothing was stored.", errors)
