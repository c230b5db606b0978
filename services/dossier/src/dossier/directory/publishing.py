"""Whatever stands differently in the files than it was published last is published at the start, once, under a newer version."""

from collections.abc import Mapping
from typing import Any

from cir_chassis.settings import WrongSettings
from cir_schemas import CompanyRecorded, OrganisationRecorded
from cir_schemas.dossier import DirectoryEntry
from dossier.directory.files import Directory
from dossier.register.store import RegisterWork
from dossier.tables import Published

GONE: Mapping[str, Any] = {"municipalities": [], "mailbox": None}
"""Of an entry that is no longer in its file: consumers keep its name, for those who are still told of it."""


async def publish(directory: Directory, work: RegisterWork) -> int:
    """Publish each company and organisation that changed, whole. Returns how many; of two replicas one publishes it.

    Raises `WrongSettings` where a company is gone from its file that treats dossiers: nobody would treat them any more.
    """
    await work.load_directory()
    kinds: tuple[tuple[type[CompanyRecorded | OrganisationRecorded], Mapping[str, DirectoryEntry]], ...] = (
        (CompanyRecorded, directory.companies),
        (OrganisationRecorded, directory.organisations),
    )
    published = 0
    for event, entries in kinds:
        before = {row.id: row for row in work.directory.all() if row.kind == event.keyed_by}
        now = {id_: {**row.content, **GONE} for id_, row in before.items()}
        now |= {id_: entry.model_dump(mode="json") for id_, entry in entries.items()}
        if event is CompanyRecorded and (lost := await work.treating(before.keys() - entries.keys())):
            hint = "let them stay there, with `municipalities: []` where they let no homes any more"
            raise WrongSettings(
                f"CIR_COMPANIES: these treat dossiers, and are gone from it: {', '.join(lost)}. Put them back: {hint}."
            )
        for id_, content in now.items():
            row = before.get(id_)
            if row is None or row.content != content:
                version = work.next_version(row.version if row else 0)
                work.directory.put(Published(event.keyed_by, id_, version, content))
                work.publish(event.model_validate({event.keyed_by: id_, "version": version, **content}))
                published += 1
    return published
