"""What can be known of a household, and how it stands in a column.

A column holds integers: cents, days (yyyymmdd), 0 and 1, or the place of a value in its list. -1 is unknown. The proof of a
claim is one of three: none, rejected or interpreted; a pending one is unknown between the last two.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from eligibility.domain.source import Shape, Texts, Words, meant

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

FULL_YEAR = 10_000  # days are yyyymmdd: in order, and as many full years apart as whole ten thousands
NEW_YEAR = 1_01
FOR_EVER = 9999_12_31

Read = Callable[[Mapping[str, Any]], int]
Ways = tuple[str, tuple[int, ...]]


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
    ways: Ways | None = None

    @property
    def money(self) -> bool:
        return self.kind == "amount"


class Fact(Shape):
    """One fact of facts.yaml: what may be known, of whom, and what settles it."""

    type: Literal["date", "one_of", "claim", "yes_no", "assessments", "proven_claim", "amount", "list"]
    about: list[Literal["candidate", "co_resident"]]
    """Of whom it is known."""
    title: Texts
    documents: Words | dict[str, Words] = Field(alias="proofs")
    """The documents that settle it; with proofs_by, by what is claimed."""
    proofs_by: str | None = None
    """The key of a claim whose value says which documents prove it."""
    unknown_proofs: list[str] = []
    """The documents that settle a list of which nothing is known."""
    values: Annotated[list[str], Field(min_length=2)] | None = None
    """What it may be (one_of)."""
    amounts: list[str] = []
    """The kinds of income of an assessment."""
    amount: str | None = None
    """The key of a proven claim that holds an amount."""
    each: str | None = None
    """What one thing of the list is called: a condition is about each_…"""
    fields: dict[str, Words] = {}
    """Of each thing of the list, its keys and what they may be."""
    claim: str = ""
    """The key of a thing that claims something; its proof proves it."""
    _name: str

    @cached_property
    def name(self) -> str:
        return self._name

    @cached_property
    def proofs(self) -> Mapping[str, tuple[str, ...]]:
        """By what is claimed; "" where that makes no difference, or nothing is known."""
        if isinstance(self.documents, dict):
            return {"": tuple(self.unknown_proofs)} | {by: tuple(proofs) for by, proofs in self.documents.items()}
        return {"": tuple(self.documents)}

    def columns(self) -> list[Column]:
        """The columns of a person (of a list: of each thing in it)."""
        name, claim, amount = self.name, self.claim, self.amount
        if self.type == "list":
            grounds = tuple(range(1, 1 + len(self.fields[claim])))
            return [
                *(_field(name, field, tuple(values)) for field, values in self.fields.items()),
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
            codes = {value: at for at, value in enumerate(self.values or ())}
            tried = tuple(codes.values())
            return [Column(name, name, lambda m: UNKNOWN if m[name] is None else codes[m[name]], codes, tried=tried)]
        if self.type == "amount":
            return [Column(name, name, lambda m: _known(m[name]), None, "amount", SURE)]
        if self.type == "date":
            return [Column(name, name, lambda m: UNKNOWN if m[name] is None else day_number(m[name]))]
        if self.type == "assessments":
            return []  # the figure that takes the latest reads them
        return [Column(name, name, lambda m: _known(m[name]), _YES_NO)]

    def settled_by(self, declared: Mapping[str, Any] | None = None) -> tuple[str, ...]:
        """The documents that would settle it; of a claim whose ground is not given, those of any ground."""
        ground = (declared or {}).get(self.proofs_by) if self.proofs_by else ""
        if ground is None:
            return tuple(dict.fromkeys(proof for by, proofs in self.proofs.items() if by for proof in proofs))
        return self.proofs[ground]


def day_number(day: date) -> int:
    return day.year * FULL_YEAR + day.month * 100 + day.day


def day_of(number: int) -> date:
    return date(number // FULL_YEAR, number // 100 % 100, number % 100)


def lists(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """The facts that are lists, by the subject that their things are."""
    return {f"each_{fact.each}": fact for fact in facts.values() if fact.each}


def columns_of(facts: Iterable[Fact]) -> dict[str, Column]:
    """Their columns, by name."""
    return {column.name: column for fact in facts for column in fact.columns()}


def profile(facts: Mapping[str, Fact]) -> tuple[str, ...]:
    """The facts of co-residents."""
    return tuple(name for name, fact in facts.items() if "co_resident" in fact.about)


def _known(value: int | None) -> int:
    return UNKNOWN if value is None else int(value)


def _proof(name: str, fact: str, claim: Callable[[Any], Any], ways: Ways | None = None) -> Column:
    def read(declared: Mapping[str, Any]) -> int:
        made = claim(declared)
        return _PENDING[made["proof"]] if made else PROOF["none"]

    return Column(name, fact, read, PROOF, "pending", (PROOF["interpreted"], PROOF["rejected"]), ways)


def _field(fact: str, field: str, values: tuple[str, ...]) -> Column:
    codes = {"none": 0, **{value: at for at, value in enumerate(values, 1)}}
    return Column(field, fact, lambda item: codes[item[field] or "none"], codes)


class FactsFile(Shape):
    """What is known of a household. Left out is unknown; a claim left out is not made."""

    conditions: Words
    """The conditions, in the order in which they are answered."""
    facts: dict[str, Fact]
    """In the order in which they are asked."""


def compile_facts(file: FactsFile) -> dict[str, Fact]:
    for name, fact in file.facts.items():
        _complete(name, fact)
    of_others = [fact for fact in file.facts.values() if "co_resident" in fact.about]
    if wrong := [fact for fact in of_others if fact.type not in ("claim", "yes_no")]:
        raise wrong[0].place.wrong("of a co-resident only a claim or yes_no can be known")
    unknown = [fact for fact in of_others if fact.type != "claim"]
    if len(unknown) > 1:  # who is alike is interchangeable, and their number is enumerated, in one unknown only
        raise unknown[1].place.wrong(f"beside `{unknown[0].name}` no second fact of a co-resident can be unknown")
    return file.facts


def _complete(name: str, fact: Fact) -> None:
    optional = ("amount", "proofs_by") if fact.type == "proven_claim" else ()
    fact.place.keys(("type", "about", "title", "proofs", *TYPES[fact.type]), optional)
    fact._name, by = name, fact.proofs_by
    if isinstance(fact.documents, dict) != (by is not None):
        raise fact.under("proofs").wrong("documents by claim are a mapping, with `proofs_by`; else a list")
    if fact.claim and fact.under("claim").one_of(fact.fields, "field") != by:
        raise fact.under("proofs_by").wrong(f"what is proven is what is claimed: `{fact.claim}`")
    if missing := [ground for ground in fact.fields.get(by or "", ()) if ground not in fact.proofs]:
        known = meant(missing[0], filter(None, fact.proofs))
        raise fact.under("proofs").wrong(f"no documents prove `{missing[0]}`{known}")
