"""A judgement may name what the refusal or silence was for: the year's figures count it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    told = "what it was for, by the newest judgement (rules/refusal_grounds.yaml); null: not named"
    op.add_column("offers", sa.Column("ground", sa.Text, nullable=True, comment=told))


def downgrade() -> None:
    op.drop_column("offers", "ground")
