"""Offers of homes, as part of what the acts of a dossier add up to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    offers = sa.Column("offers", json, server_default="{}", nullable=False, comment="of homes, as part of that")
    op.add_column("dossiers", offers)


def downgrade() -> None:
    op.drop_column("dossiers", "offers")
