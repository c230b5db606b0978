"""Every line that orders and turns rest on is kept. What stands already is added by the first proposal, and by each dossier's
first reading (candidacies.logged)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("on", sa.Date(), nullable=False, comment="the day in Belgium"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="what orders and turns rest on, in the order in which it counted; only added to",
    )
    op.create_index("log_proposals", "log", ["id"], postgresql_where=sa.text("kind = 'proposal'"))
    op.execute(
        "CREATE TRIGGER log_is_kept BEFORE UPDATE OR DELETE ON log FOR EACH ROW EXECUTE FUNCTION record_is_kept()"
    )
    logged = sa.Column("logged", sa.BigInteger(), nullable=True, comment="the version that its line in the log is of")
    op.add_column("candidacies", logged)
    behind = sa.text("logged IS DISTINCT FROM version")
    op.create_index("candidacies_to_log", "candidacies", ["dossier"], postgresql_where=behind)


def downgrade() -> None:
    op.drop_index("candidacies_to_log", table_name="candidacies")
    op.drop_column("candidacies", "logged")
    op.drop_table("log")
