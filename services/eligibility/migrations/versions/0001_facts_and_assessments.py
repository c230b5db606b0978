"""Facts and assessments begin."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "households",
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column(
            "version", sa.BigInteger(), server_default="0", nullable=False, comment="of the newest snapshot heard"
        ),
        sa.Column("facts_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("household", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("test", postgresql.JSONB(), nullable=True, comment="the open one: moment, day, registration date"),
        sa.Column(
            "said", sa.BigInteger(), server_default="0", nullable=False, comment="version of the last assessment said"
        ),
        sa.PrimaryKeyConstraint("dossier"),
    )
    op.create_table(
        "assessments",
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="of the assessment, as it was said"),
        sa.Column("facts_version", sa.BigInteger(), nullable=False),
        sa.Column("test", sa.Uuid(), nullable=True, comment="none: for information"),
        sa.Column("rules", sa.Text(), nullable=False, comment="hash of the rule files it was decided by"),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column(
            "household", postgresql.JSONB(), nullable=False, comment="the facts, day and moment it was decided on"
        ),
        sa.Column("assessment", postgresql.JSONB(), nullable=False),
        sa.Column("assessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("dossier", "version"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("outbox_unsent", "outbox", ["id"], unique=False, postgresql_where=sa.text("sent_at IS NULL"))


def downgrade() -> None:
    op.drop_table("outbox")
    op.drop_table("assessments")
    op.drop_table("households")
