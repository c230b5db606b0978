"""The contract between the services: event types and nothing else."""

from cir_schemas.dossier import CandidacyRecorded, ContactsRecorded, ProofAsked, StatusChanged
from cir_schemas.eligibility import HouseholdAssessed
from cir_schemas.envelope import Event
from cir_schemas.household import HouseholdRecorded

__all__ = [
    "EVENTS",
    "CandidacyRecorded",
    "ContactsRecorded",
    "HouseholdAssessed",
    "HouseholdRecorded",
    "ProofAsked",
    "StatusChanged",
]

EVENTS: tuple[type[Event], ...] = (
    HouseholdRecorded,
    HouseholdAssessed,
    CandidacyRecorded,
    ContactsRecorded,
    StatusChanged,
    ProofAsked,
)
"""Every event there is, in the order of the chain."""
