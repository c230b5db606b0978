"""Certificates have codes, by which anyone finds out whether one still holds."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificates",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("registered_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.id"]),
        sa.PrimaryKeyConstraint("code"),
        sa.UniqueConstraint("dossier", "registered_on"),
        comment="codes by which anyone finds out whether a certificate still holds",
    )


def downgrade() -> None:
    op.drop_table("certificates")
