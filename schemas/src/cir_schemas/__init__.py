"""The contract between the services: event types and nothing else."""

from cir_schemas.dossier import (
    ApplicantReplaced,
    CandidacyRecorded,
    CompanyRecorded,
    ContactsRecorded,
    DecisionTaken,
    DocumentInterpreted,
    MemberInvited,
    MemberLeft,
    OrganisationRecorded,
    ProofAsked,
    StatusChanged,
)
from cir_schemas.eligibility import HouseholdAssessed
from cir_schemas.envelope import Event
from cir_schemas.household import HouseholdErased, HouseholdRecorded
from cir_schemas.priority import ReferralAnswered, SituationReviewed

__all__ = [
    "EVENTS",
    "ApplicantReplaced",
    "CandidacyRecorded",
    "CompanyRecorded",
    "ContactsRecorded",
    "DecisionTaken",
    "DocumentInterpreted",
    "HouseholdAssessed",
    "HouseholdErased",
    "HouseholdRecorded",
    "MemberInvited",
    "MemberLeft",
    "OrganisationRecorded",
    "ProofAsked",
    "ReferralAnswered",
    "SituationReviewed",
    "StatusChanged",
]

EVENTS: tuple[type[Event], ...] = (
    HouseholdRecorded,
    HouseholdErased,
    HouseholdAssessed,
    CompanyRecorded,
    OrganisationRecorded,
    CandidacyRecorded,
    ContactsRecorded,
    StatusChanged,
    DecisionTaken,
    DocumentInterpreted,
    ProofAsked,
    MemberInvited,
    MemberLeft,
    ApplicantReplaced,
    SituationReviewed,
    ReferralAnswered,
)
"""Every event there is, in the order of the chain."""
