"""What waited before there was a queue is worked out: open dossiers, and those with an appeal, are marked for it."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE dossiers SET waits_from = 'infinity' WHERE waits = '{}' AND"
        " (status IN ('submitted', 'under_investigation', 'registered') OR standing ? 'appeals')"
    )  # builds before this one never come to that moment, and whoever settles the dossier puts his own there


def downgrade() -> None:
    op.execute("UPDATE dossiers SET waits_from = NULL WHERE waits_from = 'infinity'")
