"""What the rules see of a household, composed from the statements on record about its persons.

A statement hangs on a person, a key and a layer: people declare, sources answer, case workers enter at the counter and
interpret documents. A key is a fact (`balances`), one income (`incomes.2023`), or the claim on one real right
(`real_rights.full_ownership/dwelling/BE/1`). Of each layer the last statement counts; which layer holds, `origins.yaml` says:
an interpretation, else the later of source and counter, else the declaration as far as it counts alone. Pure: no clock, no I/O.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from dossier.domain.household import CANDIDATES
from dossier.facts.origins import Origin

Layer = Literal["declaration", "source", "counter", "interpretation"]
Statement = Mapping[str, Any]
"""{"value", "by": role or source, "at": instant, "since": the facts_version that it drew}."""
Statements = Mapping[str, Mapping[str, Statement]]
"""Of one person: key → layer → the last statement."""
Layers = dict[str, dict[str, dict[str, Statement]]]
"""person → key → layer → the last statement."""
Table = Mapping[str, Origin]
STRUCTURE = ("id", "role", "moves_in")
"""The household's own to say."""
TIES = ("stays", "informal_care_in")
"""Facts that the order reads, and no rule."""
RIGHT = "real_rights."
"""What the key of a claim on a right begins with."""
_RIGHT = ("right", "object", "country")
_CLAIM = ("exception", "proof")
_NO_BAR = "bare_ownership"


@dataclass(frozen=True)
class Composed:
    """members: as the rules see them. origins: member id → key → {"origin", "by", "at"}, and `to_prove` where a declaration does
    not count yet, `contradicted_by` and `source_says` where a source later differs from an interpretation. residence,
    informal_care_in: what counts for the order. rights: candidate → the keys of his real rights, in their order; gone: candidate
    → keys of claims that were judged, on rights that are no longer there: another right of the kind is another claim."""

    members: list[dict[str, Any]]
    origins: dict[str, dict[str, dict[str, Any]]]
    residence: list[dict[str, Any]]
    informal_care_in: list[str]
    rights: dict[str, list[str]]
    gone: dict[str, list[str]]


def by_key(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a member by key; none of the structure."""
    found = {fact: value for fact, value in facts.items() if fact not in STRUCTURE}
    if "incomes" in found:
        incomes = {str(income["year"]): income for income in found["incomes"]}
        found["incomes"] = sorted(incomes)
        found |= {f"incomes.{year}": income for year, income in incomes.items()}
    if "real_rights" in found:
        rights = _keyed(found["real_rights"])
        claims = {key: {name: right[name] for name in _CLAIM if right.get(name)} for key, right in rights.items()}
        found["real_rights"] = [_without(right, *_CLAIM) for right in rights.values()]
        found |= {f"real_rights.{key}": claim for key, claim in claims.items() if claim}
    return found


def key_of(asked: str, rights: Sequence[str]) -> str | None:
    """The key of a fact as it is asked: "residence", "recent_income.proof", "real_rights[0].proof". None: there is no such.

    rights: as in `Composed`. A right is known by its own key: the next declaration may put it elsewhere.
    """
    place = re.fullmatch(r"real_rights\[(\d{1,3})\]\.proof", asked)
    if place is None:
        return fact if "." not in (fact := asked.removesuffix(".proof")) else None
    return f"{RIGHT}{rights[int(place[1])]}" if int(place[1]) < len(rights) else None


def changes(
    layer: Layer, of: Statements, values: Mapping[str, Any], scope: Iterable[str], seen: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the layer says from now on that it did not: key → value, None where the statement is taken back.

    values: all that is stated now about the facts of the scope. A repeated statement is none. seen, at the counter: what the
    rules see already, by key; a value that equals it is agreed with, and a value that does not is a word, also a repeated one.
    """
    facts = set(scope)
    known = {key: said[layer]["value"] for key, said in of.items() if layer in said and key.split(".")[0] in facts}
    if seen is None:
        return {key: values.get(key) for key in {**known, **values} if values.get(key) != known.get(key)}
    agreed = {key for key, value in values.items() if value == seen.get(key)}
    taken_back = {
        key: None
        for key, value in known.items()
        if key not in values
        or (key in agreed and value != values[key] and key != "real_rights")  # a list adds to others
    }
    return {key: value for key, value in values.items() if key not in agreed} | taken_back


def state(layers: Layers, person: str, layer: Layer, changed: Mapping[str, Any], stamp: Statement) -> Layers:
    """The layers with what a person's layer says differently. stamp: {"by", "at", "since"}."""
    of = {key: dict(said) for key, said in layers.get(person, {}).items()}
    for key, value in changed.items():
        said = of.setdefault(key, {})
        if value is None:
            said.pop(layer, None)
        else:
            said[layer] = {**stamp, "value": value}
    return {**layers, person: {key: said for key, said in of.items() if said}}


def declarations(of: Statements) -> dict[str, dict[str, Statement]]:
    """What was declared alone."""
    return {key: {"declaration": said["declaration"]} for key, said in of.items() if "declaration" in said}


def declared(of: Statements) -> dict[str, Any]:
    """What was declared of a person, in the form of a member."""
    said = {key: layers["declaration"]["value"] for key, layers in of.items() if "declaration" in layers}
    facts = {key: value for key, value in said.items() if "." not in key}
    if "incomes" in facts:
        facts["incomes"] = [said[f"incomes.{year}"] for year in facts["incomes"]]
    if "real_rights" in facts:
        rights = _keyed(facts["real_rights"])
        facts["real_rights"] = [{**right, **said.get(f"real_rights.{key}", {})} for key, right in rights.items()]
    return facts


def compose(
    structure: Sequence[Mapping[str, Any]],
    persons: Mapping[str, str],
    layers: Layers,
    table: Table,
    uploaded: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Composed:
    """The household that the rules see. structure: the members' own keys (`STRUCTURE`); persons: member id → person;
    uploaded: person → keys that a document waits on: a claim without proof has it as its proof."""
    found = Composed([], {}, [], [], {}, {})
    for member in structure:
        id_, person = member["id"], persons[member["id"]]
        of, waiting = layers.get(person, {}), uploaded.get(person, ())
        rights = _rights(of) if member["role"] in CANDIDATES else None
        facts, found.origins[id_] = _member(member["role"], of, rights, table, waiting)
        found.members.append({name: member[name] for name in STRUCTURE} | _without(facts, *TIES))
        if rights:
            found.rights[id_], found.gone[id_] = list(rights.by_key), rights.gone
        if rights and member["moves_in"]:
            found.residence.extend({**stay, "member": id_} for stay in facts.get("stays", ()))
            care = facts.get("informal_care_in", ())
            found.informal_care_in.extend(place for place in care if place not in found.informal_care_in)
    return found


def _member(
    role: str, of: Statements, rights: "_Rights | None", table: Table, waiting: Collection[str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    facts: dict[str, Any] = {}
    origins: dict[str, dict[str, Any]] = {}
    for fact, origin in table.items():
        if origin.about != "everybody" and (origin.about == "candidates") != (role in CANDIDATES):
            continue
        if origin.each == "year":
            _see_incomes(of, origin, facts, origins)
        elif origin.each == "right" and rights:
            _see_rights(of, rights, facts, origins, waiting)
        else:
            layer, value, origins[fact] = _holds(of.get(fact, {}), origin)
            if layer:
                facts[fact] = _proven(value, fact in waiting) if origin.is_claim else value
        if fact in waiting:
            origins[fact] = origins[fact] | {"uploaded": True}
    return facts, origins


def _holds(said: Mapping[str, Statement], origin: Origin) -> tuple[Layer | None, Any, dict[str, Any]]:
    """The layer that holds, what the rules see by it, and its origin as it is shown."""
    if not said:
        return None, None, _shown(None, said)
    if origin.is_claim:
        layer, claim = _claim(said)
        if layer and origin.declared == "on_honour" and not claim.get("proof"):
            return layer, {**claim, "proof": "interpreted"}, _shown(layer, said)
        return layer, claim, _shown(layer, said, to_prove=layer == "declaration")
    layer = _established(said)
    declares = said["declaration"]["value"] if "declaration" in said else None
    if layer is None and origin.declared == "counts" and declares is not None:
        return "declaration", declares, _shown("declaration", said)
    value = said[layer]["value"] if layer else None
    # a no where nobody established anything is nothing to prove; against an established yes it is
    return layer, value, _shown(layer, said, to_prove=declares not in (None, [], value) and bool(declares or value))


def _proven(claim: Any, uploaded: bool) -> Any:
    """A claim whose proof is awaited has it as soon as a document waits to be judged."""
    return {**claim, "proof": "uploaded"} if uploaded and not claim.get("proof") else claim


def _established(said: Mapping[str, Statement]) -> Layer | None:
    return "interpretation" if "interpretation" in said else _later(said, "source", "counter")


def _claim(said: Mapping[str, Statement]) -> tuple[Layer | None, Any]:
    """A claim holds as it was judged; one that is declared differently since then is new, without proof."""
    layer, declares = _later(said, "counter", "interpretation"), said.get("declaration")
    judged = said[layer] if layer else {"value": None, "since": 0}
    if declares and declares["since"] > judged["since"] and declares["value"] != _without(judged["value"], "proof"):
        return "declaration", declares["value"]
    return layer, judged["value"]


def is_made(claim: Mapping[str, Any] | None, said: Mapping[str, Statement]) -> bool:
    """Is a claim that a document was brought for still made, on the same ground? None: it was brought for none."""
    now = _claim(said)[1]
    return claim is None or (now is not None and all(claim.get(of) == now.get(of) for of in ("ground", "exception")))


def _see_incomes(of: Statements, origin: Origin, facts: dict[str, Any], origins: dict[str, dict[str, Any]]) -> None:
    """Each year has an origin of its own, and the latest is that of `incomes`. To know of none is to know as well."""
    said = of.get("incomes", {})
    listed = _established(said)
    origins["incomes"] = _shown(listed, said)
    known: list[Any] = []
    for key in sorted(key for key in of if key.startswith("incomes.")):
        layer, income, origins[key] = _holds(of[key], origin)
        if layer:
            known.append(income)
        if layer or not (known or listed):
            origins["incomes"] = origins[key]
    if known or listed:
        facts["incomes"] = known


def _see_rights(
    of: Statements,
    rights: "_Rights",
    facts: dict[str, Any],
    origins: dict[str, dict[str, Any]],
    waiting: Collection[str],
) -> None:
    """A declared right counts, its absence does not: only a source or the counter knows of no others."""
    said = of.get("real_rights", {})
    declares = bool(rights.by_key) and "declaration" in said  # else a case worker judged what nobody lists any more
    origins["real_rights"] = _shown(rights.listed or ("declaration" if declares else None), said)
    seen, surely_barred = [], False
    for n, (key, (layer, right)) in enumerate(rights.by_key.items()):
        on_it, uploaded = of.get(f"{RIGHT}{key}", {}), f"{RIGHT}{key}" in waiting
        judged, claim = _claim(on_it)
        seen.append({**right, **(_proven(claim, uploaded) if claim else {})})
        surely_barred |= right["right"] != _NO_BAR and seen[n].get("proof") != "interpreted"
        shown = _shown(judged, on_it, to_prove=judged == "declaration") if judged else _shown(layer, said)
        origins[f"real_rights[{n}]"] = shown | ({"uploaded": True} if uploaded else {})
    if rights.listed or surely_barred:  # else the rights that nobody looked for could still bar
        facts["real_rights"] = seen


@dataclass(frozen=True)
class _Rights:
    """listed: the layer that listed a candidate's rights; by_key: key → layer and right; gone: see `Composed`."""

    listed: Layer | None
    by_key: dict[str, tuple[Layer, Mapping[str, Any]]]
    gone: list[str]


def _rights(of: Statements) -> _Rights:
    said, gone = of.get("real_rights", {}), list[str]()
    listed = _established(said)
    by_key = _listed(said, listed) if listed else {}
    if listed == "source":  # it knows of Belgium alone
        counter = _listed(said, "counter")
        by_key |= {key: (layer, right) for key, (layer, right) in counter.items() if _abroad(right)}
    if "declaration" in said and ("counter" not in said or said["declaration"]["since"] > said["counter"]["since"]):
        by_key = _listed(said, "declaration") | by_key
    for key in (key.removeprefix(RIGHT) for key in of if key.startswith(RIGHT)):
        if key in by_key:
            continue
        right = {name: part for name, part in zip(_RIGHT, key.split("/"), strict=False) if part != "-"}
        judged, claim = _claim(on_it := of[f"{RIGHT}{key}"])
        there = _abroad(right) or listed != "source"
        if there and judged in ("counter", "interpretation") and claim.get("proof") != "interpreted":
            by_key[key] = judged, right  # what a case worker judged and did not accept is not declared away
        elif _later(on_it, "counter", "interpretation"):
            gone.append(f"{RIGHT}{key}")
    return _Rights(listed, by_key, sorted(gone))


def _listed(said: Mapping[str, Statement], layer: Layer) -> dict[str, tuple[Layer, Mapping[str, Any]]]:
    rights = said[layer]["value"] if layer in said else ()
    return {key: (layer, right) for key, right in _keyed(rights).items()}


def _shown(layer: str | None, said: Mapping[str, Statement], *, to_prove: bool = False) -> dict[str, Any]:
    by: Statement = said[layer] if layer else {}
    shown: dict[str, Any] = {"origin": layer or "none", "by": by.get("by"), "at": by.get("at")}
    if to_prove:
        shown["to_prove"] = True
    if layer == "interpretation" and contradicts(said):
        shown |= {"contradicted_by": said["source"]["by"], "source_says": said["source"]["value"]}
    return shown


def contradicts(said: Mapping[str, Statement]) -> bool:
    """Did a source answer differently after the interpretation?"""
    judged, source = said.get("interpretation"), said.get("source")
    return bool(judged and source and source["since"] > judged["since"] and source["value"] != judged["value"])


def _later(said: Mapping[str, Statement], *layers: Layer) -> Layer | None:
    found = sorted((layer for layer in layers if layer in said), key=lambda layer: said[layer]["since"])
    return found[-1] if found else None


def _keyed(rights: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Key → right. A right without a country lies in Belgium; several of one kind are told apart by their number."""
    found: dict[str, Mapping[str, Any]] = {}
    often: Counter[str] = Counter()
    for right in rights:
        kind = right_of(right)
        often[kind] += 1
        found[f"{kind}/{often[kind]}"] = right
    return found


def right_of(right: Mapping[str, Any]) -> str:
    """The kind of right that its key begins with."""
    return "/".join((right.get("right") or "-", right.get("object") or "-", right.get("country") or "BE"))


def _abroad(right: Mapping[str, Any]) -> bool:
    return (right.get("country") or "BE") != "BE"


def _without(value: Any, *names: str) -> Any:
    return {name: one for name, one in value.items() if name not in names} if isinstance(value, Mapping) else value
