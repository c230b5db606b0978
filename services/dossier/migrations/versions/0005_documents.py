"""Documents: what they prove and what became of them; of each dossier, which facts one waits on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

GUARD = """
CREATE FUNCTION documents_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM dossiers WHERE id = OLD.dossier AND number IS NULL) THEN
        RETURN OLD;  -- a draft is erased whole
    END IF;
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{state,decided}'::text[] = to_jsonb(OLD) - '{state,decided}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a document is never changed or deleted, but for what was decided';
END $$
"""


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("fact", sa.Text(), nullable=False, comment="what it proves, as it was asked"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False, comment="media type, by the content"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="who uploaded it, as his login names him"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), comment="of a helper"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="uploaded, accepted, rejected, replaced, or filed"),
        sa.Column("decided", sa.Uuid(), comment="the act that judged it"),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_documents_dossier"), "documents", ["dossier"], unique=False)
    op.add_column(
        "dossiers",
        sa.Column(
            "uploaded", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), server_default="{}", nullable=False,
            comment="facts that a document waits on",
        ),
    )  # fmt: skip
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER documents_are_kept BEFORE UPDATE OR DELETE ON documents"
        " FOR EACH ROW EXECUTE FUNCTION documents_are_kept()"
    )


def downgrade() -> None:
    op.drop_column("dossiers", "uploaded")
    op.drop_table("documents")
    op.execute("DROP FUNCTION documents_are_kept()")
