"""The contract between the services: event types and nothing else."""

from cir_schemas.dossier import CandidacyRecorded, ContactsRecorded, ProofAsked, StatusChanged
from cir_schemas.eligibility import HouseholdAssessed
from cir_schemas.envelope import Event
from cir_schemas.household import HouseholdRecorded
from cir_schemas.priority import ReferralAnswered, SituationReviewed

__all__ = [
    "EVENTS",
    "CandidacyRecorded",
    "ContactsRecorded",
    "HouseholdAssessed",
    "HouseholdRecorded",
    "ProofAsked",
    "ReferralAnswered",
    "SituationReviewed",
    "StatusChanged",
]

EVENTS: tuple[type[Event], ...] = (
    HouseholdRecorded,
    HouseholdAssessed,
    CandidacyRecorded,
    ContactsRecorded,
    StatusChanged,
    ProofAsked,
    SituationReviewed,
    ReferralAnswered,
)
"""Every event there is, in the order of the chain."""
