"""By when a proof is due: what was asked before this has no day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def upgrade() -> None:
    comment = "what was last asked, per role and day by which it is due"
    op.alter_column("dossiers", "asked", existing_type=_JSON, existing_nullable=False, comment=comment)
    op.add_column("dossiers", sa.Column("proof_due_on", sa.Date(), comment="by when the first of it is due"))
    due = sa.text("proof_due_on IS NOT NULL")
    op.create_index("dossiers_proof_due", "dossiers", ["proof_due_on"], unique=False, postgresql_where=due)


def downgrade() -> None:
    op.drop_index("dossiers_proof_due", table_name="dossiers", postgresql_where=sa.text("proof_due_on IS NOT NULL"))
    op.drop_column("dossiers", "proof_due_on")
    op.alter_column(
        "dossiers", "asked", existing_type=_JSON, existing_nullable=False, comment="what was last asked, per role"
    )
