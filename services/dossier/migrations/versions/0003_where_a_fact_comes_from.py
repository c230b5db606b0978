"""Where a fact comes from: what is on record becomes entries at the counter, and the questions to the sources get a table."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
contracts = True  # an older build knows no statements


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


GUARD = """
CREATE FUNCTION statements_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM dossiers WHERE id = OLD.dossier AND number IS NULL) THEN
        RETURN OLD;  -- a draft is erased whole
    END IF;
    RAISE EXCEPTION 'a statement is never changed or deleted: record another';
END $$
"""
BATCH = """
SELECT d.id, d.facts_version, d.household, d.residence, d.informal_care_in, d.touched_at,
       (SELECT coalesce(jsonb_object_agg(m.member, coalesce(m.number, 'member:' || m.member)), '{}')
        FROM members m WHERE m.dossier = d.id) AS persons
FROM dossiers d WHERE d.id > :last ORDER BY d.id LIMIT 500
"""
STATEMENTS = """
INSERT INTO statements (id, dossier, person, key, layer, value, subject, by, at, facts_version)
SELECT gen_random_uuid(), d.id, p.key, k.key, 'counter', k.value -> 'counter' -> 'value', 'before', 'register', d.touched_at,
       d.facts_version
FROM dossiers d, jsonb_each(d.layers) p, jsonb_each(p.value) k
"""


def by_key(facts: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Facts as statements have them: an income under its year, a claim on a right under the right."""
    for fact, value in facts.items():
        if fact == "incomes":
            yield fact, sorted(str(income["year"]) for income in value)
            yield from ((f"incomes.{income['year']}", income) for income in value)
        elif fact == "real_rights":
            yield (
                fact,
                [
                    {name: one for name, one in right.items() if name in ("right", "object", "country")}
                    for right in value
                ],
            )
            often: Counter[str] = Counter()
            for right in value:
                kind = "/".join((right["right"], right.get("object") or "-", right.get("country") or "BE"))
                often[kind] += 1
                if claim := {name: right[name] for name in ("exception", "proof") if right.get(name)}:
                    yield f"real_rights.{kind}/{often[kind]}", claim
        elif fact not in ("id", "role", "moves_in"):
            yield fact, value


def layers_of(row: Any) -> dict[str, dict[str, Any]]:
    layers: dict[str, dict[str, Any]] = {}
    for member in row.household:
        facts = dict(by_key(member))
        if member["role"] == "applicant":
            facts |= {"stays": row.residence, "informal_care_in": row.informal_care_in}
        entered = {"by": "register", "at": row.touched_at.isoformat(), "since": row.facts_version}
        layers[row.persons[member["id"]]] = {
            key: {"counter": entered | {"value": value}} for key, value in facts.items() if value is not None
        }
    return layers


def stays_of(row: Any) -> list[dict[str, Any]]:
    """They were taken for the applicant's."""
    applicant = next((member["id"] for member in row.household if member["role"] == "applicant"), None)
    return [{**stay, "member": applicant} for stay in row.residence]


def upgrade() -> None:
    op.create_table(
        "statements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "place", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="order in which they were made"
        ),
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False, comment="whom the fact is of"),
        sa.Column("key", sa.Text(), nullable=False, comment="the fact, with its year or its right"),
        sa.Column("layer", sa.Text(), nullable=False, comment="declaration, source, counter or interpretation"),
        sa.Column("value", _json(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False, comment="who said it, as his login names him"),
        sa.Column("by", sa.Text(), nullable=False, comment="his role, or the source"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts_version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_statements_dossier"), "statements", ["dossier"], unique=False)
    op.create_table(
        "questions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False, comment="national register number"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False, comment="why it was asked"),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, comment="when it is sent, or sent again"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", _json(), nullable=True, comment="none: the source does not know the person"),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_questions_dossier"), "questions", ["dossier"], unique=False)
    unanswered = sa.text("answered_at IS NULL")
    op.create_index("questions_due", "questions", ["due_at"], unique=False, postgresql_where=unanswered)
    op.create_index(
        "questions_open", "questions", ["dossier", "person", "source"], unique=True, postgresql_where=unanswered
    )
    op.add_column(
        "dossiers",
        sa.Column("layers", _json(), server_default="{}", nullable=False, comment="what the statements add up to"),
    )
    op.add_column(
        "dossiers",
        sa.Column("declared_version", sa.BigInteger(), comment="the facts_version that people last drew"),
    )
    op.add_column(
        "dossiers",
        sa.Column(
            "asked_about", _json(), server_default="{}", nullable=False,
            comment="persons, and until when answers are awaited",
        ),
    )  # fmt: skip
    op.add_column(
        "dossiers",
        sa.Column("sources_until", sa.DateTime(timezone=True), comment="until when their answers are awaited"),
    )
    op.execute("UPDATE dossiers SET declared_version = facts_version")
    op.alter_column("dossiers", "declared_version", existing_type=sa.BigInteger(), nullable=False)
    op.create_index(
        "dossiers_awaiting", "dossiers", ["sources_until"], unique=False,
        postgresql_where=sa.text("sources_until IS NOT NULL"),
    )  # fmt: skip
    op.alter_column(
        "dossiers", "household", existing_type=_json(), comment="members as the rules see them, without numbers"
    )
    op.alter_column("dossiers", "residence", existing_type=_json(), comment="stays that count for the order")
    op.alter_column(
        "dossiers", "informal_care_in", existing_type=_json(), comment="where informal care counts for the order"
    )
    connection, last = op.get_bind(), "00000000-0000-0000-0000-000000000000"
    while found := connection.execute(sa.text(BATCH), {"last": last}).all():
        connection.execute(
            sa.text(
                "UPDATE dossiers SET layers = CAST(:layers AS jsonb), residence = CAST(:residence AS jsonb) WHERE id = :id"
            ),
            [
                {"id": row.id, "layers": json.dumps(layers_of(row)), "residence": json.dumps(stays_of(row))}
                for row in found
            ],
        )
        last = found[-1].id
    op.execute(STATEMENTS)
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER statements_are_kept BEFORE UPDATE OR DELETE ON statements"
        " FOR EACH ROW EXECUTE FUNCTION statements_are_kept()"
    )


def downgrade() -> None:
    op.drop_index("dossiers_awaiting", table_name="dossiers", postgresql_where=sa.text("sources_until IS NOT NULL"))
    for column in ("sources_until", "asked_about", "declared_version", "layers"):
        op.drop_column("dossiers", column)
    for column, comment in (
        ("household", "members as declared, without numbers"),
        ("residence", None),
        ("informal_care_in", None),
    ):
        op.alter_column("dossiers", column, existing_type=_json(), comment=comment)
    op.drop_table("questions")
    op.drop_table("statements")
    op.execute("DROP FUNCTION statements_are_kept()")
