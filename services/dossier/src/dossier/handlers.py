"""What events do: an assessment that arrives may move a dossier. Read from the table at the foot."""

from collections.abc import Sequence

import structlog

from cir_chassis.consumer import Handlers
from cir_schemas import HouseholdAssessed
from dossier.register.register import Register
from dossier.register.store import RegisterWork

log = structlog.get_logger()


def take_assessments(events: Sequence[HouseholdAssessed], work: RegisterWork) -> None:
    """Keep the newest assessment of each dossier, and let it count if it may."""
    for event in events:
        row = work.dossiers.find(event.dossier)
        if row is None:
            log.info("an assessment of no dossier of ours, or of an erased draft", dossier=event.key)
        elif work.is_newer(event, row.assessment_version):
            row.assessment, row.assessment_version = event.assessment.model_dump(mode="json"), event.version
            row.assessed_version, row.assessed_test = event.facts_version, str(event.test) if event.test else None
            Register(row, work).settle(because_of=event)


EVENTS: Handlers = {HouseholdAssessed: take_assessments}
"""What is consumed, and what it does."""
