"""What eligibility answers: an assessment that explains itself, and the snapshot that carries it to dossier."""

from typing import Literal

from pydantic import Field

from cir_schemas.envelope import DossierSnapshot
from cir_schemas.types import Day, MemberId, Outcome, Shape, TestId

Figure = str | tuple[str | None, str | None] | int | bool
"""An amount as a decimal string, or, where something is unknown, the range it lies in; null is no bound."""


class Condition(Shape):
    """One condition as it was decided: its outcome, what a failure does, the ids of the rules that decided."""

    outcome: Outcome
    effect: Literal["bar", "duty"]
    because: tuple[str, ...] = ()
    figures: dict[str, Figure] | None = Field(default=None, exclude_if=lambda figures: figures is None)


class Answer(Shape):
    """The outcome of one condition, and that of the household."""

    condition: Outcome
    outcome: Outcome


class Answers(Shape):
    """The two decisions on a proof: what the rules would give after each, all else being as it is."""

    interpreted: Answer
    rejected: Answer


class Ask(Shape):
    """Who must bring what: `fact` is a key of the member; `proofs` are the documents that would settle it."""

    condition: str
    person: MemberId
    fact: str
    proofs: tuple[str, ...] = ()
    answers: Answers | None = Field(default=None, exclude_if=lambda answers: answers is None)
    """Of a pending proof; absent where there was too much unknown to try it all."""


class Say(Shape):
    """The decision in words; `{person}` in a reason is a role, never a name."""

    nl: tuple[str, ...] = ()
    en: tuple[str, ...] = ()


class Assessment(Shape):
    """The decision over one household on one day, with everything that explains it."""

    reference_date: Day
    outcome: Outcome
    rules: str
    provisional: tuple[str, ...] = ()
    conditions: dict[str, Condition]
    asks: tuple[Ask, ...] = ()
    could_claim: tuple[Ask, ...] = ()
    say: Say = Say()


class HouseholdAssessed(DossierSnapshot, topic="cir.eligibility.v1"):
    """The newest assessment of a household: of these facts, for this test or, without one, for information."""

    facts_version: int
    test: TestId | None = None
    assessment: Assessment
