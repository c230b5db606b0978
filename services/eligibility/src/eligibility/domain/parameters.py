"""Figures of the law through time: rows of integers, each with its days and its mark."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

import numpy as np
from pydantic import ConfigDict, Field

from eligibility.domain.facts import HIGHEST, day_number
from eligibility.domain.figures import Bools, Ints, Marks, Table
from eligibility.domain.source import Mark, Node, Number, Period, Shape, Source, Texts, Words

ONE_DAY = timedelta(1)
# scale, and the least and the most: int64 holds sums of the highest amounts, indexed by the highest factor
UNITS = {"euro": (100, 1, HIGHEST), "index": (100, 10_00, 200_00), "persons": (1, 1, 100)}


class Row(Shape):
    """The figures of a year, or from a day through a day; beside these keys stand the columns."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Number]
    nullable = ("through",)
    year: int | None = Field(None, json_schema_extra={"minimum": 1, "maximum": 9999})
    """The whole year."""
    first: date | None = Field(None, alias="from")
    """The first day, where it is no year."""
    through: date | None = None
    """The last day; null: it has no end."""
    mark: Mark | None = None
    """Of this row; else that of the parameter."""


class ParameterFile(Shape):
    """A figure of the law through time."""

    parameter: str
    """Its name."""
    title: Texts
    unit: Literal["euro", "index", "persons"]
    source: Source
    mark: Mark | None = None
    """Of every row that has none of its own."""
    known_until: date | None
    """The last day of the last row; null: until further notice."""
    times: Number = Decimal(1)
    """Every figure is multiplied by it, and rounded to the unit."""
    columns: Words
    rows: list[Row] = Field(min_length=1)
    """Without gaps or overlaps."""


class Parameter:
    """Each row holds from its start through its end, both included."""

    def __init__(self, node: Node, marks: Marks) -> None:
        """Raises `WrongRuleFile`."""
        spec = self.spec = ParameterFile.parse(node)
        self.name = spec.parameter
        found = [_days(row, spec.columns) for row in spec.rows]
        for (_, end), (start, _), row in zip(found, found[1:], spec.rows[1:], strict=False):
            if start - end != ONE_DAY:
                what = "overlaps" if start <= end else "leaves a gap after"
                raise row.place.wrong(f"this row {what} the one before it")
        bits = []
        for (start, _), row in zip(found, spec.rows, strict=True):
            if not (row.mark or spec.mark):
                raise row.place.wrong("`mark` is missing: S (seen), D (deck), F (formula) or K (to be confirmed)")
            name = f"{self.name}.{start.year}" if row.mark else self.name
            bits.append(marks.bit(name, row.mark or spec.mark))
        if found[-1][1] != (spec.known_until or date.max):
            raise spec.under("known_until").wrong("the last row ends on another day than `known_until`")
        columns = {name: [_scaled(row, name, spec) for row in spec.rows] for name in spec.columns}
        self.columns: dict[str, Ints] = {name: np.array(values, np.int64) for name, values in columns.items()}
        self.bits: Ints = np.array(bits, np.int64)
        self.starts, self.ends = (np.array([day_number(day) for day in days]) for days in zip(*found, strict=True))

    def row(self, day: Ints, needed: Bools | bool, table: Table) -> Ints:
        """Which row holds on that day; where none does and one is needed, the table learns what it lacks."""
        at: Ints = self.starts.searchsorted(day, side="right") - 1
        if (outside := (at < 0) | (self.ends[at] < day)).any():
            if (lacks := outside & needed).any():
                table.missing.append((self.name, day, lacks))
            at = np.maximum(at, 0)
        return at


def days(period: Period | Row) -> tuple[date, date]:
    """The first and last day."""
    if period.first is None:
        raise period.under("from").wrong("a first day, such as 2024-01-01, is expected")
    if period.through is not None and period.through < period.first:
        raise period.under("through").wrong(f"{period.through} lies before {period.first}")
    return period.first, period.through or date.max


def _days(row: Row, columns: list[str]) -> tuple[date, date]:
    row.place.keys((*(("year",) if row.year is not None else ("from", "through")), *columns), ("mark", "year"))
    if row.year is None:
        return days(row)
    if not date.min.year <= row.year <= date.max.year:
        raise row.under("year").wrong(f"there is no year {row.year}")
    return date(row.year, 1, 1), date(row.year, 12, 31)


def _scaled(row: Row, column: str, spec: ParameterFile) -> int:
    """A number as an integer: euro in cents, an index in hundredths. What is multiplied is rounded, half up; nothing else is."""
    scale, least, most = UNITS[spec.unit]
    given = (row.model_extra or {})[column]
    exact = Decimal(given) * scale * spec.times
    whole = int(exact.to_integral_value(ROUND_HALF_UP))
    if not least <= whole <= most or (whole != exact and "times" not in spec.model_fields_set):
        raise row.under(column).wrong(f"`{given}` is nil or too small, too large, or finer than the unit")
    return whole
