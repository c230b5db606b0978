"""The register's tables. Facts and declarations are kept as they were declared; national numbers stay in this database."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from cir_chassis.idempotency import idempotency_table
from cir_chassis.outbox import outbox_table

metadata = sa.MetaData()
outbox = outbox_table(metadata)
idempotency_keys = idempotency_table(metadata)


def _json() -> JSONB:
    return JSONB(none_as_null=True)


dossiers = sa.Table(
    "dossiers",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("municipality", sa.Text, nullable=False),
    sa.Column("company", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("help", _json()),
    sa.Column("wants", _json(), nullable=False),
    sa.Column("residence", _json(), nullable=False),
    sa.Column("informal_care_in", _json(), nullable=False),
    sa.Column("household", _json(), nullable=False, comment="members as declared, without numbers"),
    sa.Column("facts_version", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, comment="of the last snapshot said"),
    sa.Column("number", sa.Text, unique=True),
    sa.Column("submitted_on", sa.Date, comment="day of application"),
    sa.Column("must_confirm", _json(), nullable=False, comment="members who were adults at submission"),
    sa.Column("test", _json(), comment="the open one"),
    sa.Column("heard_version", sa.BigInteger, nullable=False, comment="of the newest assessment heard"),
    sa.Column("assessment", _json()),
    sa.Column("assessed_version", sa.BigInteger, comment="the facts_version that was assessed"),
    sa.Column("assessed_test", sa.Text),
    sa.Column("counted", sa.Text, comment="the outcome that last decided"),
    sa.Column("closing", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("asked", _json(), nullable=False, comment="what was last asked, per role"),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
)

members = sa.Table(
    "members",
    metadata,
    sa.Column("dossier", sa.Uuid, sa.ForeignKey("dossiers.id"), primary_key=True),
    sa.Column("member", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("number", sa.Text, comment="national register number"),
    sa.Column("confirmed_at", sa.DateTime(timezone=True)),
    sa.Column("confirmed_by", sa.Text, comment="himself, or who took the paper"),
)

candidates = sa.Table(  # an applicant or partner is in one dossier only: the primary key sees to it
    "candidates",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("dossier", sa.Uuid, sa.ForeignKey("dossiers.id"), nullable=False, index=True),
)

day_numbers = sa.Table(
    "day_numbers",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)
