"""Members are found in their company: each trigram in the index of names has the company before it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COMPANY_TRIGRAMS = """
CREATE FUNCTION company_trigrams(company text, trigrams text[]) RETURNS text[] IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$
    SELECT array_agg(company || trigram) FROM unnest(trigrams) trigram
$$
"""
OF_THE_DOSSIER = """
CREATE FUNCTION company_of_dossier() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.company := (SELECT company FROM dossiers WHERE id = NEW.dossier);
    RETURN NEW;
END
$$
"""  # a trigger: builds before this migration add members as well


def upgrade() -> None:
    op.add_column("members", sa.Column("company", sa.Text(), comment="of the dossier, by a trigger"))
    op.execute(OF_THE_DOSSIER)
    op.execute(
        "CREATE TRIGGER members_company BEFORE INSERT ON members FOR EACH ROW EXECUTE FUNCTION company_of_dossier()"
    )
    op.execute("UPDATE members SET company = dossiers.company FROM dossiers WHERE dossiers.id = dossier")
    op.execute(COMPANY_TRIGRAMS)
    op.execute("CREATE INDEX members_of_company ON members USING gin (company_trigrams(company, trigrams))")
    op.drop_index("members_named", table_name="members")


def downgrade() -> None:
    op.create_index("members_named", "members", ["trigrams"], unique=False, postgresql_using="gin")
    op.execute("DROP TRIGGER members_company ON members")
    op.execute("DROP FUNCTION company_of_dossier()")
    op.drop_column("members", "company")
    op.execute("DROP FUNCTION company_trigrams(text, text[])")
