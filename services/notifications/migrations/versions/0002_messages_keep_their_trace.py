"""Messages keep their trace."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "messages",
        sa.Column("trace", sa.Text(), nullable=True, comment="the traceparent of what made it a message"),
    )
    op.add_column("waiting", sa.Column("trace", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("waiting", "trace")
    op.drop_column("messages", "trace")
