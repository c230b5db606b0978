"""Who read or changed personal data is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

GUARD = """
CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM dossiers WHERE id = OLD.dossier AND number IS NULL) THEN
        RETURN OLD;  -- a draft is erased whole
    END IF;
    RAISE EXCEPTION 'the audit is never changed or deleted';
END $$
"""


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("dossier", sa.Uuid(), nullable=True, comment="null: a list that names none, or too many"),
        sa.Column("subject", sa.Text(), nullable=False, comment="who, as his login names him"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("works_for", sa.Text(), nullable=True, comment="the company or organisation"),
        sa.Column("relation", sa.Text(), nullable=False, comment="to the dossier: the ground"),
        sa.Column("call", sa.Text(), nullable=False, comment="method and path, without what the path names"),
        sa.Column("detail", sa.Text(), nullable=True, comment="the action, or what the list was of"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_of_dossier", "audit", ["dossier", "id"])
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_kept()"
    )


def downgrade() -> None:
    op.drop_table("audit")
    op.execute("DROP FUNCTION audit_is_kept()")
