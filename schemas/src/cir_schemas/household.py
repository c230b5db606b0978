"""A household as it is declared, and the snapshot that carries it to eligibility.

What is left out is unknown (`None`), except a claim, which is then not made. Contradictions are refused here, so that
every door (HTTP, command line, topic) refuses the same ones with the same words.
"""

from collections import Counter
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from cir_schemas.envelope import DossierSnapshot
from cir_schemas.types import Cents, Day, MemberId, Moment, Role, Shape, TestId

Residence = Literal[
    "population_register",
    "foreigners_register",
    "reference_address",
    "waiting_register",
    "bis_register",
    "struck_ex_officio",
]
Proof = Literal["uploaded", "interpreted", "rejected"]
Right = Literal[
    "full_ownership",
    "partial_ownership",
    "full_usufruct",
    "partial_usufruct",
    "bare_ownership",
    "long_lease",
    "building_right",
    "granted_long_lease",
    "granted_building_right",
    "granted_usufruct",
    "brought_into_company",
]
RightException = Literal[
    "no_residence_zone",
    "uninhabitable",
    "expropriation",
    "not_adapted_to_handicap",
    "adl_dwelling",
    "separation",
    "acquired_for_free",
    "bankruptcy",
]
EARLIEST = date(2019, 1, 1)
MOST_MEMBERS = 50
"""In a request; an event may carry more."""


class Income(Shape):
    """One tax assessment (aanslagbiljet) of one person; an amount left out is nil."""

    year: Annotated[int, Field(ge=1990, le=2100, strict=True)]
    jointly_taxable: Cents = 0
    separately_taxable: Cents = 0
    replacement_allowance: Cents = 0
    living_wage: Cents = 0
    foreign_exempt: Cents = 0


class RecentIncome(Shape):
    """The claim that the income of the last months is what counts."""

    months: Annotated[int, Field(ge=3, le=6, strict=True)]
    amount: Cents | None = None
    proof: Proof | None = None


class SetAside(Shape):
    """The claim that an income above the limit may be set aside."""

    ground: Literal["collective_debt_settlement", "budget_guidance"]
    proof: Proof | None = None


class NoIncomeDeclared(Shape):
    """The declaration on honour that there is no income."""

    proof: Proof | None = None


class RealRight(Shape):
    """One real right on a dwelling or a plot; an exception is a claim and has its proof."""

    right: Right
    object: Literal["dwelling", "building_plot"] | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    exception: RightException | None = None
    proof: Proof | None = None

    @model_validator(mode="after")
    def _a_proof_proves_something(self) -> Self:
        if self.proof is not None and self.exception is None:
            raise ValueError("a proof without an exception: say which exception it proves, or leave the proof out")
        return self


class Member(Shape):
    """One person of the household, without name or national number."""

    id: MemberId
    role: Role
    born_on: Day | None = None
    moves_in: Annotated[bool, Field(strict=True)] = True
    residence: Residence | None = None
    emancipated: Annotated[bool, Field(strict=True)] = False
    guided_independent_living: Annotated[bool, Field(strict=True)] = False
    recognised_handicap: Annotated[bool, Field(strict=True)] | None = None
    dependant: Annotated[bool, Field(strict=True)] = False
    incomes: tuple[Income, ...] | None = None
    recent_income: RecentIncome | None = None
    set_aside: SetAside | None = None
    no_income_declared: NoIncomeDeclared | None = None
    balances: Cents | None = None
    real_rights: tuple[RealRight, ...] | None = None
    language: Literal["known", "not_known", "exempt"] | None = None

    @field_validator("incomes")
    @classmethod
    def _a_year_once(cls, incomes: tuple[Income, ...] | None) -> tuple[Income, ...] | None:
        years = Counter(income.year for income in incomes or ())
        if doubled := [year for year in sorted(years) if years[year] > 1]:
            raise ValueError(f"two incomes of {doubled[0]}: give one per year")
        return incomes


class MemberDeclared(Member):
    """A member in a request: his lists have caps there, and none in an event."""

    incomes: Annotated[tuple[Income, ...], Field(max_length=20)] | None = None
    real_rights: Annotated[tuple[RealRight, ...], Field(max_length=20)] | None = None


class Household(Shape):
    """Everybody in one dossier: exactly one applicant, who moves in, at most one partner."""

    members: tuple[Member, ...]

    @field_validator("members")
    @classmethod
    def _one_applicant(cls, members: tuple[Member, ...]) -> tuple[Member, ...]:
        ids = Counter(member.id for member in members)
        if doubled := [id_ for id_ in ids if ids[id_] > 1]:
            raise ValueError(f"two members are called {doubled[0]}")
        applicants = [member for member in members if member.role == "applicant"]
        if len(applicants) != 1:
            raise ValueError(f"a household has exactly one applicant, not {len(applicants)}")
        if not applicants[0].moves_in:
            raise ValueError("the applicant moves in: make another member the applicant, or leave moves_in out")
        if sum(member.role == "partner" for member in members) > 1:
            raise ValueError("a household has at most one partner")
        return members


def impossible_on(household: Household, day: date) -> list[tuple[tuple[str | int, ...], str]]:
    """What in the household cannot be true on that day: (path, message) each; empty when all can be."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    for at, member in enumerate(household.members):
        if member.born_on is not None and member.born_on > day:
            found.append((("members", at, "born_on"), f"born after {day}"))
        for n, income in enumerate(member.incomes or ()):
            if income.year >= day.year:
                found.append((("members", at, "incomes", n, "year"), f"an income's year lies before {day.year}"))
    return found


class HouseholdOnDay(Household):
    """A household, a day and a moment. What cannot be true then: `impossible_on`."""

    reference_date: Day
    moment: Moment = "registration"
    registered_on: Day | None = None

    @field_validator("reference_date")
    @classmethod
    def _known_law(cls, day: date) -> date:
        if day < EARLIEST:
            raise ValueError(f"the rules begin on {EARLIEST}")
        return day


class HouseholdToAssess(HouseholdOnDay):
    """What `assess` and `preview` are asked."""

    members: Annotated[tuple[MemberDeclared, ...], Field(max_length=MOST_MEMBERS)]


class Test(Shape):
    """A test of the conditions: opened by the dossier on a day that then stays the reference date."""

    __test__: ClassVar[bool] = False  # pytest: not a test class

    id: TestId
    moment: Moment
    reference_date: Day
    registered_on: Day | None = None


class HouseholdRecorded(DossierSnapshot, topic="cir.household.v1"):
    """The facts of a household as they now stand, and the test that is open on them, if any."""

    facts_version: int
    household: Household
    test: Test | None = None
    registered_on: Day | None = None
    """Since when the household is registered: without an open test it is then assessed for information, as an update."""


class HouseholdErased(DossierSnapshot, topic="cir.household.v1"):
    """A draft was erased: nothing of its household may be kept."""
