"""What the law says, as dated rows of the files in `rules/`, which a jurist edits; the oldest row first."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cir_chassis.problems import path_of
from cir_chassis.yaml_file import read_yaml
from priority.domain.ranking import BECAUSE, Dated, LastingTie, value_on
from priority.texts import Text

V = TypeVar("V")
Mark = Literal["S", "D", "F", "K"]
"""Where it was found: seen in a public source, in the briefing; F: derived; K: to be confirmed (docs/law)."""
Criterion = Literal[
    "vlabinvest", "target_group", "stricter_tie", "lasting_tie", "area_tie", "informal_care", "registration_date"
]
Days = Annotated[int, Field(ge=1, le=365)]


class WrongRule(ValueError):
    """One line per mistake: file, line, place, what is wrong."""


class Row(BaseModel, Generic[V]):
    """A value, from a day on; since: none for the oldest one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: date | None
    mark: Mark
    article: str | None = None
    value: V


def _each_once(order: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
    if len(set(order)) < len(order) or order[-1:] != BECAUSE:
        raise ValueError("each criterion once, registration_date at the end")
    return order


def _one_after_the_other(rows: list[Row[Any]]) -> list[Row[Any]]:
    if [row.since is None for row in rows] != [n == 0 for n in range(len(rows))] or not rows:
        raise ValueError("the first row, and no other, has `since: null`")
    if any(one.since >= other.since for one, other in pairwise(rows[1:]) if one.since and other.since):
        raise ValueError("the rows stand in the order of `since`")
    return rows


def load(file: Path, value: Any) -> Sequence[Row[Any]]:
    """The rows of a file. Raises `WrongRule`."""
    try:
        given = read_yaml(file)
        rows = TypeAdapter(Annotated[list[Row[value]], AfterValidator(_one_after_the_other)])
        return rows.validate_python(given)
    except yaml.YAMLError as error:
        raise WrongRule(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        node = yaml.compose(file.read_text("utf-8"))
        raise WrongRule(
            "\n".join(f"{file}:{_line(node, e['loc'])}: {path_of(e['loc']) or 'the file'}: {e['msg']}" for e in wrong)
        ) from None


def _line(node: Any, place: Sequence[int | str]) -> int:
    """Where that stands, or else what it should stand in."""
    for step in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), node)
    return int(node.start_mark.line) + 1 if node else 1


def _dated(name: str, value: Any) -> Dated[Any]:
    rows = load(Path(__file__).parents[2] / "rules" / f"{name}.yaml", value)
    return [(row.since, row.value) for row in rows]


CRITERIA: Dated[tuple[str, ...]] = _dated("criteria", Annotated[tuple[Criterion, ...], AfterValidator(_each_once)])
LASTING_TIE: Dated[LastingTie] = _dated("lasting_tie", LastingTie)
_grounds: Dated[Mapping[str, Text]] = _dated("refusal_grounds", dict[str, Text])
_ceilings: Dated[Fraction] = _dated("target_ceiling", Fraction)
_NAMES = ("answer_days", "reminder_days", "declined_days", "lease_days", "same_home_days")
_DAYS: Mapping[str, Dated[int]] = {name: _dated(name, Days) for name in _NAMES}


def days(name: str, on: date) -> timedelta:
    """So many days, by the file of that name, on that day."""
    return timedelta(value_on(_DAYS[name], on))


def answer_by(opened_on: date) -> date:
    """The last day on which an offer that was opened that day may be answered."""
    return opened_on + days("answer_days", opened_on)


def remind_on(answer_by: date) -> date:
    """The day from which on who has not answered is reminded."""
    return answer_by - days("reminder_days", answer_by)


def refusal_grounds(on: date) -> Mapping[str, Text]:
    """What a refusal may be for that is judged that day, in words."""
    return value_on(_grounds, on)


def highest_ceiling(on: date) -> Fraction:
    """Of the homes that an agreement which begins that day may keep for target groups."""
    return value_on(_ceilings, on)
