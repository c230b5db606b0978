"""Stays of two candidates are kept apart; those on record are all of one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    each = "stays in the municipality, where two candidates have any: `lived` joins those that touch"
    op.add_column("places", sa.Column("lived_apart", postgresql.ARRAY(postgresql.DATERANGE()), comment=each))


def downgrade() -> None:
    op.drop_column("places", "lived_apart")
