"""A candidate finds his dossiers by his login."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "candidacies_candidates",
        "candidacies",
        ["candidates"],
        postgresql_using="gin",
        postgresql_ops={"candidates": "jsonb_path_ops"},
    )


def downgrade() -> None:
    op.drop_index("candidacies_candidates", "candidacies")
