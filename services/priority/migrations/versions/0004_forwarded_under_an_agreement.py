"""A forwarded situation names the agreements that it was reviewed under."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    whose = "ids; if forwarded: whose referrers read it"
    op.add_column("situations", sa.Column("agreements", postgresql.JSONB(), nullable=True, comment=whose))


def downgrade() -> None:
    op.drop_column("situations", "agreements")
