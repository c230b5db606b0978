"""Many rows in one statement: columns travel as arrays and are rows again in PostgreSQL (`unnest`)."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY


def given(columns: Sequence[sa.Column[Any]], rows: Sequence[Mapping[str, Any]]) -> sa.TableValuedAlias:
    """A table `given` of these rows, with these columns and, last, `place`: a row's place among them.

    No column may be an array itself: `unnest` would flatten it.
    """
    arrays = [
        sa.bindparam(c.name, [row[c.name] for row in rows], ARRAY(c.type, dimensions=1), unique=True) for c in columns
    ]
    names = [sa.column(c.name, c.type) for c in columns]
    return sa.func.unnest(*arrays).table_valued(*names, with_ordinality="place").render_derived("given")
