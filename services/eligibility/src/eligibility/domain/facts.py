"""What can be known of a household, and how it stands in a column.

A column holds integers: cents, days (proleptic ordinals), 0 and 1, or the place of a value in its list. -1 is unknown. The
proof of a claim is one of three: none, rejected or interpreted; a pending one is unknown between the last two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eligibility.domain.source import Node

UNKNOWN = -1
HIGHEST = 9_000_000_00  # cents; int64 holds sums of these, indexed, exactly (a test shows it)
PROOF = {"none": 0, "rejected": 1, "interpreted": 2}
_PENDING = {None: UNKNOWN, "uploaded": UNKNOWN, "rejected": 1, "interpreted": 2}
_YES_NO = {False: 0, True: 1}
TYPES = ("date", "one_of", "claim", "yes_no", "assessments", "proven_claim", "amount", "list")

Read = Callable[[Mapping[str, Any]], int]


@dataclass(frozen=True, eq=False)
class Column:
    """One integer of a person or a right: how a rule file writes its values, and how it is read from what was declared.

    codes: the words (or yes and no) a rule may compare with; None for a number. money: in cents.
    """

    name: str
    fact: str
    read: Read
    codes: Mapping[Any, int] | None = None
    money: bool = False


@dataclass(frozen=True)
class Fact:
    """One fact of facts.yaml. proofs: by the claim's ground ("" where it has none)."""

    name: str
    type: str
    about: tuple[str, ...]
    title: Mapping[str, str]
    proofs: Mapping[str, tuple[str, ...]]
    proofs_by: str | None = None
    values: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    amount: str | None = None
    each: str | None = None
    fields: Mapping[str, tuple[str, ...]] | None = None
    claim: str | None = None

    def columns(self) -> list[Column]:
        """The columns of a person (of a list: of each thing in it)."""
        name = self.name
        if self.type == "list":
            fields, claim = self.fields or {}, self.claim or ""
            return [_field(name, field, values) for field, values in fields.items()] + [
                Column("proof", name, lambda item: _PENDING[item["proof"]] if item[claim] else PROOF["none"], PROOF)
            ]
        if self.type == "proven_claim":
            columns = [
                Column(f"{name}.proof", name, lambda m: _PENDING[m[name]["proof"]] if m[name] else PROOF["none"], PROOF)
            ]
            if self.amount:
                amount = self.amount
                columns.append(
                    Column(f"{name}.{amount}", name, lambda m: _known((m[name] or _NIL)[amount]), money=True)
                )
                columns.append(Column(f"{name}.months", name, lambda m: int((m[name] or _NIL)["months"])))
            return columns
        if self.type in ("claim", "yes_no"):
            return [Column(name, name, lambda m: UNKNOWN if m[name] is None else int(m[name]), _YES_NO)]
        if self.type == "one_of":
            codes = {value: at for at, value in enumerate(self.values)}
            return [Column(name, name, lambda m: UNKNOWN if m[name] is None else codes[m[name]], codes)]
        if self.type == "amount":
            return [Column(name, name, lambda m: _known(m[name]), money=True)]
        if self.type == "date":
            return [Column(name, name, lambda m: UNKNOWN if m[name] is None else m[name].toordinal())]
        return []  # assessments: the figure that takes the latest reads them

    def settled_by(self, declared: Mapping[str, Any] | None = None) -> tuple[str, ...]:
        """The documents that would settle it; of a claim whose ground is not given, those of any ground."""
        ground = (declared or {}).get(self.proofs_by) if self.proofs_by else ""
        if ground is None:
            return tuple(dict.fromkeys(proof for by, proofs in self.proofs.items() if by for proof in proofs))
        return self.proofs[ground]


_NIL: Mapping[str, Any] = {"amount": 0, "months": 12}


def _known(amount: int | None) -> int:
    return UNKNOWN if amount is None else amount


def _field(fact: str, field: str, values: tuple[str, ...]) -> Column:
    codes = {"none": 0, **{value: at for at, value in enumerate(values, 1)}}
    return Column(field, fact, lambda item: codes[item[field] or "none"], codes)


def compile_facts(node: Node) -> dict[str, Fact]:
    """facts.yaml's `facts`, in the order in which they are asked."""
    facts = {name: _fact(name, spec) for name, spec in node.mapping().items()}
    unknown = [name for name, fact in facts.items() if "co_resident" in fact.about and fact.type != "claim"]
    if len(unknown) > 1:  # who is alike is interchangeable, and their number is enumerated, in one unknown only
        raise node.mapping()[unknown[1]].wrong(f"beside `{unknown[0]}` no second fact of a co-resident can be unknown")
    return facts


def _fact(name: str, node: Node) -> Fact:
    optional = ("values", "amounts", "amount", "months", "each", "fields", "claim", "proofs_by", "unknown_proofs")
    spec = node.keys(("type", "about", "title", "proofs"), optional)
    by = spec["proofs_by"].text() if "proofs_by" in spec else None
    if by:
        proofs = {ground: proofs.texts() for ground, proofs in spec["proofs"].mapping().items()}
    else:
        proofs = {"": spec["proofs"].texts()}
    if "unknown_proofs" in spec:
        proofs[""] = spec["unknown_proofs"].texts()
    return Fact(
        name,
        spec["type"].one_of(TYPES, "type of fact"),
        tuple(about.one_of(("candidate", "co_resident"), "person") for about in spec["about"]),
        spec["title"].in_two_languages(),
        proofs,
        by,
        spec["values"].texts() if "values" in spec else (),
        spec["amounts"].texts() if "amounts" in spec else (),
        spec["amount"].text() if "amount" in spec else None,
        spec["each"].text() if "each" in spec else None,
        {field: values.texts() for field, values in spec["fields"].mapping().items()} if "fields" in spec else None,
        spec["claim"].text() if "claim" in spec else None,
    )
