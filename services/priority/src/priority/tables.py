"""What priority keeps of every candidacy, and of each the places on the lists that it stands on."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DATEMULTIRANGE, JSONB

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
    sa.Column("company", sa.Text, comment="treats it; null: heard before this was kept"),
    sa.Column("placed", sa.BigInteger, comment="the version that its places are of"),
)
sa.Index("candidacies_wants", candidacies.c.wants, postgresql_using="gin", postgresql_ops={"wants": "jsonb_path_ops"})
sa.Index(
    "candidacies_to_place",
    candidacies.c.dossier,
    postgresql_where=candidacies.c.placed.is_distinct_from(candidacies.c.version),
)

places = sa.Table(
    "places",
    metadata,
    sa.Column("dossier", sa.Uuid, primary_key=True),
    sa.Column("municipality", sa.Text, primary_key=True),
    sa.Column("company", sa.Text, comment="lets homes in the municipality"),
    sa.Column("persons", sa.Integer, nullable=False),
    sa.Column("paused_until", sa.Date),
    sa.Column("lived", DATEMULTIRANGE, nullable=False, comment="in the municipality"),
    sa.Column("lasting_tie", DATEMULTIRANGE, nullable=False, comment="with the municipality"),
    sa.Column("area_ties", JSONB, nullable=False, comment="area → days of the lasting tie, as a datemultirange"),
    sa.Column("informal_care", sa.Boolean, nullable=False),
    sa.Column("registered_on", sa.Date, nullable=False),
    sa.Column("number_day", sa.Date, nullable=False),
    sa.Column("number_nth", sa.Integer, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    comment="who is registered, once per municipality that he wants",
)
sa.Index(
    "places_in_order",  # with all that a position asks of the others
    *(places.c[name] for name in ("municipality", "persons", "registered_on", "number_day", "number_nth")),
    postgresql_include=["lasting_tie", "informal_care", "paused_until"],
)
