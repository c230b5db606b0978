"""Places: the waiting list in the order of the law, on any day. What is on record is placed at the first read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "candidacies",
        sa.Column("company", sa.Text(), nullable=True, comment="treats it; null: heard before this was kept"),
    )
    op.add_column(
        "candidacies", sa.Column("placed", sa.BigInteger(), nullable=True, comment="the version that its places are of")
    )
    op.create_index(
        "candidacies_to_place", "candidacies", ["dossier"], postgresql_where=sa.text("placed IS DISTINCT FROM version")
    )
    op.create_table(
        "places",
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("municipality", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=True, comment="lets homes in the municipality"),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("paused_until", sa.Date(), nullable=True),
        sa.Column("lived", postgresql.DATEMULTIRANGE(), nullable=False, comment="in the municipality"),
        sa.Column("lasting_tie", postgresql.DATEMULTIRANGE(), nullable=False, comment="with the municipality"),
        sa.Column(
            "area_ties",
            postgresql.JSONB(),
            nullable=False,
            comment="area → days of the lasting tie, as a datemultirange",
        ),
        sa.Column("informal_care", sa.Boolean(), nullable=False),
        sa.Column("registered_on", sa.Date(), nullable=False),
        sa.Column("number_day", sa.Date(), nullable=False),
        sa.Column("number_nth", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dossier", "municipality"),
        comment="who is registered, once per municipality that he wants",
    )
    op.create_index(
        "places_in_order",
        "places",
        ["municipality", "persons", "registered_on", "number_day", "number_nth"],
        postgresql_include=["lasting_tie", "informal_care", "paused_until"],
    )


def downgrade() -> None:
    op.drop_table("places")
    op.drop_index("candidacies_to_place", table_name="candidacies")
    op.drop_column("candidacies", "placed")
    op.drop_column("candidacies", "company")
