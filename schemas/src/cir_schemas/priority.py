"""What priority tells notifications: that somebody decided. Which group, and why, stands with the decision: either may be
an illness, and letters are read by others. The organisation that referred is named, for it is told; a letter to others is not
to name it.
"""

from typing import Literal
from uuid import UUID

from cir_schemas.envelope import Happening
from cir_schemas.types import DossierNumber, Organisation

Decision = Literal["priority", "forwarded", "refused"]
Answer = Literal["accepted", "refused"]


class SituationReviewed(Happening, topic="cir.priority.v1"):
    """A request about the housing situation (woonsituatie) was decided by a case worker."""

    number: DossierNumber
    situation: UUID
    decision: Decision


class ReferralAnswered(Happening, topic="cir.priority.v1"):
    """A referral for accelerated allocation (versnelde toewijzing) was answered: accepted with certainty, or refused at once."""

    number: DossierNumber
    referral: UUID
    organisation: Organisation
    answer: Answer
