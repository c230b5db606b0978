"""A household as somebody asks about it, in a file or over HTTP: both doors refuse the same, with the path of what is wrong."""

from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from cir_chassis.problems import path_of
from cir_schemas.household import HouseholdOnDay, HouseholdToAssess, Member, impossible_on
from eligibility.domain.source import meant

Errors = list[tuple[str, str]]
H = TypeVar("H", bound=HouseholdOnDay)


def leaves(of: Any) -> set[Any]:
    """What an annotation comes down to: types, or the words of a Literal."""
    parts = [part for part in get_args(of) if part not in (type(None), ...)]
    return set[Any]().union(*map(leaves, parts[:1] if get_origin(of) is Annotated else parts)) if parts else {of}


SHAPES: dict[str, type[BaseModel]] = {"members": Member} | {
    name: shape for name, field in Member.model_fields.items()
    for shape in leaves(field.annotation) if isinstance(shape, type) and issubclass(shape, BaseModel)
}  # fmt: skip
"""What stands at a key of a household, where it has keys of its own."""


class WrongHousehold(Exception):
    """errors: (path, message) each."""

    def __init__(self, errors: Errors) -> None:
        super().__init__("; ".join(f"{path}: {message}" for path, message in errors))
        self.errors = errors


def impossible(household: HouseholdOnDay) -> Errors:
    """What cannot be true on the reference date."""
    return [(path_of(place), why) for place, why in impossible_on(household, household.reference_date)]


def read(given: Any, shape: type[H]) -> H:
    """A household from what JSON gave. Raises `WrongHousehold`, with a hint where a key is not known."""
    try:
        household = shape.model_validate(given)
    except ValidationError as error:
        wrong = [(path_of(one["loc"]) or "household", _why(one)) for one in error.errors(include_url=False)]
        raise WrongHousehold(wrong) from None
    if errors := impossible(household):
        raise WrongHousehold(errors)
    return household


def _why(error: Any) -> str:
    if error["type"] != "extra_forbidden":
        return str(error["msg"]).removeprefix("Value error, ")
    *above, key = error["loc"]
    shape = next((SHAPES[part] for part in reversed(above) if part in SHAPES), HouseholdToAssess)
    return f"unknown key `{key}`{meant(str(key), shape.model_fields)}"
