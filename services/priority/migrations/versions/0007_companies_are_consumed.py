"""Where each housing company lets homes: dossier publishes it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "companies",
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("municipalities", JSONB(), nullable=False, comment="where it lets homes"),
        sa.PrimaryKeyConstraint("company"),
    )


def downgrade() -> None:
    op.drop_table("companies")
