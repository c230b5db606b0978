"""Messages tell of an offer of a home."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("messages", "waiting"):
        json = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
        op.add_column(table, sa.Column("offer", json, comment="what its letter tells of an offer of a home"))


def downgrade() -> None:
    for table in ("messages", "waiting"):
        op.drop_column(table, "offer")
