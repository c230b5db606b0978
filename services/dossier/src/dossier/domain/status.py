"""The status of a dossier is one pure function of the acts on record. Only a person refuses or strikes."""

from dataclasses import dataclass

CLOSINGS = ("withdrawn", "refused", "struck", "housed")


@dataclass(frozen=True)
class Acts:
    """What is on record of one dossier, as far as its status needs it.

    closing: the act that ended it, one of CLOSINGS; counted: the outcome that last decided, None as long as no assessment
    has counted; arrived: the outcome of the newest assessment that has arrived for the open test.
    """

    closing: str | None = None
    submitted: bool = False
    unconfirmed: bool = False
    counted: str | None = None
    arrived: str | None = None


@dataclass(frozen=True)
class Standing:
    """Where the dossier stands, the outcome that counts from now on, and whether that closes the open test."""

    status: str
    counted: str | None
    closes_test: bool = False


def standing(acts: Acts) -> Standing:
    """The status that follows from the acts.

    Facts that are not assessed yet never move a dossier: what has arrived decides. An assessment first counts once every
    adult has confirmed. "not_met" is no refusal: it is investigated, and the register asks for proof.
    """
    if acts.closing:
        return Standing(acts.closing, acts.counted)
    if not acts.submitted:
        return Standing("draft", None)
    if acts.counted is None and (acts.unconfirmed or acts.arrived is None):
        return Standing("submitted", None)
    decides = acts.arrived or acts.counted
    if decides == "met":
        return Standing("registered", decides, closes_test=acts.arrived is not None)
    return Standing("under_investigation", decides)
