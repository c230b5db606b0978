"""A helping organisation finds the dossiers that it helps with by consent."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX dossiers_helped ON dossiers ((help ->> 'organisation')) WHERE ((help ->> 'inform')::boolean)"
    )


def downgrade() -> None:
    op.drop_index("dossiers_helped", table_name="dossiers")
