"""The register's tables, and the rows of those that are changed in memory. National numbers stay in this database."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from cir_chassis.audit import audit_table
from cir_chassis.idempotency import idempotency_table
from cir_chassis.outbox import outbox_table
from cir_chassis.tables import table_of
from dossier.domain.acts import Act
from dossier.facts.compose import Layers

metadata = sa.MetaData()
outbox = outbox_table(metadata)
idempotency_keys = idempotency_table(metadata)
audit = audit_table(metadata)  # kept like acts: those of a draft go with it

Json = dict[str, Any]
Id = Annotated[UUID, {"primary_key": True}]
OfDossier = Annotated[UUID, {"references": "dossiers.id", "index": True}]


def _place(comment: str) -> sa.Column[int]:
    return sa.Column("place", sa.BigInteger, sa.Identity(always=True), nullable=False, comment=comment)


@dataclass
class Dossier:
    """One dossier."""

    id: Id
    municipality: str
    company: str
    language: str
    email: str | None
    phone: str | None
    help: Json | None
    wants: list[str]
    started_at: datetime
    touched_at: Annotated[datetime, "when somebody last acted on it"]
    residence: Annotated[list[Json], "stays that count for the order"] = field(default_factory=list)
    informal_care_in: Annotated[list[str], "where informal care counts for the order"] = field(default_factory=list)
    household: Annotated[list[Json], "members as the rules see them, without numbers"] = field(default_factory=list)
    layers: Annotated[Layers, "what the statements add up to"] = field(default_factory=dict)
    uploaded: Annotated[dict[str, Json], "facts that a document waits on"] = field(default_factory=dict)
    vouched: Annotated[list[str], "addresses that the counter entered"] = field(default_factory=list)
    facts_version: int = 1
    declared_version: Annotated[int, "the facts_version that people last drew"] = 1
    household_version: Annotated[int, "the facts_version of the household"] = 1
    version: Annotated[int, "of the last snapshot published"] = 0
    number: Annotated[str | None, {"unique": True}] = None
    standing: Annotated[Json, "what the acts add up to"] = field(default_factory=dict)
    offers: Annotated[Json, "of homes, as part of that"] = field(default_factory=dict)
    status: str = "draft"
    assessment: Annotated[Json | None, "the newest that arrived"] = None
    assessment_version: int = 0
    assessed_version: Annotated[int | None, "the household_version that was assessed"] = None
    assessed_test: Annotated[str | None, "none: for information"] = None
    asked: Annotated[list[Json], "what was last asked, per role and day by which it is due"] = field(
        default_factory=list
    )
    proof_due_on: Annotated[date | None, "by when the first of it is due"] = None
    asked_about: Annotated[dict[str, Json], "persons, and until when answers are awaited"] = field(default_factory=dict)
    sources_until: Annotated[datetime | None, "until when their answers are awaited"] = None
    waits: Annotated[dict[str, str], "for a case worker, and since when"] = field(default_factory=dict)
    waits_from: Annotated[datetime | None, "when the first of it begins to wait"] = None


dossiers = table_of(metadata, Dossier, "dossiers")
BIRTH_DATES = sa.cast(sa.func.jsonb_path_query_array(dossiers.c.household, sa.text("'$[*].born_on'")), JSONB)
HELPED_BY, INFORMS = dossiers.c.help["organisation"].astext, dossiers.c.help["inform"].as_boolean()
sa.Index("dossiers_helped", HELPED_BY, postgresql_where=INFORMS)
sa.Index("dossiers_birth_dates", BIRTH_DATES, postgresql_using="gin")
sa.Index(
    "dossiers_waiting",
    *(dossiers.c.company, dossiers.c.waits_from, dossiers.c.id),
    postgresql_where=dossiers.c.waits_from.is_not(None),
)
sa.Index("dossiers_awaiting", dossiers.c.sources_until, postgresql_where=dossiers.c.sources_until.is_not(None))
sa.Index("dossiers_proof_due", dossiers.c.proof_due_on, postgresql_where=dossiers.c.proof_due_on.is_not(None))
sa.Index("dossiers_in_status", dossiers.c.company, dossiers.c.status)
sa.Index("dossiers_drafts", dossiers.c.touched_at, postgresql_where=dossiers.c.status == "draft")

_NAME_TRIGRAMS = "name_trigrams(coalesce(sheet ->> 'first_name', '') || ' ' || coalesce(sheet ->> 'last_name', ''))"


@dataclass(frozen=True)
class Member:
    """Who a member is and how he is reached; his facts stand in the household."""

    dossier: Annotated[UUID, {"references": "dossiers.id", "primary_key": True}]
    member: Annotated[str, {"primary_key": True}]
    role: str
    number: Annotated[str | None, {"index": True}, "national register number"] = None
    sheet: Annotated[Json, "name, phones, addresses, informal care"] = field(default_factory=dict)


members = table_of(
    metadata,
    Member,
    "members",
    sa.Column("trigrams", ARRAY(sa.Text), sa.Computed(_NAME_TRIGRAMS), comment="of his name, to look for him"),
    sa.Column("company", sa.Text, comment="of the dossier, by a trigger"),
    comment="who is in the household now",
)
NAMED_IN_COMPANY = sa.func.company_trigrams(members.c.company, members.c.trigrams, type_=ARRAY(sa.Text))
sa.Index("members_of_company", NAMED_IN_COMPANY, postgresql_using="gin")


@dataclass(frozen=True)
class RecordedAct:
    """One act. A trigger refuses to change or delete one, but for those of a draft that is erased."""

    id: Id
    dossier: OfDossier
    kind: str
    subject: Annotated[str, "who acted, as his login names him"]
    role: str
    relation: str
    at: datetime
    on: date
    person: Annotated[str | None, "whom the act is of"]
    reasons: list[str]
    refers: Json

    @property
    def act(self) -> Act:
        """The act, as far as the fold needs it."""
        return Act(str(self.id), self.kind, self.on, self.person, self.refers)


acts = table_of(metadata, RecordedAct, "acts", _place("order in which they took place"))


@dataclass(frozen=True)
class RecordedStatement:
    """What one layer says differently about a key of a person. Kept like acts: what was taken back has no value."""

    id: Id
    dossier: OfDossier
    person: Annotated[str, "whom the fact is of"]
    key: Annotated[str, "the fact, with its year or its right"]
    layer: Annotated[str, "declaration, source, counter or interpretation"]
    value: Any
    subject: Annotated[str, "who said it, as his login names him"]
    by: Annotated[str, "his role, or the source"]
    at: datetime
    facts_version: int


statements = table_of(metadata, RecordedStatement, "statements", _place("order in which they were made"))


@dataclass(frozen=True)
class Upload:
    """A file that is brought. type: by its content; name: as it is sent, on record without folders."""

    id: Id
    member: str
    fact: Annotated[str, "what it proves, as it was asked"]
    name: str
    type: Annotated[str, "media type, by the content"]
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Document(Upload):
    """One document; its file: `CIR_DOCUMENTS`. A trigger refuses to change or delete one, but for what was decided."""

    dossier: OfDossier
    subject: Annotated[str, "who uploaded it, as his login names him"]
    role: str
    organisation: Annotated[str | None, "of a helper"]
    at: datetime
    state: Annotated[str, "uploaded, accepted, rejected, replaced, or filed"]
    decided: Annotated[UUID | None, "the act that judged it"] = None


documents = table_of(metadata, Document, "documents")


@dataclass(frozen=True)
class Question:
    """One question to a source, worked off by a job."""

    id: Id
    dossier: OfDossier
    person: Annotated[str, "national register number"]
    source: str
    ground: Annotated[str, "why it was asked"]
    asked_at: datetime
    due_at: Annotated[datetime, "when it is sent, or sent again"]
    tries: Annotated[int, sa.Integer()] = 0
    answered_at: datetime | None = None
    answer: Annotated[Json | None, "none: the source does not know the person"] = None


questions = table_of(metadata, Question, "questions")
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


@dataclass(frozen=True)
class Published:
    """A company or organisation, as it was published last."""

    kind: Annotated[str, {"primary_key": True}, "company or organisation"]
    id: Annotated[str, {"primary_key": True}]
    version: int
    content: Json


directory = table_of(
    metadata, Published, "directory", comment="companies and organisations, as they were published last"
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
