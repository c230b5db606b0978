"""A company finds its dossiers by their status."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("dossiers_in_status", "dossiers", ["company", "status"])


def downgrade() -> None:
    op.drop_index("dossiers_in_status", table_name="dossiers")
