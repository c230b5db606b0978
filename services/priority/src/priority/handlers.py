"""Handlers of events. The table at the foot lists the events that priority consumes."""

from collections.abc import Sequence

from cir_chassis.consumer import Handlers
from cir_schemas import CandidacyRecorded, CompanyRecorded
from priority.domain.ranking import number_parts
from priority.store import Candidacy, Company, PriorityWork


def record_candidacies(events: Sequence[CandidacyRecorded], work: PriorityWork) -> None:
    """Keep the newest candidacy of each dossier, and its places; an older or repeated one changes nothing."""
    for event in events:
        known = work.candidacies.find(event.dossier)
        if work.is_newer(event, known.version if known else None):
            day, nth = number_parts(event.number) if event.number else (None, None)
            content = event.model_dump(mode="json", include={"wants", "residence", "informal_care_in", "candidates"})
            work.place(
                Candidacy(
                    dossier=event.dossier,
                    version=event.version,
                    status=event.status,
                    number=event.number,
                    number_day=day,
                    number_nth=nth,
                    registered_on=event.registered_on,
                    persons=event.persons,
                    paused_until=event.paused_until,
                    company=event.company,
                    placed=event.version,
                    **content,
                )
            )


def record_companies(events: Sequence[CompanyRecorded], work: PriorityWork) -> None:
    """Keep where each company lets homes."""
    for event in events:
        known = work.companies.find(event.company)
        if work.is_newer(event, known.version if known else None):
            work.companies.put(Company(event.company, event.version, list(event.municipalities)))


EVENTS: Handlers = {CandidacyRecorded: record_candidacies, CompanyRecorded: record_companies}
