"""Many rows in one statement: columns travel as arrays and are rows again in PostgreSQL (`unnest`).

A statement is built once and run with any rows: to build and compile it takes longer than to run it with a few.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY


def given(columns: Sequence[sa.Column[Any]]) -> sa.TableValuedAlias:
    """A table `given` with these columns and, last, `place`: a row's place among the `rows` that it is run with.

    No column may be an array itself: `unnest` would flatten it.
    """
    arrays = [sa.bindparam(f"given_{c.name}", type_=ARRAY(c.type, dimensions=1)) for c in columns]
    names = [sa.column(c.name, c.type) for c in columns]
    return sa.func.unnest(*arrays).table_valued(*names, with_ordinality="place").render_derived("given")


def rows(columns: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    """The parameters of a statement that reads `given`: of each column, what the rows have in it."""
    return {f"given_{name}": list(values) for name, values in columns.items()}


def among(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Whether a row is one of those that the parameter `ids` names: one statement, however many they are."""
    return column == sa.any_(sa.bindparam("ids", type_=ARRAY(column.type)))
