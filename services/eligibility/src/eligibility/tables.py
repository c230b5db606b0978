"""The tables of eligibility: the facts last consumed, every assessment published, and the rules that each was decided by."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from cir_chassis.outbox import outbox_table

metadata = sa.MetaData()
outbox = outbox_table(metadata)

households = sa.Table(
    "households",
    metadata,
    sa.Column("dossier", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="0", comment="of the newest snapshot heard"),
    sa.Column("facts_version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("household", JSONB, nullable=False, server_default="{}"),
    sa.Column("test", JSONB(none_as_null=True), comment="the open one: moment, day, registration date"),
    sa.Column("said", sa.BigInteger, nullable=False, server_default="0", comment="version of the last assessment said"),
)

assessments = sa.Table(
    "assessments",
    metadata,
    sa.Column("dossier", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, index=True, comment="of the assessment, as it was said"),
    sa.Column("facts_version", sa.BigInteger, nullable=False),
    sa.Column("test", sa.Uuid, comment="none: for information"),
    sa.Column("rules", sa.Text, nullable=False, comment="hash of the rule files it was decided by"),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("household", JSONB, nullable=False, comment="the facts, day and moment it was decided on"),
    sa.Column("assessment", JSONB, nullable=False),
    sa.Column("assessed_at", sa.DateTime(timezone=True), nullable=False),
)

rulesets = sa.Table(
    "rulesets",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("texts", JSONB, nullable=False, comment="path → text of every file decided by"),
    sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
)
