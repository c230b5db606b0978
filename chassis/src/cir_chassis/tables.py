"""A table whose rows are a dataclass is written once, as the dataclass: a field is a column, and its type the column's.

SQLAlchemy's own mapping would put a descriptor behind each attribute; rows here are plain values.
"""

from datetime import date, datetime
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

JSON = JSONB(none_as_null=True)
COLUMN_TYPES: dict[Any, Any] = {
    str: sa.Text,
    int: sa.BigInteger,
    UUID: sa.Uuid,
    date: sa.Date,
    datetime: sa.DateTime(timezone=True),
}


def table_of(metadata: sa.MetaData, of: type, name: str, *others: sa.schema.SchemaItem, **options: Any) -> sa.Table:
    """The table of a dataclass. others, options: as `sa.Table` takes them.

    `X | None` is nullable; a list, a mapping or anything is JSON. In `Annotated` stand a column's comment (a text), another type,
    and its options (a dict): those of `sa.Column`, and `references`, the column that it refers to.
    """
    columns = []
    for field, hint in get_type_hints(of, include_extras=True).items():
        plain, *about = get_args(hint) if get_origin(hint) is Annotated else [hint]
        kinds = get_args(plain) if NoneType in get_args(plain) else (plain,)
        column: dict[str, Any] = {
            "type_": COLUMN_TYPES.get(kinds[0], JSON),
            "nullable": plain is Any or NoneType in kinds,
        }
        for one in about:
            column |= one if isinstance(one, dict) else {"comment" if isinstance(one, str) else "type_": one}
        references = column.pop("references", None)
        columns.append(sa.Column(field, *([sa.ForeignKey(references)] if references else []), **column))
    return sa.Table(name, metadata, *columns, *others, **options)
