"""Messages name the fact that a document proves, and whose it is."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("messages", "waiting"):
        op.add_column(table, sa.Column("role", sa.Text(), nullable=True, comment="of the member that it is about"))
        op.add_column(table, sa.Column("fact", sa.Text(), nullable=True, comment="that a document proves"))


def downgrade() -> None:
    for table in ("messages", "waiting"):
        op.drop_column(table, "fact")
        op.drop_column(table, "role")
