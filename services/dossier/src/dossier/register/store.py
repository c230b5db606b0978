"""Every query of the register. A change locks its dossier, so acts on one dossier come one after the other; a read does not."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretStr, TypeAdapter
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis import driver
from cir_chassis.clock import Clock
from cir_chassis.database import Database, Rows, Work
from cir_schemas.types import DossierRef
from dossier import tables
from dossier.directory.files import Directory
from dossier.domain.acts import Standing
from dossier.tables import Dossier, Member, Published, Question, RecordedAct, RecordedStatement

_STANDING = TypeAdapter(Standing)


_ONE_MORE = (
    insert(tables.day_numbers)
    .values(day=sa.bindparam("day"), last=1)
    .on_conflict_do_update(index_elements=["day"], set_={"last": tables.day_numbers.c.last + 1})
    .returning(tables.day_numbers.c.last)
)
_ACT = [tables.acts.c[field.name] for field in fields(RecordedAct)]
_numbers = sa.func.unnest(sa.bindparam("numbers", type_=ARRAY(sa.Text))).column_valued("number")
_LOCK_NUMBERS = sa.select(sa.func.count(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(_numbers, 0))))


def read_standing(row: Dossier) -> Standing:
    """What the acts add up to, as the row keeps it."""
    return _STANDING.validate_python(row.standing | {"offers": row.offers})


def write_standing(standing: Standing) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same, as the row keeps it: offers in a column of their own, which builds before them leave as it is."""
    kept: dict[str, Any] = _STANDING.dump_python(standing, mode="json", exclude_defaults=True)
    return kept, kept.pop("offers", {})


class RegisterWork(Work):
    """One transaction on the register. The day is read once: a number and its day cannot differ at midnight."""

    versioned = (tables.dossiers.c.assessment_version,)

    def __init__(
        self,
        connection: AsyncConnection,
        clock: Clock,
        organisations: Directory,
        person_key: SecretStr,
        sources_patience: timedelta | None = None,
        proof_term: timedelta = timedelta(days=30),
    ) -> None:
        """organisations: and housing companies. person_key: of the pseudonyms. sources_patience: how long the
        sources' answers are awaited; None: there are no sources to ask. proof_term: until when a proof is asked."""
        super().__init__(connection, clock)
        self.now, self.today = clock.now(), clock.today()
        self.organisations, self.companies = organisations, organisations.treats
        self.person_key, self.sources_patience = person_key, sources_patience
        self.proof_term = proof_term
        self.dossiers = Rows(tables.dossiers, Dossier)
        self.members = Rows(tables.members, Member)
        self.acts = Rows(tables.acts, RecordedAct, insert_only=True)
        self.statements = Rows(tables.statements, RecordedStatement, insert_only=True)
        self.questions = Rows(tables.questions, Question)
        self.directory = Rows(tables.directory, Published)
        self._deletions: list[sa.Delete] = []
        self._bindings: list[dict[str, Any]] = []
        self._again: list[Question] = []
        self._of: dict[UUID, dict[str, Member]] = {}

    @property
    def rows(self) -> Sequence[Rows[Any]]:
        return (self.dossiers, self.members, self.acts, self.statements, self.questions, self.directory)

    async def load(self, subjects: Iterable[UUID], *, lock: bool = True) -> None:
        ids = list(subjects)
        await self.dossiers.load(self.connection, "id", ids, lock=lock)
        await self.members.load(self.connection, "dossier", ids)
        self._of.clear()

    async def flush(self) -> None:
        while self._deletions:  # first: who leaves as one thing and is asked about as another is asked anew
            await self.connection.execute(self._deletions.pop())
        await super().flush()
        if self._bindings:
            await self.connection.execute(insert(tables.candidates).values(self._bindings).on_conflict_do_nothing())
            self._bindings.clear()
        if self._again:  # one that is open already is asked on
            again = insert(tables.questions).on_conflict_do_nothing()
            await self.connection.execute(again, [vars(question) for question in self._again])
            self._again.clear()

    async def find(self, dossier: DossierRef, *, lock: bool) -> Dossier | None:
        """A dossier and its members, by its id or its number."""
        if not lock:
            await self.see_one_moment()
        by_number = sa.select(tables.dossiers.c.id).where(tables.dossiers.c.number == dossier)
        id_ = dossier if isinstance(dossier, UUID) else await self.connection.scalar(by_number)
        await self.load([id_] if id_ else [], lock=lock)
        return self.dossiers.find(id_)

    async def see_one_moment(self) -> None:
        """Have a work that only reads see a dossier and its members as of one moment, since no lock holds who changes them."""
        if not self.dossiers.all():
            await self.connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))

    def members_of(self, dossier: UUID) -> dict[str, Member]:
        """Everybody in the household, by member id."""
        if not self._of:
            for member in self.members.all():
                self._of.setdefault(member.dossier, {})[member.member] = member
        return self._of.setdefault(dossier, {})

    def put_members(self, dossier: UUID, members: Iterable[Member]) -> dict[str, Member]:
        """Put these in the place of those who were in the household, and return them by member id."""
        now, table = {member.member: member for member in members}, tables.members
        if gone := self.members_of(dossier).keys() - now.keys():
            self._deletions.append(sa.delete(table).where(table.c.dossier == dossier, table.c.member.in_(gone)))
        self._of[dossier] = now
        for member in now.values():
            self.members.put(member)
        return now

    def abandon(self, dossier: UUID, persons: Collection[str]) -> None:
        """Ask no more about persons who left the household."""
        table = tables.questions
        if persons:
            of = (table.c.dossier == dossier) & table.c.person.in_(persons) & table.c.answered_at.is_(None)
            self._deletions.append(sa.delete(table).where(of))

    def ask_again(self, question: Question) -> None:
        """Ask a source once more, unless it is being asked."""
        self._again.append(question)

    def release(self, dossier: UUID) -> None:
        """Bind nobody to the dossier any more: for who cannot wait for `bind`."""
        self._deletions.append(sa.delete(tables.candidates).where(tables.candidates.c.dossier == dossier))

    def bind_again(self, dossier: UUID, numbers: Collection[str]) -> None:
        """Bind these persons to a dossier that a lease had closed, for who cannot wait for `bind`. Who is bound elsewhere
        (by a draft: of any other one priority knows, and refuses) stays so, and leaves one of both first."""
        self._bindings += [{"number": number, "dossier": dossier} for number in sorted(numbers)]

    async def acts_of(self, dossier: UUID) -> list[RecordedAct]:
        """Every act on the dossier, the oldest first."""
        table = tables.acts
        query = sa.select(*_ACT).where(table.c.dossier == dossier).order_by(table.c.place)
        return [RecordedAct(*row) for row in await self.connection.execute(query)]

    async def dossiers_of(self, number: str) -> list[Dossier]:
        """Every dossier that has somebody with this number in its household, loaded; nothing is locked."""
        await self.see_one_moment()
        mine = sa.select(tables.members.c.dossier).where(tables.members.c.number == number)
        ids = list(await self.connection.scalars(mine))
        await self.load(ids, lock=False)
        return sorted((self.dossiers.get(id_) for id_ in ids), key=lambda row: row.started_at)

    async def dossiers_helped(self, organisation: str, page: int, most: int) -> list[Dossier]:
        """A page of those that the organisation may read, that first of which something is due first; nothing is locked."""
        await self.see_one_moment()
        table = tables.dossiers
        # by name in records of before there were ids
        known_as = {organisation, self.organisations.called(organisation)}
        query = sa.select(table.c.id).where(tables.HELPED_BY.in_(known_as), tables.INFORMS)
        query = query.order_by(table.c.proof_due_on, table.c.started_at.desc(), table.c.id)
        ids = list(await self.connection.scalars(query.offset((page - 1) * most).limit(most)))
        await self.load(ids, lock=False)
        return [self.dossiers.get(id_) for id_ in ids]

    async def untouched_drafts(self, age: timedelta, limit: int = 100) -> list[UUID]:
        """Drafts on which nobody acted for so long."""
        table = tables.dossiers
        old = (table.c.status == "draft") & (table.c.touched_at < self.now - age)
        return list(await self.connection.scalars(sa.select(table.c.id).where(old).order_by(table.c.id).limit(limit)))

    async def load_directory(self) -> None:
        """Read what was published last of companies and organisations; nobody else publishes any until the commit."""
        await self.connection.execute(sa.text("LOCK TABLE directory IN EXCLUSIVE MODE"))
        await self.directory.load(self.connection, "kind", ["company", "organisation"])

    async def company_name(self, company: str) -> str:
        """The company and its phone, as they were published last; its id before that."""
        table = tables.directory
        query = sa.select(table.c.content).where(table.c.kind == "company", table.c.id == company)
        found = await self.connection.scalar(query) or {"name": company}
        return ", ".join(filter(None, (found["name"], found.get("phone"))))

    async def treating(self, companies: Collection[str]) -> list[str]:
        """Those of these companies that treat a dossier."""
        company = tables.dossiers.c.company
        query = sa.select(company).where(company.in_(companies)).distinct().order_by(company)
        return list(await self.connection.scalars(query)) if companies else []

    async def draw_number(self) -> int:
        """The sequence number of one more application today. The day's row stays locked until the commit: no gaps."""
        ((nth,),) = await driver.run(self.connection, _ONE_MORE, {"day": self.today})
        return int(nth)

    async def bind(self, dossier: UUID, numbers: Collection[str]) -> set[str]:
        """Bind these persons, and no others, to the dossier as its candidates. Returns those who are bound elsewhere."""
        table = tables.candidates
        bound = set(await self.connection.scalars(sa.select(table.c.number).where(table.c.dossier == dossier)))
        if bound == set(numbers):
            return set()
        # Two dossiers that take over each other's persons would deadlock: the numbers are locked in one order.
        await driver.run(self.connection, _LOCK_NUMBERS, {"numbers": sorted(bound | set(numbers))})
        await self.flush()  # the dossier's row is there before anything refers to it
        await self.connection.execute(
            sa.delete(table).where(table.c.dossier == dossier, table.c.number.not_in(numbers))
        )
        if new := sorted(set(numbers) - bound):
            rows = [{"number": number, "dossier": dossier} for number in new]
            await self.connection.execute(insert(table).values(rows).on_conflict_do_nothing())
        mine = sa.select(table.c.number).where(table.c.number.in_(numbers), table.c.dossier == dossier)
        return set(numbers) - set(await self.connection.scalars(mine))

    async def erase(self, dossier: UUID) -> list[UUID]:
        """Delete a draft with all that is known of it; the requests that made it are new ones when they come again. Returns its
        documents, whose files are to be deleted once this is committed."""
        keys, acts, documents = tables.idempotency_keys, tables.acts, tables.documents
        gone = sa.delete(documents).where(documents.c.dossier == dossier).returning(documents.c.id)
        files = list(await self.connection.scalars(gone))
        who = sa.select(acts.c.subject).where(acts.c.dossier == dossier)
        made = keys.c.caller.in_(who) & keys.c.answer["id"].astext.in_(map(str, [dossier, *files]))
        await self.connection.execute(sa.delete(keys).where(made))
        of_it = (tables.candidates, tables.members, tables.acts, tables.statements, tables.questions, tables.audit)
        for table in (*of_it, tables.claims, tables.notes):
            await self.connection.execute(sa.delete(table).where(table.c.dossier == dossier))
        await self.connection.execute(sa.delete(tables.dossiers).where(tables.dossiers.c.id == dossier))
        self.forget_audited(dossier)
        return files


async def with_every_dossier(
    database: Database[RegisterWork],
    do: Callable[[RegisterWork, Sequence[Dossier]], Awaitable[int]],
    at_once: int = 500,
) -> int:
    """Do it with all dossiers, some at a time, so that the register goes on meanwhile. Returns the sum of its answers."""
    done, last, id_ = 0, UUID(int=0), tables.dossiers.c.id
    while True:
        async with database.work() as work:
            following = sa.select(id_).where(id_ > last).order_by(id_).limit(at_once)
            if not (ids := list(await work.connection.scalars(following))):
                return done
            await work.load(ids)
            done, last = done + await do(work, [work.dossiers.get(one) for one in ids]), ids[-1]
