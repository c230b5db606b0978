"""What priority keeps of every candidacy: what the waiting list reads, and nothing else."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from cir_chassis.outbox import outbox_table

metadata = sa.MetaData()
outbox = outbox_table(metadata)

candidacies = sa.Table(
    "candidacies",
    metadata,
    sa.Column("dossier", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("number", sa.Text),
    sa.Column("number_day", sa.Date),
    sa.Column("number_nth", sa.Integer),
    sa.Column("registered_on", sa.Date),
    sa.Column("persons", sa.Integer, nullable=False),
    sa.Column("wants", JSONB, nullable=False, comment="[{municipality, company}]"),
    sa.Column("residence", JSONB, nullable=False),
    sa.Column("informal_care_in", JSONB, nullable=False),
    sa.Column("paused_until", sa.Date),
)
sa.Index("candidacies_wants", candidacies.c.wants, postgresql_using="gin", postgresql_ops={"wants": "jsonb_path_ops"})
