"""Assessments are read from the newest on, whosever they are."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_assessments_version", "assessments", ["version"])


def downgrade() -> None:
    op.drop_index("ix_assessments_version", "assessments")
