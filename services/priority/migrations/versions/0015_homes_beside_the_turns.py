"""A company's board gives a home beside the turns (pillar 4): who decided when, and why, stands with the offer."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    told = "given beside the turns by the company's board: {kind, decided_on, decided_by, reasons}; null: by its turn"
    op.add_column("offers", sa.Column("special", JSONB(none_as_null=True), nullable=True, comment=told))


def downgrade() -> None:
    op.drop_column("offers", "special")
