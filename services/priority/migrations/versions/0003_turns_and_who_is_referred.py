"""Agreements of the council, the turns given under them, dwellings, referrals, requests about housing situations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _in_order(*include: str) -> None:
    op.drop_index("places_in_order", table_name="places")
    columns = ["municipality", "persons", "registered_on", "number_day", "number_nth"]
    op.create_index("places_in_order", "places", columns, postgresql_include=include)


def upgrade() -> None:
    _in_order("lasting_tie", "informal_care", "paused_until", "company", "dossier")
    op.create_table(
        "agreements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=True, comment="null: the whole company"),
        sa.Column("municipalities", postgresql.JSONB(), nullable=False),
        sa.Column(
            "content",
            postgresql.JSON(),
            nullable=False,
            comment="as proposed (council.Agreement), its groups in their order",
        ),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column(
            "through", sa.Date(), nullable=False, comment="included; earlier than agreed where another took its place"
        ),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "votes",
            postgresql.JSONB(),
            nullable=True,
            comment="[{member, municipality, vote}]",
        ),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=True, comment="null: proposed"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_agreements_company", "agreements", ["company"])
    op.create_table(
        "dwellings",
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="the company's own"),
        sa.Column("municipality", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=True),
        sa.Column("bedrooms", sa.Integer(), nullable=False),
        sa.Column("min_persons", sa.Integer(), nullable=False),
        sa.Column("max_persons", sa.Integer(), nullable=False),
        sa.Column("target_group", sa.Text(), nullable=True, comment="that it is kept for (pillar 3)"),
        sa.Column("free_on", sa.Date(), nullable=False),
        sa.Column("chosen", sa.Uuid(), nullable=True, comment="the dossier that it is to be offered to"),
        sa.PrimaryKeyConstraint("company", "id"),
        sa.UniqueConstraint("chosen"),
    )
    op.create_table(
        "situations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("documents", postgresql.JSONB(), nullable=False, comment="their ids"),
        sa.Column("asked_by", sa.Text(), nullable=False, comment="candidate, or who stood at the counter"),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("company", sa.Text(), nullable=True, comment="that reviewed it: a priority is of its regulation"),
        sa.Column("decision", sa.Text(), nullable=True, comment="priority, forwarded or refused; null: to be reviewed"),
        sa.Column("group", sa.Text(), nullable=True),
        sa.Column("reasons", postgresql.JSONB(), nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        comment="requests about a housing situation (woonsituatie)",
    )
    op.create_index("ix_situations_dossier", "situations", ["dossier"])
    op.create_index("situations_priority", "situations", ["group"], postgresql_where=sa.text("decision = 'priority'"))
    op.create_index(
        "situations_to_review", "situations", ["dossier"], unique=True, postgresql_where=sa.text("decision IS NULL")
    )
    op.create_table(
        "given_turns",
        sa.Column("agreement", sa.Uuid(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("of", sa.Text(), nullable=False, comment="whose turn it was"),
        sa.Column("to", sa.Text(), nullable=False, comment="who was given it"),
        sa.Column("how", sa.Text(), nullable=False, comment="taken, passed or repaid"),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("dwelling", sa.Text(), nullable=False),
        sa.Column("dossier", sa.Text(), nullable=False, comment="its number"),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement"],
            ["agreements.id"],
        ),
        sa.ForeignKeyConstraint(
            ["company", "dwelling"],
            ["dwellings.company", "dwellings.id"],
        ),
        sa.PrimaryKeyConstraint("agreement", "turn"),
        sa.UniqueConstraint("company", "dwelling"),
        comment="the ledger: what each owes whom is folded from it",
    )
    op.create_table(
        "referrals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agreement", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column("guidance_plan", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False, comment="accepted or refused"),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement"],
            ["agreements.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_referrals_dossier", "referrals", ["dossier"])
    op.create_index("ix_referrals_organisation", "referrals", ["organisation"])
    op.create_index("referrals_accepted", "referrals", ["agreement"], postgresql_where=sa.text("answer = 'accepted'"))
    op.add_column(
        "candidacies",
        sa.Column(
            "candidates",
            postgresql.JSONB(),
            nullable=True,
            comment="pseudonyms of applicant and partner; null: heard before this was kept",
        ),
    )


def downgrade() -> None:
    _in_order("lasting_tie", "informal_care", "paused_until")
    op.drop_column("candidacies", "candidates")
    op.drop_index("referrals_accepted", table_name="referrals", postgresql_where=sa.text("answer = 'accepted'"))
    op.drop_index("ix_referrals_organisation", table_name="referrals")
    op.drop_index("ix_referrals_dossier", table_name="referrals")
    op.drop_table("referrals")
    op.drop_table("given_turns")
    op.drop_index("situations_to_review", table_name="situations", postgresql_where=sa.text("decision IS NULL"))
    op.drop_index("situations_priority", table_name="situations", postgresql_where=sa.text("decision = 'priority'"))
    op.drop_index("ix_situations_dossier", table_name="situations")
    op.drop_table("situations")
    op.drop_table("dwellings")
    op.drop_index("ix_agreements_company", table_name="agreements")
    op.drop_table("agreements")
