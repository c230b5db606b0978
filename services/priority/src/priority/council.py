"""The agreement of an allocation council (toewijzingsraad): a file that people edit; a mistake is refused with its place."""

from collections.abc import Collection, Mapping
from datetime import date
from fractions import Fraction
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from cir_schemas.types import Company, Day, Municipality, Organisation, Shape
from priority.domain.ranking import VLABINVEST, Regulation
from priority.domain.turns import STANDARD, flat
from priority.requests import Name, Reasons, Share, Vote, Years, exact
from priority.rules import highest_ceiling
from priority.texts import Text


class Group(Shape):
    """A group of accelerated allocation (pillar 2): its share of the accelerated allocations, and who may refer for it."""

    title: Text
    share: Share
    referrers: Annotated[tuple[Organisation, ...], Field(min_length=1)]


class TargetGroup(Shape):
    """A target group of the local regulation (pillar 3)."""

    title: Text


class Freeze(Shape):
    """Days on which nothing is offered. until: the first day on which homes are offered again. reasons, votes: of one that was
    decided while the agreement ran."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    from_: Day = Field(alias="from")
    until: Day
    reasons: Reasons | None = None
    votes: tuple[Vote, ...] = ()

    @model_validator(mode="after")
    def _goes_forward(self) -> "Freeze":
        if self.until <= self.from_:
            raise ValueError(f"until ({self.until}) is the first day after it, and from is {self.from_}")
        return self


class Frozen(Freeze):
    """A freeze of an agreement that runs already: why, and how the council voted."""

    reasons: Reasons
    votes: Annotated[tuple[Vote, ...], Field(min_length=1)]


class Agreement(Shape):
    """An agreement for one company, or for one (sub)area of it, and for a period; both its days are included.

    accelerated_share: of all allocations; planned: how many of these the period is to have. target_ceiling: at most this share
    of them may be kept for the target groups. vlabinvest: who has Vlabinvest's priority comes first, in pillars 1 and 2.
    """

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    company: Company
    area: Annotated[str, Field(min_length=1)] | None = None
    municipalities: Annotated[tuple[Municipality, ...], Field(min_length=1)]
    from_: Day = Field(alias="from")
    through: Day
    planned: Annotated[int, Field(ge=1, le=100_000)]
    accelerated_share: Share
    groups: Mapping[Name, Group]
    stricter_tie_years: Years | None = None
    area_tie: bool = False
    vlabinvest: bool = False
    target_groups: Mapping[Name, TargetGroup] = Field(default_factory=dict)
    target_ceiling: Share = "0"
    freezes: tuple[Freeze, ...] = ()

    @model_validator(mode="after")
    def _adds_up(self) -> "Agreement":
        if self.through < self.from_:
            raise ValueError(f"through ({self.through}) lies before from ({self.from_})")
        self.shares()
        if both := sorted(set(self.groups) & set(self.target_groups)):
            raise ValueError(f"{', '.join(both)}: a group of pillar 2 and a target group of pillar 3 at once")
        if taken := sorted({STANDARD, VLABINVEST} & {*self.groups, *self.target_groups}):
            raise ValueError(f"a group may not be called `{taken[0]}`")
        if exact(self.target_ceiling) > (highest := highest_ceiling(self.from_)):
            raise ValueError(f"target_ceiling: {self.target_ceiling} is above {highest}, the highest there is")
        if self.target_groups and not exact(self.target_ceiling):
            raise ValueError("target_ceiling: target groups without a share of the dwellings would never get one")
        if self.area_tie and self.area is None:
            raise ValueError(
                "area_tie: an agreement for the whole company has no area to be tied to: name one in `area`"
            )
        return self

    def shares(self) -> dict[str, Fraction]:
        """The share of each group and of `standard`. Raises `SharesDoNotAddUp`."""
        return flat(exact(self.accelerated_share), {name: exact(group.share) for name, group in self.groups.items()})

    def regulation(self, on: date) -> Regulation:
        """Its choices for a ranking that day."""
        frozen_until = max((one.until for one in self.freezes if one.from_ <= on < one.until), default=None)
        return Regulation(
            self.stricter_tie_years, self.area_tie, frozen_until, self.company if self.vlabinvest else None
        )

    def kept_at_most(self) -> int:
        """How many dwellings of the period may be kept for target groups."""
        return int(self.planned * exact(self.target_ceiling))

    def titles(self) -> Mapping[str, Text]:
        """The name of each group in words."""
        named: dict[str, Group | TargetGroup] = {**self.groups, **self.target_groups}
        return {name: group.title for name, group in named.items()}


def may_not_adopt(agreement: Agreement, votes: Collection[Vote]) -> str | None:
    """Why these votes do not adopt it. How many must be for it is the council's own rule; a tie with the area needs the
    consensus of the municipalities (S)."""
    if not any(vote.vote == "for" for vote in votes):
        return "nobody voted for it"
    for_it = {vote.municipality for vote in votes if vote.vote == "for"}
    against = {vote.municipality for vote in votes if vote.vote != "for"}
    missing = sorted(place for place in agreement.municipalities if place not in for_it or place in against)
    if agreement.area_tie and missing:
        return (
            f"area_tie needs the consensus of the municipalities, and these did not vote for it: {', '.join(missing)}"
        )
    return None


def cover_the_same(one: Agreement, other: Agreement) -> bool:
    """Whether there is a dwelling that both would cover, whatever the day."""
    areas = None in (one.area, other.area) or one.area == other.area
    return one.company == other.company and areas and bool(set(one.municipalities) & set(other.municipalities))


def first_day_in_common(one: tuple[date, date], other: tuple[date, date]) -> date | None:
    """Of two periods, both ends included."""
    first, last = max(one[0], other[0]), min(one[1], other[1])
    return first if first <= last else None
