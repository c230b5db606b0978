"""What can be known of a household, and how it stands in a column.

A column holds integers: cents, days (proleptic ordinals), 0 and 1, or the place of a value in its list. -1 is unknown. The
proof of a claim is one of three: none, rejected or interpreted; a pending one is unknown between the last two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eligibility.domain.source import Node, meant

UNKNOWN = -1
HIGHEST = 9_000_000_00  # cents; int64 holds sums of these, indexed, exactly (a test shows it)
SURE = (1, 0, HIGHEST)  # amounts that are tried always
PROOF = {"none": 0, "rejected": 1, "interpreted": 2}
_PENDING = {None: UNKNOWN, "uploaded": UNKNOWN, "rejected": 1, "interpreted": 2}
_YES_NO = {False: 0, True: 1}
TYPES = {  # and the keys that a fact of that type has beside those of every fact
    "date": (), "one_of": ("values",), "claim": (), "yes_no": (), "assessments": ("amounts",), "proven_claim": (), "amount": (),
    "list": ("each", "fields", "claim", "proofs_by", "unknown_proofs"),
}  # fmt: skip

Read = Callable[[Mapping[str, Any]], int]


@dataclass(frozen=True, eq=False)
class Column:
    """One integer of a person or a right: how a rule file writes its values, and how it is read from what was declared.

    codes: the words (or yes and no) a rule may compare with; None for a number. kind: fact, amount (in cents), or pending (the
    proof of a claim). tried: its values, where it is unknown. ways: what a claim that is made may say, and in which column.
    """

    name: str
    fact: str
    read: Read
    codes: Mapping[Any, int] | None = None
    kind: str = "fact"
    tried: tuple[int, ...] = (0, 1)
    ways: tuple[str, tuple[int, ...]] | None = None

    @property
    def money(self) -> bool:
        return self.kind == "amount"


@dataclass(frozen=True)
class Fact:
    """One fact of facts.yaml. proofs: by the claim's ground ("" where it has none)."""

    name: str
    type: str
    about: tuple[str, ...]
    title: Mapping[str, str]
    proofs: Mapping[str, tuple[str, ...]]
    proofs_by: str | None
    values: tuple[str, ...]
    amounts: tuple[str, ...]
    amount: str | None
    each: str | None
    fields: Mapping[str, tuple[str, ...]]
    claim: str
    place: Node

    def columns(self) -> list[Column]:
        """The columns of a person (of a list: of each thing in it)."""
        name, claim, amount = self.name, self.claim, self.amount
        if self.type == "list":
            grounds = tuple(range(1, 1 + len(self.fields[claim])))
            return [
                *(_field(name, field, values) for field, values in self.fields.items()),
                _proof("proof", name, lambda item: item if item[claim] else None, (claim, grounds)),
            ]
        if self.type == "proven_claim":
            if not amount:
                return [_proof(f"{name}.proof", name, lambda m: m[name])]
            column = f"{name}.{amount}"
            return [
                _proof(f"{name}.proof", name, lambda m: m[name], (column, (0, 1))),
                Column(column, name, lambda m: _known((m[name] or {amount: 0})[amount]), None, "amount", SURE),
                Column(f"{name}.months", name, lambda m: int((m[name] or {"months": 12})["months"])),
            ]
        if self.type == "one_of":
            codes = {value: at for at, value in enumerate(self.values)}
            tried = tuple(codes.values())
            return [Column(name, name, lambda m: UNKNOWN if m[name] is None else codes[m[name]], codes, tried=tried)]
        if self.type == "amount":
            return [Column(name, name, lambda m: _known(m[name]), None, "amount", SURE)]
        if self.type == "date":
            return [Column(name, name, lambda m: UNKNOWN if m[name] is None else m[name].toordinal())]
        if self.type == "assessments":
            return []  # the figure that takes the latest reads them
        return [Column(name, name, lambda m: _known(m[name]), _YES_NO)]

    def settled_by(self, declared: Mapping[str, Any] | None = None) -> tuple[str, ...]:
        """The documents that would settle it; of a claim whose ground is not given, those of any ground."""
        ground = (declared or {}).get(self.proofs_by) if self.proofs_by else ""
        if ground is None:
            return tuple(dict.fromkeys(proof for by, proofs in self.proofs.items() if by for proof in proofs))
        return self.proofs[ground]


def profile(facts: Mapping[str, Fact]) -> tuple[str, ...]:
    """The facts of co-residents."""
    return tuple(name for name, fact in facts.items() if "co_resident" in fact.about)


def _known(value: int | None) -> int:
    return UNKNOWN if value is None else int(value)


def _proof(
    name: str, fact: str, claim: Callable[[Any], Any], ways: tuple[str, tuple[int, ...]] | None = None
) -> Column:
    def read(declared: Mapping[str, Any]) -> int:
        made = claim(declared)
        return _PENDING[made["proof"]] if made else PROOF["none"]

    return Column(name, fact, read, PROOF, "pending", (PROOF["interpreted"], PROOF["rejected"]), ways)


def _field(fact: str, field: str, values: tuple[str, ...]) -> Column:
    codes = {"none": 0, **{value: at for at, value in enumerate(values, 1)}}
    return Column(field, fact, lambda item: codes[item[field] or "none"], codes)


def compile_facts(node: Node) -> dict[str, Fact]:
    """facts.yaml's `facts`, in the order in which they are asked."""
    facts = {name: _fact(name, spec) for name, spec in node.mapping().items()}
    of_others = [fact for fact in facts.values() if "co_resident" in fact.about]
    if wrong := [fact for fact in of_others if fact.type not in ("claim", "yes_no")]:
        raise wrong[0].place.wrong("of a co-resident only a claim or yes_no can be known")
    unknown = [fact for fact in of_others if fact.type != "claim"]
    if len(unknown) > 1:  # who is alike is interchangeable, and their number is enumerated, in one unknown only
        raise unknown[1].place.wrong(f"beside `{unknown[0].name}` no second fact of a co-resident can be unknown")
    return facts


def _fact(name: str, node: Node) -> Fact:
    type_ = node.mapping()["type"].one_of(TYPES, "type of fact") if "type" in node.mapping() else ""
    optional = ("amount", "proofs_by") if type_ == "proven_claim" else ()
    spec = node.keys(("type", "about", "title", "proofs", *TYPES.get(type_, ())), optional)

    def texts(key: str) -> tuple[str, ...]:
        return spec[key].texts() if key in spec else ()

    by, claim, each, amount = (
        spec[key].text() if key in spec else None for key in ("proofs_by", "claim", "each", "amount")
    )
    fields = {field: values.texts() for field, values in spec["fields"].mapping().items()} if "fields" in spec else {}
    proofs = {"": texts("unknown_proofs") if by else texts("proofs")}
    if by:
        proofs |= {ground: documents.texts() for ground, documents in spec["proofs"].mapping().items()}
    if claim is not None and spec["claim"].one_of(fields, "field") != by:
        raise spec["proofs_by"].wrong(f"what is proven is what is claimed: `{claim}`")
    if missing := [ground for ground in fields.get(by or "", ()) if ground not in proofs]:
        raise spec["proofs"].wrong(f"no documents prove `{missing[0]}`{meant(missing[0], filter(None, proofs))}")
    about = tuple(about.one_of(("candidate", "co_resident"), "person") for about in spec["about"])
    title = spec["title"].in_two_languages()
    return Fact(
        name,
        type_,
        about,
        title,
        proofs,
        by,
        texts("values"),
        texts("amounts"),
        amount,
        each,
        fields,
        claim or "",
        node,
    )
