"""The register's tables. National numbers stay in this database."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from cir_chassis.audit import audit_table
from cir_chassis.idempotency import idempotency_table
from cir_chassis.outbox import outbox_table

metadata = sa.MetaData()
outbox = outbox_table(metadata)
idempotency_keys = idempotency_table(metadata)
audit = audit_table(metadata)  # kept like acts: those of a draft go with it


def _json() -> JSONB:
    return JSONB(none_as_null=True)


dossiers = sa.Table(
    "dossiers",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("municipality", sa.Text, nullable=False),
    sa.Column("company", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("phone", sa.Text),
    sa.Column("help", _json()),
    sa.Column("vouched", _json(), nullable=False, server_default="[]", comment="addresses that the counter entered"),
    sa.Column("wants", _json(), nullable=False),
    sa.Column("residence", _json(), nullable=False, comment="stays that count for the order"),
    sa.Column("informal_care_in", _json(), nullable=False, comment="where informal care counts for the order"),
    sa.Column("household", _json(), nullable=False, comment="members as the rules see them, without numbers"),
    sa.Column("layers", _json(), nullable=False, server_default="{}", comment="what the statements add up to"),
    sa.Column("uploaded", _json(), nullable=False, server_default="{}", comment="facts that a document waits on"),
    sa.Column("declared_version", sa.BigInteger, nullable=False, comment="the facts_version that people last drew"),
    sa.Column("facts_version", sa.BigInteger, nullable=False),
    sa.Column("household_version", sa.BigInteger, nullable=False, comment="the facts_version of the household"),
    sa.Column("version", sa.BigInteger, nullable=False, comment="of the last snapshot published"),
    sa.Column("number", sa.Text, unique=True),
    sa.Column("standing", _json(), nullable=False, comment="what the acts add up to"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("assessment", _json(), comment="the newest that arrived"),
    sa.Column("assessment_version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("assessed_version", sa.BigInteger, comment="the household_version that was assessed"),
    sa.Column("assessed_test", sa.Text, comment="none: for information"),
    sa.Column("asked", _json(), nullable=False, comment="what was last asked, per role and day by which it is due"),
    sa.Column("proof_due_on", sa.Date, comment="by when the first of it is due"),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False, comment="when somebody last acted on it"),
    sa.Column(
        "asked_about",
        _json(),
        nullable=False,
        server_default="{}",
        comment="persons, and until when answers are awaited",
    ),
    sa.Column("sources_until", sa.DateTime(timezone=True), comment="until when their answers are awaited"),
    sa.Column("waits", _json(), nullable=False, server_default="{}", comment="for a case worker, and since when"),
    sa.Column("waits_from", sa.DateTime(timezone=True), comment="when the first of it begins to wait"),
)
BIRTH_DATES = sa.cast(sa.func.jsonb_path_query_array(dossiers.c.household, sa.text("'$[*].born_on'")), JSONB)
sa.Index("dossiers_birth_dates", BIRTH_DATES, postgresql_using="gin")
sa.Index(
    "dossiers_waiting",
    *(dossiers.c.company, dossiers.c.waits_from, dossiers.c.id),
    postgresql_where=dossiers.c.waits_from.is_not(None),
)
sa.Index("dossiers_awaiting", dossiers.c.sources_until, postgresql_where=dossiers.c.sources_until.is_not(None))
sa.Index("dossiers_proof_due", dossiers.c.proof_due_on, postgresql_where=dossiers.c.proof_due_on.is_not(None))
sa.Index("dossiers_drafts", dossiers.c.touched_at, postgresql_where=dossiers.c.status == "draft")

_NAME_TRIGRAMS = "name_trigrams(coalesce(sheet ->> 'first_name', '') || ' ' || coalesce(sheet ->> 'last_name', ''))"
members = sa.Table(
    "members",
    metadata,
    sa.Column("dossier", sa.Uuid, sa.ForeignKey("dossiers.id"), primary_key=True),
    sa.Column("member", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("number", sa.Text, index=True, comment="national register number"),
    sa.Column("sheet", _json(), nullable=False, server_default="{}", comment="name, phones, addresses, informal care"),
    sa.Column("trigrams", ARRAY(sa.Text), sa.Computed(_NAME_TRIGRAMS), comment="of his name, to look for him"),
    sa.Column("company", sa.Text, comment="of the dossier, by a trigger"),
    comment="who is in the household now",
)
NAMED_IN_COMPANY = sa.func.company_trigrams(members.c.company, members.c.trigrams, type_=ARRAY(sa.Text))
sa.Index("members_of_company", NAMED_IN_COMPANY, postgresql_using="gin")

acts = sa.Table(  # a trigger refuses to change or delete them, but for those of a draft that is erased
    "acts",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column(
        "place", sa.BigInteger, sa.Identity(always=True), nullable=False, comment="order in which they took place"
    ),
    sa.Column("dossier", sa.Uuid, sa.ForeignKey("dossiers.id"), nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, comment="who acted, as his login names him"),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("relation", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("on", sa.Date, nullable=False),
    sa.Column("person", sa.Text, comment="whom the act is of"),
    sa.Column("reasons", _json(), nullable=False),
    sa.Column("refers", _json(), nullable=False),
)

statements = sa.Table(  # kept like acts: what was taken back has no value
    "statements",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column(
        "place", sa.BigInteger, sa.Identity(always=True), nullable=False, comment="order in which they were made"
    ),
    sa.Column("dossier", sa.Uuid, sa.ForeignKey("dossiers.id"), nullable=False, index=True),
    sa.Column("person", sa.Text, nullable=False, comment="whom the fact is of"),
    sa.Column("key", sa.Text, nullable=False, comment="the fact, with its year or its right"),
    sa.Column("layer", sa.Text, nullable=False, comment="declaration, source, counter or interpretation"),
    sa.Column("value", _json()),
    sa.Column("subject", sa.Text, nullable=False, comment="who said it, as his login names him"),
    sa.Column("by", sa.Text, nullable=False, comment="his role, or the source"),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("facts_version", sa.BigInteger, nullable=False),
)

documents = (
    sa.Table(  # a trigger refuses to change or delete them, but for what was decided; their files: `CIR_DOCUMENTS`
        "documents",
        metadata,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("dossier", sa.Uuid, sa.ForeignKey("dossiers.id"), nullable=False, index=True),
        sa.Column("member", sa.Text, nullable=False),
        sa.Column("fact", sa.Text, nullable=False, comment="what it proves, as it was asked"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False, comment="media type, by the content"),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False, comment="who uploaded it, as his login names him"),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, comment="of a helper"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text, nullable=False, comment="uploaded, accepted, rejected, replaced, or filed"),
        sa.Column("decided", sa.Uuid, comment="the act that judged it"),
    )
)

questions = sa.Table(  # to the sources, worked off by a job
    "questions",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("dossier", sa.Uuid, sa.ForeignKey("dossiers.id"), nullable=False, index=True),
    sa.Column("person", sa.Text, nullable=False, comment="national register number"),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("ground", sa.Text, nullable=False, comment="why it was asked"),
    sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, comment="when it is sent, or sent again"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("answered_at", sa.DateTime(timezone=True)),
    sa.Column("answer", _json(), comment="none: the source does not know the person"),
)
sa.Index("questions_due", questions.c.due_at, postgresql_where=questions.c.answered_at.is_(None))
sa.Index(
    "questions_open",
    *(questions.c.dossier, questions.c.person, questions.c.source),
    unique=True,
    postgresql_where=questions.c.answered_at.is_(None),
)

candidates = sa.Table(  # an applicant or partner is bound to one dossier only: the primary key sees to it
    "candidates",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("dossier", sa.Uuid, sa.ForeignKey("dossiers.id"), nullable=False, index=True),
)

certificates = sa.Table(
    "certificates",
    metadata,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("dossier", sa.Uuid, sa.ForeignKey("dossiers.id"), nullable=False),
    sa.Column("registered_on", sa.Date, nullable=False),
    sa.UniqueConstraint("dossier", "registered_on"),
    comment="codes by which anyone finds out whether a certificate still holds",
)

directory = sa.Table(
    "directory",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True, comment="company or organisation"),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("content", _json(), nullable=False),
    comment="companies and organisations, as they were published last",
)

day_numbers = sa.Table(
    "day_numbers",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)

claims = sa.Table(  # for a day
    "claims",
    metadata,
    sa.Column("dossier", sa.Uuid, sa.ForeignKey("dossiers.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True, comment="what waits in it"),
    sa.Column("subject", sa.Text, nullable=False, comment="who has it, as his login names him"),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("dossier", sa.Uuid, sa.ForeignKey("dossiers.id"), nullable=False, index=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("subject", sa.Text, nullable=False, comment="the case worker who wrote it, as his login names him"),
    sa.Column("text", sa.Text, nullable=False),
    comment="of case workers for each other",
)
